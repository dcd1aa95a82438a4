package vnet

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Finish writes the checksum that the packet's header asks for and clears the
// header, so that the frame is complete. A header that asks for none is
// cleared all the same. It returns false, and changes nothing, if the offsets
// do not fit the frame or if the frame is a super-frame, which has one
// checksum per segment (see [Segmenter]).
//
// The sum runs from CsumStart to the end of the IP packet that encloses it,
// or to the end of the frame where no IP header can be read: the padding of a
// short frame is not part of it. The field holds the sum of the pseudo-header
// beforehand. SCTP gets its CRC32c (RFC 9260 appendix A) instead: the header
// has no word for it, but a veth peer leaves it unfinished.
func Finish(p *Packet) bool {
	if len(p.Buf) < HdrLen {
		return false
	}
	if p.Buf[1] != GSONone {
		return false
	}
	if p.Buf[0]&FlagNeedsCsum != 0 {
		var h Hdr
		h.Decode(p.Buf)
		frame := p.Frame()
		if !h.Check(len(frame)) {
			return false
		}
		finish(frame, int(h.CsumStart), int(h.CsumOffset))
	}
	clear(p.Buf[:HdrLen])
	return true
}

// finish writes the checksum at start+offset of frame, both within it.
func finish(frame []byte, start, offset int) {
	var w walker
	end := len(frame)
	if w.find(frame, start) {
		if e := w.ipEnd(); e >= start+offset+2 && e <= end {
			end = e
		}
		if w.proto == protoSCTP && offset == sctpCsum && end >= start+12 {
			finishSCTP(frame[start:end])
			return
		}
	}
	// A result of zero means "no checksum" in UDP; all ones is the same number.
	c := ^sum(frame[start:end])
	if c == 0 {
		c = 0xffff
	}
	put16(frame, start+offset, c)
}

// finishSCTP writes the checksum of the SCTP packet b, which has a header.
func finishSCTP(b []byte) {
	clear(b[sctpCsum : sctpCsum+4])
	binary.LittleEndian.PutUint32(b[sctpCsum:], crc32.Checksum(b, castagnoli))
}

// ipEnd returns where the innermost IP packet says it ends, 0 if there is none.
func (w *walker) ipEnd() int {
	ip := w.ip()
	if ip == nil {
		return 0
	}
	if ip.kind == layerIPv4 {
		return ip.off + int(be16(w.frame, ip.off+2))
	}
	return ip.off + 40 + int(be16(w.frame, ip.off+4))
}
