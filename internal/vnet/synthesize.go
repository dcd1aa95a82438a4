package vnet

// Synthesize makes up the header of a frame that came without one, from a
// receive socket without PACKET_VNET_HDR. csumNotReady is the frame's
// TP_STATUS_CSUMNOTREADY: its checksum is partial. mtu is the link's, in
// octets of IP packet; a longer one was merged or never cut by the kernel.
//
// The segment size of such a frame is not known: TCP is taken to fill the
// MTU, and UDP to be one datagram to fragment, since kernels without
// PACKET_VNET_HDR knew no other UDP offload. Inside tunnels the innermost
// packet that can be reached is the one meant, as it is where the kernel puts
// the checksum it leaves open. A frame that cannot be read gets a zero header.
func Synthesize(frame []byte, mtu int, csumNotReady bool) Hdr {
	var w walker
	var h Hdr
	if !w.findInnermost(frame) || w.n == 0 || w.l4 > 0xffff {
		return h
	}
	off, size := 0, 8
	switch w.proto {
	case protoTCP:
		off, size = tcpCsum, 20
	case protoUDP:
		off = udpCsum
	case protoSCTP:
		off, size = sctpCsum, 12
	case protoDCCP:
		off, size = 6, 12
	default:
		return h
	}
	if w.l4+size > len(frame) {
		return h
	}
	if csumNotReady {
		h.Flags, h.CsumStart, h.CsumOffset = FlagNeedsCsum, uint16(w.l4), uint16(off)
	}
	l3 := w.layers[0].off
	if len(frame)-l3 > mtu {
		w.synthesizeGSO(&h, l3, mtu)
	}
	return h
}

// synthesizeGSO adds to h how to cut a frame whose outermost IP packet, at l3,
// is longer than mtu.
func (w *walker) synthesizeGSO(h *Hdr, l3, mtu int) {
	gso, room := uint8(GSOUDP), mtu-(w.l4-l3)
	ip := w.ip()
	switch w.proto {
	case protoTCP:
		gso = GSOTCPv4
		if ip.kind == layerIPv6 {
			gso = GSOTCPv6
		}
	case protoUDP:
		if ip.kind == layerIPv6 {
			room -= 8 // the fragment header
		}
		room &^= 7
	default:
		return
	}
	n, ok := l4HdrLen(w.frame, w.l4, gso)
	if !ok {
		return
	}
	if w.proto == protoTCP {
		room -= n
	}
	if room <= 0 || room > 0xffff || w.l4+n > 0xffff {
		return
	}
	h.GSOType, h.GSOSize, h.HdrLen = gso, uint16(room), uint16(w.l4+n)
}
