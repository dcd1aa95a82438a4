package vnet

import "testing"

// seeds are frames of every kind, with their headers.
func seeds() []*stack {
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	return []*stack{
		newStack(pattern(3000)).tcp(1, 0x99, 12).v4(6, 1, 4, true).eth(0x0800).gso(GSOTCPv4, 1448),
		newStack(pattern(3000)).tcp(1, 0x99, 12).v6(6, true, 0, 60, 43, 51).vlan(1, 0x86dd).eth(0x8100).gso(GSOTCPv6, 1448),
		newStack(pattern(3000)).udp(1).v6(17, true).eth(0x86dd).gso(GSOUDPL4, 1000),
		newStack(pattern(3000)).udp(1).v6(17, true, 60).eth(0x86dd).gso(GSOUDP, 1000),
		newStack(pattern(3000)).udp(1).v4(17, 1, 0, true).eth(0x0800).gso(GSOUDP, 1000),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).raw(vx...).udp(4789).v4(17, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).raw(2, 0, 8, 0, 0, 0, 1, 0, 1, 2, 3, 1, 5, 6, 7, 8).udp(6081).v6(17, true).eth(0x86dd).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).gre(0x6558, true, true, true).v4(47, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).raw(1, 2, 3).udp(999).v4(17, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).raw(0, 2, 1, 1, 0, 0, 0, 0).raw(12, 0, 0, 4, 0, 0, 0, 0).udp(4790).v4(17, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).pppoe(false).eth(0x8864).gso(GSOTCPv4, 400),
		newStack(pattern(900)).tcp(1, 2, 0).v4(6, 1, 0, true).raw(0, 1, 0, 9, 0, 1, 1, 9).eth(0x8847).gso(GSOTCPv4, 400),
		newStack(pattern(90)).udp(1).v4(17, 1, 0, true).eth(0x0800).partial(),
	}
}

// Whatever the octets: no panic, and what comes out is no longer than what
// was asked for and asks for nothing.
func FuzzSegmenter(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s.packet().Buf)
	}
	seg := NewSegmenter()
	var dst []Packet
	f.Fuzz(func(t *testing.T, buf []byte) {
		clone := func() *Packet { return &Packet{Buf: append([]byte(nil), buf...)} }
		FixHdrLen(clone())
		Finish(clone())
		var h Hdr
		if len(buf) >= HdrLen {
			h.Decode(buf)
			IsTunnelGSO(buf[HdrLen:], &h)
			for _, csum := range []bool{false, true} {
				made := Synthesize(buf[HdrLen:], 1500, csum)
				if !made.Check(len(buf) - HdrLen) {
					t.Fatalf("made up %+v for %d octets", made, len(buf)-HdrLen)
				}
			}
		}
		for _, cut := range []func([]Packet, *Packet) ([]Packet, error){seg.Repair, seg.Plain} {
			seg.Reset()
			var err error
			dst, err = cut(dst[:0], clone())
			if err != nil {
				if len(dst) != 0 {
					t.Fatal("frames and an error")
				}
				continue
			}
			if len(dst) == 0 {
				t.Fatal("frame lost")
			}
			total := 0
			for i := range dst {
				n := len(dst[i].Frame())
				total += n
				if len(dst) > 1 && n > maxHeaders+60+8+int(h.GSOSize) {
					t.Fatalf("frame %d has %d octets, gso size %d", i, n, h.GSOSize)
				}
			}
			if len(dst) > 1 && total > maxRow {
				t.Fatalf("%d octets from %d", total, len(buf))
			}
		}
		for i := range dst { // those of Plain
			if b := dst[i].Buf; b[0] != 0 || b[1] != 0 {
				t.Fatalf("frame %d asks for more: % x", i, b[:HdrLen])
			}
		}
	})
}
