package vnet

import "encoding/binary"

// Where TCP and UDP keep their checksum, in octets from their first.
const (
	tcpCsum  = 16
	udpCsum  = 6
	sctpCsum = 8
)

// Needs reports whether the header asks for anything: a checksum to be
// written or a super-frame to be cut.
func (h *Hdr) Needs() bool { return h.Flags&FlagNeedsCsum != 0 || h.GSOType != GSONone }

// Check reports whether the header can be meant for a frame of frameLen
// octets: known GSO type with a size, all offsets inside the frame, and for
// GSO the checksum where the protocol has it. A header that asks for nothing
// always passes. The kernel refuses with EINVAL what fails here.
func (h *Hdr) Check(frameLen int) bool {
	if !h.Needs() {
		return true
	}
	if frameLen < ethLen {
		return false
	}
	needs := h.Flags&FlagNeedsCsum != 0
	if needs && (h.CsumStart < ethLen || int(h.CsumStart)+int(h.CsumOffset)+2 > frameLen) {
		return false
	}
	var off uint16
	switch h.GSOType {
	case GSONone:
		return true
	case GSOTCPv4, GSOTCPv6, GSOTCPv4 | GSOECN, GSOTCPv6 | GSOECN:
		off = tcpCsum
	case GSOUDP, GSOUDPL4:
		off = udpCsum
	default:
		return false
	}
	if h.GSOSize == 0 || int(h.HdrLen) > frameLen {
		return false
	}
	return !needs || h.CsumOffset == off
}

// FixHdrLen rewrites the HdrLen of a super-frame to the true length of its
// L2, L3 and L4 headers, in octets. A TAP reports the length of the skb's
// linear part instead, which on forwarded frames may be all of it: the kernel
// at the other end would then want one contiguous piece of memory of that
// size. Frames that are not super-frames are left alone. It returns false,
// and changes nothing, if the header does not fit the frame.
func FixHdrLen(p *Packet) bool {
	if len(p.Buf) < HdrLen {
		return false
	}
	if p.Buf[1] == GSONone {
		return true
	}
	var h Hdr
	h.Decode(p.Buf)
	frame := p.Frame()
	if !h.Check(len(frame)) {
		return false
	}
	l4 := int(h.CsumStart)
	if h.Flags&FlagNeedsCsum == 0 {
		var ok bool
		if l4, _, ok = plainL4(frame); !ok {
			return false
		}
	}
	n, ok := l4HdrLen(frame, l4, h.GSOType)
	if !ok || l4+n > 0xffff {
		return false
	}
	binary.NativeEndian.PutUint16(p.Buf[2:], uint16(l4+n))
	return true
}

// l4HdrLen returns the length of the L4 header at l4 that gsoType asks for.
func l4HdrLen(frame []byte, l4 int, gsoType uint8) (n int, ok bool) {
	n = 8
	if gsoType == GSOUDP || gsoType == GSOUDPL4 {
		return n, l4+n <= len(frame)
	}
	if l4+20 > len(frame) {
		return 0, false
	}
	n = int(frame[l4+12]>>4) * 4
	return n, n >= 20 && l4+n <= len(frame)
}
