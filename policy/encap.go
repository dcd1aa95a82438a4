package policy

// EtherTypes that the walk through encapsulations knows beside IP and VLAN.
const (
	etherBatman = 0x4305 // B.A.T.M.A.N. advanced
	etherTEB    = 0x6558 // transparent Ethernet bridging, within GRE
	etherRARP   = 0x8035
	etherMPLS   = 0x8847
	etherMPLSMC = 0x8848
	etherPPPoE  = 0x8864 // session stage
	etherPPP    = 0x880b // PPP, within GRE version 1
	etherPRP    = 0x88fb
	etherTIPC   = 0x88ca
	etherPTP    = 0x88f7
	etherFCoE   = 0x8906
	etherHSR    = 0x892f
)

// PPP protocol numbers (IANA).
const (
	pppIPv4   = 0x0021
	pppIPv6   = 0x0057
	pppMPLS   = 0x0281
	pppMPLSMC = 0x0283
)

// maxHeaders is how often the walk goes on behind a header that wraps another
// (kernel: the flow dissector's limit). Beyond it counts what was found so far.
const maxHeaders = 15

// walk is a dissection for the encap policies: header by header to the
// innermost one, the way of the kernel's flow dissector. UDP tunnels are not
// entered; their sender puts the inner flow into the source port.
//
// One step takes one header, so that Explain can watch.
type walk struct {
	flow
	b         []byte
	at        int    // offset of the header to come
	etherType uint16 // its kind, or, behind an IP header, that one's
	behindIP  bool   // the header to come is flow.proto's
	headers   int    // how many wrapped another
}

// verdict is the outcome of a step.
type verdict uint8

const (
	onward verdict = iota // go on with the header that is now at w.at
	nested                // likewise, and it counts against maxHeaders
	done                  // no more to find; what was found holds
	failed                // cut short or unknown: the frame hashes as layer 2
)

// run dissects. False means that the dissection failed.
func (w *walk) run() bool {
	for {
		switch w.step() {
		case done:
			return true
		case failed:
			return false
		}
	}
}

func (w *walk) step() verdict {
	var v verdict
	if w.behindIP {
		v = w.upper()
	} else {
		v = w.link()
	}
	if v != nested {
		return v
	}
	if w.headers++; w.headers <= maxHeaders {
		return onward
	}
	if w.behindIP {
		w.l4, w.ports = w.at, portsAt(w.b, w.at, w.proto)
	}
	return done
}

// has reports whether n octets are left at w.at.
func (w *walk) has(n int) bool { return len(w.b)-w.at >= n }

// link takes a header that an EtherType names.
func (w *walk) link() verdict {
	switch w.etherType {
	case etherIPv4:
		if !w.has(ipv4Header) || w.b[w.at]&0xf < 5 {
			return failed
		}
		w.setIPv4(w.b, w.at)
	case etherIPv6:
		if !w.has(ipv6Header) {
			return failed
		}
		w.setIPv6(w.b, w.at)
	case etherVLAN, etherSVLAN:
		return w.inner(vlanTag, 2)
	case etherHSR, etherPRP:
		return w.inner(6, 4)
	case etherBatman:
		// Only unicast packets (0x40) of version 15 carry a frame.
		if !w.has(24) || w.b[w.at] != 0x40 || w.b[w.at+1] != 15 {
			return failed
		}
		return w.inner(24, 22)
	case etherPPPoE:
		return w.pppoe()
	case etherTIPC:
		// The sender's node. The kernel spreads keepalives at random; here
		// they go with the node's other traffic.
		if !w.has(16) {
			return failed
		}
		w.family, w.ip, w.addrs = tipcAddrs, w.at, load32(w.b, w.at+12)
		return done
	case etherFCoE:
		return w.doneIf(38)
	case etherPTP:
		return w.doneIf(34)
	case etherARP, etherRARP, etherMPLS, etherMPLSMC:
		// Known, but nothing in them is mixed.
		return done
	default:
		return failed
	}
	if w.proto == protoUnknown {
		return done
	}
	w.at, w.behindIP = w.l4, true
	return onward
}

// inner goes behind a header of n octets with the next EtherType at offset
// next in it.
func (w *walk) inner(n, next int) verdict {
	if !w.has(n) {
		return failed
	}
	w.etherType = be16(w.b, w.at+next)
	w.at += n
	return nested
}

func (w *walk) doneIf(n int) verdict {
	if !w.has(n) {
		return failed
	}
	return done
}

// pppoe: RFC 2516 section 4, with the PPP protocol behind it. A compressed
// protocol field (RFC 1661 section 6.5) is not read; RFC 2516 advises against.
func (w *walk) pppoe() verdict {
	if !w.has(8) || be16(w.b, w.at) != 0x1100 { // version 1, type 1, code 0: session data
		return failed
	}
	switch proto := be16(w.b, w.at+6); {
	case proto == pppIPv4:
		w.etherType = etherIPv4
	case proto == pppIPv6:
		w.etherType = etherIPv6
	case proto == pppMPLS:
		w.etherType = etherMPLS
	case proto == pppMPLSMC:
		w.etherType = etherMPLSMC
	case proto&0x0101 == 0x0001: // well-formed, RFC 1661 section 2
		return done
	default:
		return failed
	}
	w.at += 8
	return nested
}

// upper takes a header that an IP protocol number names. w.etherType is that
// of the IP header before.
func (w *walk) upper() verdict {
	switch w.proto {
	case protoIPv4:
		return w.ipInIP(etherIPv4)
	case protoIPv6:
		return w.ipInIP(etherIPv6)
	case protoMPLS:
		return w.ipInIP(etherMPLS)
	case protoGRE:
		return w.gre()
	case protoHopByHop, protoRouting, protoDstOpts:
		if w.etherType == etherIPv6 {
			return w.extension()
		}
	case protoFragment:
		if w.etherType == etherIPv6 {
			w.proto = protoUnknown
			return w.doneIf(8)
		}
	case protoICMP, protoICMPv6:
		if w.isICMP() && w.has(icmpHeader) {
			w.icmp = icmpAt(w.b, w.at, w.family)
		}
	}
	w.l4, w.ports = w.at, portsAt(w.b, w.at, w.proto)
	return done
}

func (w *walk) ipInIP(etherType uint16) verdict {
	w.etherType, w.behindIP = etherType, false
	return nested
}

// extension goes behind an extension header: RFC 8200 section 4, next header
// and length in units of 8 octets beyond the first 8.
func (w *walk) extension() verdict {
	if !w.has(2) {
		return failed
	}
	w.proto = int(w.b[w.at])
	w.at += (int(w.b[w.at+1]) + 1) * 8
	return nested
}
