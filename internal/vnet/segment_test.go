package vnet

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"pgregory.net/rapid"
)

// checkRow checks the frames cut from s: every length and checksum, and that
// apart from those nothing but what may differ does.
func checkRow(s *stack, segs []Packet) error {
	m := s.marks[0]
	l4, head := s.off(m), s.off(m)+m.n
	size := int(s.hdr.GSOSize)
	payload := s.b[head:]
	if want := max(1, (len(payload)+size-1)/size); len(segs) != want {
		return fmt.Errorf("%d frames, want %d", len(segs), want)
	}
	var got []byte
	for i := range segs {
		p := &segs[i]
		if p.Type != 3 {
			return fmt.Errorf("frame %d: type %d", i, p.Type)
		}
		if !bytes.Equal(p.Buf[:HdrLen], make([]byte, HdrLen)) {
			return fmt.Errorf("frame %d: header % x", i, p.Buf[:HdrLen])
		}
		f := p.Frame()
		last := i == len(segs)-1
		if len(f) > head+size || !last && len(f) != head+size {
			return fmt.Errorf("frame %d: %d octets", i, len(f))
		}
		if err := s.verify(f, i); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
		got = append(got, f[head:]...)
		if m.kind == "tcp" {
			if a, b := be.Uint32(f[l4+4:]), be.Uint32(s.b[l4+4:])+uint32(i*size); a != b {
				return fmt.Errorf("frame %d: seq %d, want %d", i, a, b)
			}
			want := s.b[l4+13]
			if i > 0 {
				want &= 0x7f
			}
			if !last {
				want &^= 0x09
			}
			if f[l4+13] != want {
				return fmt.Errorf("frame %d: flags %#x, want %#x", i, f[l4+13], want)
			}
		}
		if err := sameBut(s, f[:head]); err != nil {
			return fmt.Errorf("frame %d: %w", i, err)
		}
	}
	if !bytes.Equal(got, payload) {
		return errors.New("payload differs")
	}
	return nil
}

// sameBut compares the headers in head with those of s, leaving out the fields
// that verify has looked at.
func sameBut(s *stack, head []byte) error {
	a, b := bytes.Clone(head), bytes.Clone(s.b[:len(head)])
	for _, m := range s.marks {
		var fields []int
		switch m.kind {
		case "ipv4":
			fields = []int{2, 4, 10}
		case "ipv6", "pppoe", "gre":
			fields = []int{4}
		case "udp":
			fields = []int{4, 6}
		case "tcp":
			fields = []int{4, 6, 12, 16}
		}
		for _, f := range fields {
			be.PutUint16(a[s.off(m)+f:], 0)
			be.PutUint16(b[s.off(m)+f:], 0)
		}
	}
	if !bytes.Equal(a, b) {
		return fmt.Errorf("headers differ:\n% x\n% x", a, b)
	}
	return nil
}

func TestSegment(t *testing.T) {
	const et4, et6 = 0x0800, 0x86dd
	tcp := func(n int) *stack { return newStack(pattern(n)).tcp(0xfffffff0, 0x99, 12) }
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	tests := []struct {
		name   string
		s      *stack
		tunnel bool
	}{
		{"tcp4", tcp(64000).v4(6, 0xfffe, 0, true).eth(et4).gso(GSOTCPv4|GSOECN, 1448), false},
		{"tcp4 options", tcp(5000).v4(6, 1, 8, true).eth(et4).gso(GSOTCPv4, 1448), false},
		{"tcp4 one", tcp(1000).v4(6, 1, 0, true).eth(et4).gso(GSOTCPv4, 1448), false},
		{"tcp4 exact", tcp(2896).v4(6, 1, 0, true).eth(et4).gso(GSOTCPv4, 1448), false},
		{"tcp4 odd", tcp(9999).v4(6, 1, 0, true).eth(et4).gso(GSOTCPv4, 333), false},
		{"tcp4 vlan", tcp(5000).v4(6, 1, 0, true).vlan(7, et4).eth(0x8100).gso(GSOTCPv4, 1448), false},
		{"tcp6 qinq", tcp(5000).v6(6, true).vlan(0, et6).vlan(9, 0x8100).eth(0x88a8).gso(GSOTCPv6, 1428), false},
		{"tcp6", tcp(64000).v6(6, true).eth(et6).gso(GSOTCPv6, 1428), false},
		{"tcp6 ext", tcp(5000).v6(6, true, 0, 60, 43, 51, 60).eth(et6).gso(GSOTCPv6, 1300), false},
		{"uso4", newStack(pattern(5000)).udp(9).v4(17, 1, 0, true).eth(et4).gso(GSOUDPL4, 1200), false},
		{"uso6", newStack(pattern(5001)).udp(9).v6(17, true, 60).eth(et6).gso(GSOUDPL4, 1200), false},
		{"vxlan", tcp(9000).v4(6, 1, 0, true).eth(et4).raw(vx...).udp(4789).v4(17, 7, 0, false).eth(et4).gso(GSOTCPv4, 1398), true},
		{"vxlan csum", tcp(9000).v4(6, 1, 0, true).eth(et4).raw(vx...).udp(4789).v4(17, 7, 4, true).eth(et4).gso(GSOTCPv4, 1398), true},
		{"vxlan6 csum in vlan", tcp(9000).v6(6, true).vlan(3, et6).eth(0x8100).raw(vx...).udp(8472).v6(17, true, 60).vlan(5, et6).eth(0x8100).gso(GSOTCPv6, 1300), true},
		{"gpe ip", tcp(9000).v4(6, 1, 0, true).raw(0x0c, 0, 0, 1, 0, 0, 1, 0).udp(4790).v4(17, 7, 0, true).eth(et4).gso(GSOTCPv4, 1398), true},
		{"gpe nsh", tcp(9000).v4(6, 1, 0, true).raw(0, 2, 1, 1, 0, 0, 1, 255).raw(0x0c, 0, 0, 4, 0, 0, 1, 0).udp(4790).v4(17, 7, 0, true).eth(et4).gso(GSOTCPv4, 1398), true},
		{"geneve options", tcp(9000).v6(6, true).eth(et6).raw(2, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 1, 5, 6, 7, 8).udp(6081).v4(17, 7, 0, true).eth(et4).gso(GSOTCPv6, 1300), true},
		{"gre", tcp(9000).v4(6, 1, 0, true).gre(et4, false, false, false).v4(47, 7, 0, true).eth(et4).gso(GSOTCPv4, 1400), true},
		{"gre csum key seq", tcp(9001).v6(6, true).gre(et6, true, true, true).v4(47, 7, 0, true).eth(et4).gso(GSOTCPv6, 1399), true},
		{"gretap6", tcp(9000).v4(6, 1, 0, true).eth(et4).gre(0x6558, true, false, false).v6(47, true, 60).eth(et6).gso(GSOTCPv4, 1400), true},
		{"ipip", tcp(9000).v4(6, 1, 0, true).v4(4, 7, 0, true).eth(et4).gso(GSOTCPv4, 1400), true},
		{"6in4", tcp(9000).v6(6, true).v4(41, 7, 0, true).eth(et4).gso(GSOTCPv6, 1400), true},
		{"4in6", tcp(9000).v4(6, 1, 0, true).v6(4, true).eth(et6).gso(GSOTCPv4, 1400), true},
		{"vxlan in gre csum", tcp(9000).v4(6, 1, 0, true).eth(et4).raw(vx...).udp(4789).v4(17, 7, 0, true).gre(et4, true, false, false).v6(47, true).eth(et6).gso(GSOTCPv4, 1300), true},
		{"gue unknown port", tcp(9000).v4(6, 1, 0, true).raw(0, 4, 0, 0).udp(5555).v4(17, 7, 0, true).eth(et4).gso(GSOTCPv4, 1400), true},
		{"unknown udp, odd header, ethernet", tcp(9000).v6(6, true).eth(et6).raw(0x45, 1, 2, 3, 4).udp(7777).v6(17, true).eth(et6).gso(GSOTCPv6, 1400), true},
		{"not vxlan on its port", tcp(9000).v4(6, 1, 0, true).raw(1, 2, 3, 4).udp(4789).v4(17, 7, 0, true).eth(et4).gso(GSOTCPv4, 1400), true},
		{"unknown ip protocol", tcp(9000).v4(6, 1, 0, true).raw(1, 2, 3, 4, 5, 6).v4(200, 7, 0, true).eth(et4).gso(GSOTCPv4, 1400), true},
		{"unknown ethertype", tcp(9000).v4(6, 1, 0, true).raw(1, 2, 3, 4, 5, 6).eth(0x88b5).gso(GSOTCPv4, 1400), true},
		{"mpls", tcp(9000).v4(6, 1, 0, true).raw(0, 1, 0, 64, 0, 2, 1, 64).eth(0x8847).gso(GSOTCPv4, 1400), true},
		{"ethernet over mpls, control word", tcp(9000).v4(6, 1, 0, true).eth(et4).raw(0, 0, 0, 0).raw(0, 1, 1, 64).eth(0x8847).gso(GSOTCPv4, 1400), true},
		{"pppoe", tcp(9000).v6(6, true).pppoe(true).vlan(7, 0x8864).eth(0x8100).gso(GSOTCPv6, 1400), true},
		{"uso in vxlan", newStack(pattern(5001)).udp(9).v6(17, true).eth(et6).raw(vx...).udp(4789).v4(17, 7, 0, true).eth(et4).gso(GSOUDPL4, 1200), true},
	}
	seg := NewSegmenter()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.s.packet()
			if got := IsTunnelGSO(p.Frame(), &tt.s.hdr); got != tt.tunnel {
				t.Errorf("IsTunnelGSO = %v, want %v", got, tt.tunnel)
			}
			seg.Reset()
			segs, err := seg.Segment(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if err := checkRow(tt.s, segs); err != nil {
				t.Fatal(err)
			}
			// Only what the header cannot say is repaired.
			p = tt.s.packet()
			segs, err = seg.Repair(nil, p)
			if err != nil {
				t.Fatal(err)
			}
			if cut := len(segs) != 1 || &segs[0].Buf[0] != &p.Buf[0]; cut != tt.tunnel {
				t.Errorf("Repair cut: %v", cut)
			}
		})
	}
}

// A super-frame without a partial checksum: its seed comes from the addresses.
func TestSegmentNoSeed(t *testing.T) {
	for _, s := range []*stack{
		newStack(pattern(5000)).tcp(1, 0x18, 0).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448),
		newStack(pattern(5000)).tcp(1, 0x18, 0).v6(6, true, 0, 43).eth(0x86dd).gso(GSOTCPv6, 1448),
		newStack(pattern(5000)).udp(1).v4(17, 1, 0, true).eth(0x0800).gso(GSOUDPL4, 1448),
	} {
		m := s.marks[0]
		be.PutUint16(s.b[s.off(m)+int(s.hdr.CsumOffset):], 0x1234)
		s.hdr.Flags, s.hdr.CsumStart, s.hdr.CsumOffset = 0, 0, 0
		segs, err := NewSegmenter().Segment(nil, s.packet())
		if err != nil {
			t.Fatal(err)
		}
		if err := checkRow(s, segs); err != nil {
			t.Error(err)
		}
	}
}

// The checksum of a packet on a source route covers its final destination,
// which only the seed knows.
func TestSegmentSourceRouted(t *testing.T) {
	s := newStack(pattern(5000)).tcp(1, 0x18, 0).v6(6, true, 43).eth(0x86dd).gso(GSOTCPv6, 1448)
	ip := s.off(s.marks[1])
	s.b[ip+43] = 1 // one segment left
	final := bytes.Clone(s.b[ip+24 : ip+40])
	final[15] = 77
	l4 := s.b[s.off(s.marks[0]):]
	be.PutUint16(l4[16:], uint16(naive(s.b[ip+8:ip+24], final, []byte{0, 6, byte(len(l4) >> 8), byte(len(l4))})))
	segs, err := NewSegmenter().Segment(nil, s.packet())
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range segs {
		copy(p.Frame()[ip+24:], final)
		if err := s.verify(p.Frame(), i); err != nil {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	s.hdr.Flags = 0
	if _, err := NewSegmenter().Segment(nil, s.packet()); err == nil {
		t.Error("cut without knowing the final destination")
	}
}

func TestSegmentMalformed(t *testing.T) {
	good := func() *stack {
		return newStack(pattern(5000)).tcp(1, 0x18, 0).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)
	}
	tests := []struct {
		name string
		bad  func(s *stack)
	}{
		{"size 0", func(s *stack) { s.hdr.GSOSize = 0 }},
		{"unknown type", func(s *stack) { s.hdr.GSOType = 9 }},
		{"csum start in MACs", func(s *stack) { s.hdr.CsumStart = 4 }},
		{"csum start off", func(s *stack) { s.hdr.CsumStart += 2 }},
		{"csum past end", func(s *stack) { s.hdr.CsumStart = uint16(len(s.b)) }},
		{"csum offset", func(s *stack) { s.hdr.CsumOffset = 6 }},
		{"hdr_len past end", func(s *stack) { s.hdr.HdrLen = uint16(len(s.b)) + 1 }},
		{"udp type on tcp", func(s *stack) { s.hdr.GSOType, s.hdr.CsumOffset = GSOUDPL4, 6 }},
		{"data offset small", func(s *stack) { s.b[14+20+12] = 0x40 }},
		{"no ip header leads there", func(s *stack) { s.b[12], s.b[14+8] = 0x99, 1 }},
		{"fragment", func(s *stack) { s.b[14+6] = 0x20 }},
		{"too many segments", func(s *stack) { s.hdr.GSOSize = 1; s.b = append(s.b, pattern(60000)...) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := good()
			tt.bad(s)
			dst := make([]Packet, 1)
			got, err := NewSegmenter().Segment(dst, s.packet())
			var m Malformed
			if !errors.As(err, &m) || len(got) != 1 {
				t.Errorf("got %d packets, err %v", len(got), err)
			}
		})
	}
}

// Padding behind a short IP packet is no payload.
func TestSegmentPadding(t *testing.T) {
	s := newStack(pattern(10)).tcp(1, 0x18, 0).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 4)
	p := s.packet()
	p.Buf = append(p.Buf, "padding"...)
	segs, err := NewSegmenter().Segment(nil, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkRow(s, segs); err != nil {
		t.Error(err)
	}
}

// drawStack draws any super-frame the kernel could hand us, and some it could not.
func drawStack(t *rapid.T) *stack {
	udp := rapid.Bool().Draw(t, "udp")
	s := newStack(pattern(rapid.IntRange(0, 20000).Draw(t, "payload")))
	proto := byte(6)
	if udp {
		proto = 17
		s.udp(9)
	} else {
		s.tcp(rapid.Uint32().Draw(t, "seq"), rapid.Byte().Draw(t, "flags"), rapid.IntRange(0, 10).Draw(t, "topts")*4)
	}
	var et uint16
	v6 := false
	ip := func(proto byte, csum bool) {
		v6 = rapid.Bool().Draw(t, "v6")
		if v6 {
			et = 0x86dd
			s.v6(proto, csum, rapid.SliceOfN(rapid.SampledFrom([]byte{0, 60, 43, 51}), 0, 3).Draw(t, "ext")...)
		} else {
			et = 0x0800
			s.v4(proto, rapid.Uint16().Draw(t, "id"), rapid.IntRange(0, 10).Draw(t, "iopts")*4, csum)
		}
	}
	ip(proto, true)
	for range rapid.IntRange(0, 2).Draw(t, "tunnels") {
		csum := rapid.Bool().Draw(t, "csum")
		key := rapid.Bool().Draw(t, "key")
		switch rapid.SampledFrom([]string{"vxlan", "geneve", "gre", "gretap", "ip", "udp"}).Draw(t, "tunnel") {
		case "vxlan":
			s.eth(et).raw(8, 0, 0, 0, 0, 0, 42, 0).udp(4789)
			ip(17, csum)
		case "geneve":
			s.raw(0, 0, byte(et>>8), byte(et), 0, 0, 1, 0).udp(6081)
			ip(17, csum)
		case "gre":
			s.gre(et, csum, key, false)
			ip(47, false)
		case "gretap":
			s.eth(et).gre(0x6558, csum, key, false)
			ip(47, false)
		case "ip":
			inner := byte(4)
			if v6 {
				inner = 41
			}
			ip(inner, false)
		case "udp":
			s.raw(pattern(rapid.IntRange(0, 9).Draw(t, "odd"))...).udp(33333)
			ip(17, csum)
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "tags") {
		s.vlan(rapid.Uint16().Draw(t, "tci"), et)
		et = rapid.SampledFrom([]uint16{0x8100, 0x88a8}).Draw(t, "tpid")
	}
	s.eth(et)
	gso := uint8(GSOTCPv4)
	if udp {
		gso = GSOUDPL4
	}
	return s.gso(gso, rapid.IntRange(20, 3000).Draw(t, "size"))
}

func TestSegmentProperty(t *testing.T) {
	seg := NewSegmenter()
	var dst []Packet
	rapid.Check(t, func(t *rapid.T) {
		s := drawStack(t)
		seg.Reset()
		var err error
		if dst, err = seg.Segment(dst[:0], s.packet()); err != nil {
			t.Fatal(err)
		}
		if err := checkRow(s, dst); err != nil {
			t.Fatal(err)
		}
	})
}

// Frames of one batch stay whole while the Segmenter grows.
func TestSegmenterGrows(t *testing.T) {
	seg := NewSegmenter()
	var rows [][]Packet
	var stacks []*stack
	for i := range 8 {
		s := newStack(pattern(60000+i)).tcp(uint32(i), 0x18, 0).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)
		row, err := seg.Segment(nil, s.packet())
		if err != nil {
			t.Fatal(err)
		}
		rows, stacks = append(rows, row), append(stacks, s)
	}
	for i := range rows {
		if err := checkRow(stacks[i], rows[i]); err != nil {
			t.Errorf("row %d: %v", i, err)
		}
	}
	// A batch without end is refused, not fed with memory.
	s := stacks[0]
	var err error
	n := 0
	for ; err == nil; n++ {
		_, err = seg.Segment(nil, s.packet())
	}
	if n < 200 || n > 300 {
		t.Errorf("refused after %d super-frames", n)
	}
	seg.Reset()
	if _, err := seg.Segment(nil, s.packet()); err != nil {
		t.Error(err)
	}
}

func TestSegmentNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	seg := NewSegmenter()
	dst := make([]Packet, 0, 256)
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	for name, s := range map[string]*stack{
		"tcp":   newStack(pattern(64000)).tcp(1, 0x18, 12).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448),
		"vxlan": newStack(pattern(60000)).tcp(1, 0x18, 12).v4(6, 1, 0, true).eth(0x0800).raw(vx...).udp(4789).v4(17, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 1398),
		"ufo":   newStack(pattern(60000)).udp(1).v6(17, true).eth(0x86dd).gso(GSOUDP, 1400),
		"bad":   newStack(pattern(60000)).udp(1).v6(17, true).eth(0x86dd).gso(GSOTCPv4, 1400),
	} {
		p := s.packet()
		saved := bytes.Clone(p.Buf)
		for _, f := range []func([]Packet, *Packet) ([]Packet, error){seg.Segment, seg.Plain, seg.Repair} {
			if n := testing.AllocsPerRun(20, func() {
				copy(p.Buf, saved)
				seg.Reset()
				dst, _ = f(dst[:0], p)
			}); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}

func BenchmarkSegment(b *testing.B) {
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	for _, bb := range []struct {
		name string
		s    *stack
	}{
		{"tcp4", newStack(pattern(64000)).tcp(1, 0x18, 12).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)},
		{"vxlan csum", newStack(pattern(62000)).tcp(1, 0x18, 12).v4(6, 1, 0, true).eth(0x0800).raw(vx...).udp(4789).v4(17, 7, 0, true).eth(0x0800).gso(GSOTCPv4, 1398)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			seg, dst, p := NewSegmenter(), make([]Packet, 0, 64), bb.s.packet()
			b.SetBytes(int64(len(bb.s.b)))
			for b.Loop() {
				seg.Reset()
				var err error
				if dst, err = seg.Segment(dst[:0], p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRepairNothing(b *testing.B) {
	s := newStack(pattern(64000)).tcp(1, 0x18, 12).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)
	seg, dst, p := NewSegmenter(), make([]Packet, 0, 64), s.packet()
	for b.Loop() {
		dst, _ = seg.Repair(dst[:0], p)
	}
}
