package policy

// IP protocol numbers (IANA).
const (
	protoHopByHop = 0
	protoICMP     = 1
	protoIGMP     = 2
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoDCCP     = 33
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoDstOpts  = 60
	protoSCTP     = 132
	protoUDPLite  = 136
	protoMPLS     = 137

	protoUnknown = -1 // a fragment: what is behind the header may not be asked
)

// Header lengths in octets, options not included.
const (
	ipv4Header = 20
	ipv6Header = 40
	icmpHeader = 8
)

// family is the kind of addresses a dissection ended with.
type family uint8

const (
	noAddrs family = iota
	ipv4Addrs
	ipv6Addrs
	tipcAddrs
)

// flow is what a dissection found out about a frame: the words that the hash
// policies above layer 2 mix, and where they stand.
type flow struct {
	family family
	ip     int  // offset of the header the addresses are from; valid iff family != noAddrs
	proto  int  // what follows it, protoUnknown for fragments; valid iff family is IPv4 or IPv6
	l4     int  // offset of what follows; valid as proto, may be beyond the frame
	quoted bool // the IP header is one that an ICMP error quotes

	addrs uint32 // A: source xor destination, folded to one word
	ports uint32 // P: both ports or the SPI, 0 if there are none
	icmp  uint32 // I: type, code and identifier; 0 if there is no identifier
}

// plain dissects for the policies that don't look into tunnels. False means
// that there is no whole IP header at offset at.
func (fl *flow) plain(b []byte, at int, etherType uint16) bool {
	if !fl.header(b, at, etherType) {
		return false
	}
	if !fl.isICMP() {
		fl.ports = portsAt(b, fl.l4, fl.proto)
		return true
	}
	if len(b)-fl.l4 < icmpHeader {
		return true
	}
	if !isICMPError(b[fl.l4], fl.family) {
		fl.icmp = icmpAt(b, fl.l4, fl.family)
		return true
	}
	// An error goes the way of the packet it complains about, so that a path
	// MTU message reaches the host its flow balances to.
	fl.quoted = true
	if !fl.header(b, fl.l4+icmpHeader, etherType) {
		return false
	}
	fl.ports = portsAt(b, fl.l4, fl.proto)
	return true
}

// header reads an IP header, the family being what etherType says and not the
// version in it. Extension headers of IPv6 stay unread: the protocol is the
// base header's.
func (fl *flow) header(b []byte, at int, etherType uint16) bool {
	switch etherType {
	case etherIPv4:
		if len(b)-at < ipv4Header {
			return false
		}
		fl.setIPv4(b, at)
	case etherIPv6:
		if len(b)-at < ipv6Header {
			return false
		}
		fl.setIPv6(b, at)
	default:
		return false
	}
	return true
}

// setIPv4 takes the whole header at offset at. A header length below 20 octets
// is believed.
func (fl *flow) setIPv4(b []byte, at int) {
	h := b[at : at+ipv4Header]
	fl.family, fl.ip = ipv4Addrs, at
	fl.addrs = load32(h, 12) ^ load32(h, 16)
	fl.l4 = at + int(h[0]&0xf)*4
	fl.proto = int(h[9])
	if be16(h, 6)&0x3fff != 0 { // more fragments, or an offset
		fl.proto = protoUnknown
	}
}

// setIPv6 takes the whole header at offset at.
func (fl *flow) setIPv6(b []byte, at int) {
	h := b[at : at+ipv6Header]
	fl.family, fl.ip = ipv6Addrs, at
	fl.addrs = load32(h, 8) ^ load32(h, 12) ^ load32(h, 16) ^ load32(h, 20) ^
		load32(h, 24) ^ load32(h, 28) ^ load32(h, 32) ^ load32(h, 36)
	fl.l4 = at + ipv6Header
	fl.proto = int(h[6])
}

func (fl *flow) isICMP() bool {
	return fl.proto == protoICMP && fl.family == ipv4Addrs ||
		fl.proto == protoICMPv6 && fl.family == ipv6Addrs
}

// portsAt is P: the ports or the SPI of the header at offset at, zero if it has
// none or is cut short.
func portsAt(b []byte, at, proto int) uint32 {
	off := portOffset(proto)
	if off < 0 || len(b)-at-off < 4 {
		return 0
	}
	return load32(b, at+off)
}

// portOffset is where a protocol's header has its ports or SPI, -1 if it has
// neither.
func portOffset(proto int) int {
	switch proto {
	case protoTCP, protoUDP, protoDCCP, protoESP, protoSCTP, protoUDPLite:
		return 0
	case protoAH:
		return 4
	}
	return -1
}

// isICMPError reports whether a message quotes the packet that caused it:
// RFC 792 types 3, 4, 5, 11, 12; RFC 4443 section 2.1 types 0 to 127.
func isICMPError(typ byte, f family) bool {
	if f == ipv6Addrs {
		return typ < 128
	}
	switch typ {
	case 3, 4, 5, 11, 12:
		return true
	}
	return false
}

// icmpAt is I of the message at offset at, zero unless it has an identifier:
// echo and timestamp of ICMP, echo of ICMPv6. An identifier of zero counts as
// one, so that I tells whether there was one. The caller has checked the
// length.
func icmpAt(b []byte, at int, f family) uint32 {
	h := b[at : at+icmpHeader]
	switch typ := h[0]; {
	case f == ipv6Addrs && (typ == 128 || typ == 129):
	case f == ipv4Addrs && (typ == 0 || typ == 8 || typ == 13 || typ == 14):
	default:
		return 0
	}
	id := max(uint32(be16(h, 4)), 1)
	if bigEndian { // the kernel keeps {u8 type, u8 code, u16 id} and loads it as a word
		return uint32(h[0])<<24 | uint32(h[1])<<16 | id
	}
	return uint32(h[0]) | uint32(h[1])<<8 | id<<16
}
