package vnet

// A super-frame's header says where the L4 header to be repeated is, not what
// stands in front of it. The walker finds out: every header on the way whose
// contents depend on the length, or the octets, of what it encloses.

// layerKind is a kind of header that a segment needs adjusted.
type layerKind uint8

const (
	layerIPv4 layerKind = iota
	layerIPv6
	layerUDP   // a tunnel's
	layerGRE   // with a checksum
	layerPPPoE // session stage
)

// layer is one such header.
type layer struct {
	kind layerKind
	// routed: an IPv6 routing header follows, so that the destination address
	// is not the one checksums cover.
	routed bool
	off    int // from the frame's first octet
}

// maxLayers bounds the headers noted in one frame: three nested tunnels and
// then some.
const maxLayers = 12

// maxHeaders bounds, in octets, how deep into a frame an L4 header is looked for.
const maxHeaders = 1024

// walker walks the headers of one frame, outermost first. It is a reused value.
type walker struct {
	frame []byte
	// target is the L4 header to reach; 0 means the innermost one that can be
	// reached without guessing.
	target int

	n      int // layers noted
	layers [maxLayers]layer
	l4     int   // where the walk ended
	proto  uint8 // the protocol there

	// Where the walk first went on by convention (a UDP port) or could not go
	// on: a search may start here.
	opaque, opaqueN int
}

// find walks frame up to the L4 header at target and reports whether it got
// there. Tunnels it does not know are bridged by looking for an IP header
// whose length runs to the frame's end and which leads to target.
func (w *walker) find(frame []byte, target int) bool {
	if target > maxHeaders {
		return false
	}
	w.frame, w.target, w.n, w.opaque = frame, target, 0, 0
	if w.walkEthernet(0) {
		return true
	}
	if w.opaque == 0 {
		return false
	}
	n := w.opaqueN
	for off := w.opaque; off+20 <= target; off++ {
		if !w.fits(off) {
			continue
		}
		w.n, w.opaque = n, 0
		if w.walkIP(off) {
			return true
		}
		if w.opaque > off {
			// One unknown tunnel in another: go on behind this one. Never
			// coming back keeps the search linear for frames made to slow it.
			off, n = w.opaque-1, w.opaqueN
		}
	}
	return false
}

// findInnermost walks frame into every tunnel it knows, up to an L4 header.
func (w *walker) findInnermost(frame []byte) bool {
	w.frame, w.target, w.n, w.opaque = frame, 0, 0, 0
	return w.walkEthernet(0)
}

// fits reports whether an IP header at off, ending with the frame, is likely.
func (w *walker) fits(off int) bool {
	b := w.frame[off:]
	switch b[0] >> 4 {
	case 4:
		n := int(b[0]&0x0f) * 4
		return n >= 20 && n <= len(b) && int(be16(b, 2)) == len(b) && sum(b[:n]) == 0xffff
	case 6:
		return len(b) >= 40 && int(be16(b, 4)) == len(b)-40
	}
	return false
}

// ip returns the innermost IP layer noted, nil if there is none.
func (w *walker) ip() *layer {
	for i := w.n - 1; i >= 0; i-- {
		if k := w.layers[i].kind; k == layerIPv4 || k == layerIPv6 {
			return &w.layers[i]
		}
	}
	return nil
}

func (w *walker) note(kind layerKind, off int) bool {
	if w.n == maxLayers {
		return false
	}
	w.layers[w.n] = layer{kind: kind, off: off}
	w.n++
	return true
}

// stop ends the walk at off for lack of knowledge.
func (w *walker) stop(off int) bool {
	w.guess(off)
	return false
}

// guess remembers the first place where knowledge ended.
func (w *walker) guess(off int) {
	if w.opaque == 0 {
		w.opaque, w.opaqueN = off, w.n
	}
}

func (w *walker) walkEthernet(off int) bool {
	next, et, ok := ethernet(w.frame, off)
	return ok && w.walkType(next, et)
}

// walkType walks what an EtherType announces at off.
func (w *walker) walkType(off int, et uint16) bool {
	if off > min(maxHeaders, len(w.frame)) {
		return false
	}
	b := w.frame[off:]
	switch et {
	case etIPv4, etIPv6:
		return w.walkIP(off)
	case etTEB:
		return w.walkEthernet(off)
	case etMPLS, etMPLSm:
		return w.walkMPLS(off)
	case etPPPoE: // RFC 2516 4: length at 4, PPP protocol behind it
		if len(b) < 8 || !w.note(layerPPPoE, off) {
			return false
		}
		if ppp := be16(b, 6); ppp == 0x0021 || ppp == 0x0057 {
			return w.walkIP(off + 8)
		}
	case etNSH: // RFC 8300 2.2: length in words, next protocol
		if len(b) < 8 || b[1]&0x3f < 2 {
			return false
		}
		return w.walkNext(off+int(b[1]&0x3f)*4, b[3])
	case etVLAN, etQinQ, etQinQ1, etQinQ2:
		next, inner, ok := vlans(w.frame, off, et)
		return ok && w.walkType(next, inner)
	}
	return w.stop(off)
}

// walkNext walks what a next-protocol octet of NSH or VXLAN-GPE announces.
func (w *walker) walkNext(off int, next uint8) bool {
	switch next {
	case 1, 2:
		return w.walkIP(off)
	case 3:
		return w.walkEthernet(off)
	case 4:
		return w.walkType(off, etNSH)
	case 5:
		return w.walkMPLS(off)
	}
	return w.stop(off)
}

// walkMPLS walks a label stack (RFC 3032) and the IP packet behind it.
func (w *walker) walkMPLS(off int) bool {
	for off+4 <= len(w.frame) {
		bottom := w.frame[off+2]&1 != 0
		off += 4
		if bottom {
			w.guess(off) // the label's owner knows what it is; mostly IP
			return w.walkIP(off)
		}
	}
	return false
}

// walkIP walks the IP packet at off, of the version its first octet says.
func (w *walker) walkIP(off int) bool {
	if off >= len(w.frame) {
		return false
	}
	switch w.frame[off] >> 4 {
	case 4:
		next, proto, ok := ipv4(w.frame, off)
		return ok && w.note(layerIPv4, off) && w.walkProto(next, proto)
	case 6:
		next, proto, routed, ok := ipv6(w.frame, off)
		if !ok || !w.note(layerIPv6, off) {
			return false
		}
		w.layers[w.n-1].routed = routed
		return w.walkProto(next, proto)
	}
	return w.stop(off)
}

// walkProto walks what an IP header announces at off.
func (w *walker) walkProto(off int, proto uint8) bool {
	if w.target != 0 && off >= w.target {
		w.l4, w.proto = off, proto
		return off == w.target
	}
	switch proto {
	case protoIPv4, protoIPv6:
		return w.walkIP(off)
	case protoGRE:
		return w.walkGRE(off)
	case protoUDP:
		return w.walkUDP(off)
	case protoMPLS:
		return w.walkMPLS(off)
	case protoEthernet:
		return w.walkEthernet(off)
	case protoEtherIP:
		return w.walkEthernet(off + 2)
	}
	if w.target == 0 {
		w.l4, w.proto = off, proto
		return true
	}
	return w.stop(off)
}
