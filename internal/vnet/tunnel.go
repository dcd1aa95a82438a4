package vnet

// IsTunnelGSO reports whether h, the header of frame, describes a super-frame
// inside a tunnel. The header has no word for tunnels: af_packet labels a
// VXLAN, Geneve, GRE or IPIP super-frame as plain TCP with the inner segment
// size, and the kernel at the other end, taking the label for the truth, cuts
// it wrong or refuses it. It is known by its checksum: that of a plain
// super-frame starts right behind the outermost IP header, a tunnel's further
// in. MPLS and PPPoE count as tunnels here: the kernel does not cut those
// either once the way it built them is forgotten.
func IsTunnelGSO(frame []byte, h *Hdr) bool {
	if h.GSOType == GSONone || h.Flags&FlagNeedsCsum == 0 {
		return false
	}
	off, proto, ok := plainL4(frame)
	if !ok || off != int(h.CsumStart) {
		return true
	}
	if h.GSOType == GSOUDP || h.GSOType == GSOUDPL4 {
		return proto != protoUDP
	}
	return proto != protoTCP
}

// UDP ports of tunnels.
const (
	portGeneve   = 6081 // RFC 8926
	portVXLAN    = 4789 // RFC 7348
	portVXLANOld = 8472 // Linux's, before there was an assigned one
	portGPE      = 4790 // draft-ietf-nvo3-vxlan-gpe
	portMPLS     = 6635 // RFC 7510
)

// walkUDP walks into the UDP tunnel at off, known by its destination port.
func (w *walker) walkUDP(off int) bool {
	in := off + 8
	if in > len(w.frame) {
		return false
	}
	n := w.n
	if !w.note(layerUDP, off) {
		return false
	}
	w.guess(in)
	if w.walkPort(in, be16(w.frame, off+2)) {
		return true
	}
	if w.target == 0 {
		// Not a tunnel, or not one we can see into: the datagram is the end.
		w.n, w.l4, w.proto = n, off, protoUDP
		return true
	}
	return false
}

// walkPort walks the payload at off of a datagram sent to port.
func (w *walker) walkPort(off int, port uint16) bool {
	b := w.frame[off:]
	switch port {
	case portMPLS:
		return w.walkMPLS(off)
	case portVXLAN, portVXLANOld, portGPE:
		if len(b) < 8 {
			return false
		}
		if port == portGPE && b[0]&0x04 != 0 { // P: next protocol present
			return w.walkNext(off+8, b[3])
		}
		return w.walkEthernet(off + 8)
	case portGeneve:
		if len(b) < 8 || b[0]>>6 != 0 {
			return false
		}
		in := off + 8 + int(b[0]&0x3f)*4
		return in <= len(w.frame) && w.walkType(in, be16(b, 2))
	}
	return false
}

// walkGRE walks the GRE header (RFC 2784, RFC 2890) at off.
func (w *walker) walkGRE(off int) bool {
	b := w.frame[off:]
	if len(b) < 4 {
		return false
	}
	flags, et := be16(b, 0), be16(b, 2)
	if flags&0x4007 != 0 { // source routing, or a version other than 0
		return w.stop(off + 4)
	}
	n := 4
	for _, bit := range [...]uint16{0x8000, 0x2000, 0x1000} { // checksum, key, sequence
		if flags&bit != 0 {
			n += 4
		}
	}
	if len(b) < n {
		return false
	}
	if flags&0x8000 != 0 && !w.note(layerGRE, off) {
		return false
	}
	return w.walkType(off+n, et)
}
