package vnet

// Plain appends to dst the frames of p for an end that takes no virtio-net
// headers: checksums written, super-frames cut, headers zero. Ownership and
// errors are those of [Segmenter.Segment]; p is changed in place.
func (s *Segmenter) Plain(dst []Packet, p *Packet) ([]Packet, error) {
	if len(p.Buf) >= HdrLen && p.Buf[1] != GSONone {
		return s.Segment(dst, p)
	}
	if !Finish(p) {
		return dst, errHdr
	}
	return append(dst, *p), nil
}

// Repair appends to dst the frames of p for an end that does take virtio-net
// headers: p itself, unless its header cannot say what the frame needs. That
// is so for super-frames in tunnels (see [IsTunnelGSO]), which are cut, and
// for SCTP, whose checksum is finished. Ownership and errors are those of
// [Segmenter.Segment]; p may be changed in place.
func (s *Segmenter) Repair(dst []Packet, p *Packet) ([]Packet, error) {
	if len(p.Buf) < HdrLen {
		return dst, errHdr
	}
	if p.Buf[0]&FlagNeedsCsum == 0 {
		return append(dst, *p), nil
	}
	var h Hdr
	h.Decode(p.Buf)
	if !h.Check(len(p.Buf) - HdrLen) {
		return dst, errHdr
	}
	switch {
	case h.GSOType == GSONone && h.CsumOffset == sctpCsum:
		Finish(p)
	case IsTunnelGSO(p.Frame(), &h):
		return s.Segment(dst, p)
	}
	return append(dst, *p), nil
}
