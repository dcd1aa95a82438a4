package vnet

import (
	"bytes"
	"hash/crc32"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"pgregory.net/rapid"
)

func TestSum(t *testing.T) {
	ones := bytes.Repeat([]byte{0xff}, 300)
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "b")
		if rapid.Bool().Draw(t, "ones") {
			b = ones[:len(b)]
		}
		if got, want := sum(b), uint16(naive(b)); got != want {
			t.Fatalf("sum of % x: %#x, want %#x", b, got, want)
		}
	})
}

// partial sets the header to finish the innermost L4 packet.
func (s *stack) partial() *stack {
	m := s.marks[0]
	s.hdr = Hdr{Flags: FlagNeedsCsum, CsumStart: uint16(s.off(m)), CsumOffset: 6}
	if m.kind == "tcp" {
		s.hdr.CsumOffset = 16
	}
	return s
}

func TestFinish(t *testing.T) {
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	tests := []struct {
		name string
		s    *stack
		pad  int // octets of padding, not zero
	}{
		{"tcp4", newStack(pattern(1001)).tcp(1, 2, 20).v4(6, 1, 0, true).eth(0x0800), 0},
		{"tcp6 tags", newStack(pattern(1000)).tcp(1, 2, 20).v6(6, true, 0, 60).vlan(1, 0x86dd).vlan(1, 0x8100).eth(0x88a8), 0},
		{"udp4 padded", newStack(pattern(3)).udp(1).v4(17, 1, 0, true).eth(0x0800), 15},
		{"udp4 padded, odd", newStack(pattern(4)).udp(1).v4(17, 1, 4, true).eth(0x0800), 3},
		{"udp6 padded", newStack(pattern(1)).udp(1).v6(17, true).eth(0x86dd), 4},
		{"behind an unknown EtherType", newStack(pattern(100)).udp(1).v4(17, 1, 0, true).raw(1, 2).eth(0x88b5), 0},
		{"in vxlan", newStack(pattern(100)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).raw(vx...).udp(4789).v4(17, 1, 0, false).eth(0x0800), 9},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.s.partial().packet()
			for range tt.pad {
				p.Buf = append(p.Buf, 0xa5)
			}
			if !Finish(p) {
				t.Fatal("refused")
			}
			if !bytes.Equal(p.Buf[:HdrLen], make([]byte, HdrLen)) {
				t.Errorf("header % x", p.Buf[:HdrLen])
			}
			if err := tt.s.verify(p.Frame()[:len(tt.s.b)], 0); err != nil {
				t.Error(err)
			}
			if !Finish(p) {
				t.Error("second time refused")
			}
		})
	}
}

// The outer checksum of a tunnel was computed as if the inner one were
// finished already (local checksum offload): finishing the inner makes both right.
func TestFinishInsideChecksummedTunnel(t *testing.T) {
	s := newStack(pattern(100)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).
		raw(8, 0, 0, 0, 0, 0, 42, 0).udp(4789).v4(17, 1, 0, true).eth(0x0800).partial()
	seed := be.Uint16(s.b[s.hdr.CsumStart+16:])
	udp := s.b[s.off(s.marks[4]):]
	inner := len(udp) - s.marks[0].back
	be.PutUint16(udp[6:], ^uint16(naive(s.b[26:34], []byte{0, 17, byte(len(udp) >> 8), byte(len(udp))},
		udp[:6], udp[8:inner], []byte{byte(^seed >> 8), byte(^seed)})))
	p := s.packet()
	if !Finish(p) {
		t.Fatal("refused")
	}
	if err := s.verify(p.Frame(), 0); err != nil {
		t.Error(err)
	}
}

// A sum that comes out as zero would read as "no checksum" in UDP.
func TestFinishZero(t *testing.T) {
	s := newStack(make([]byte, 2)).udp(1).v4(17, 1, 0, true).eth(0x0800).partial()
	end := len(s.b) - 2
	be.PutUint16(s.b[end:], ^uint16(naive(s.b[s.hdr.CsumStart:])))
	p := s.packet()
	if !Finish(p) || be.Uint16(p.Frame()[s.hdr.CsumStart+6:]) != 0xffff {
		t.Errorf("checksum % x", p.Frame()[s.hdr.CsumStart:])
	}
}

func TestFinishSCTP(t *testing.T) {
	chunk := pattern(41)
	h := make([]byte, 12)
	h[1], h[3], h[8] = 9, 10, 0x77
	s := newStack(chunk).raw(h...).v4(132, 1, 0, false).eth(0x0800)
	s.hdr = Hdr{Flags: FlagNeedsCsum, CsumStart: 34, CsumOffset: 8}
	h[8] = 0
	c := crc32.Checksum(append(h, chunk...), crc32.MakeTable(crc32.Castagnoli))
	want := []byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)}
	for name, f := range map[string]func([]Packet, *Packet) ([]Packet, error){
		"Plain": NewSegmenter().Plain, "Repair": NewSegmenter().Repair,
	} {
		p := s.packet()
		p.Buf = append(p.Buf, 1, 2, 3) // padding
		out, err := f(nil, p)
		if err != nil || len(out) != 1 {
			t.Fatalf("%s: %d packets, %v", name, len(out), err)
		}
		if got := out[0].Frame()[42:46]; !bytes.Equal(got, want) {
			t.Errorf("%s: checksum % x, want % x", name, got, want)
		}
		if out[0].Buf[0] != 0 {
			t.Errorf("%s: flags %d", name, out[0].Buf[0])
		}
	}
}

func TestFinishRefuses(t *testing.T) {
	for _, h := range []Hdr{
		{Flags: FlagNeedsCsum, CsumStart: 34, CsumOffset: 25},
		{Flags: FlagNeedsCsum, CsumStart: 60, CsumOffset: 0},
		{Flags: FlagNeedsCsum, CsumStart: 0xffff, CsumOffset: 0xffff},
		{Flags: FlagNeedsCsum, CsumStart: 0, CsumOffset: 0},
		{Flags: FlagNeedsCsum, GSOType: GSOTCPv4, GSOSize: 10, CsumStart: 34, CsumOffset: 16},
	} {
		p := &Packet{Buf: append(make([]byte, HdrLen), pattern(60)...)}
		h.Encode(p.Buf)
		before := bytes.Clone(p.Buf)
		if Finish(p) || !bytes.Equal(p.Buf, before) {
			t.Errorf("%+v: accepted or changed", h)
		}
	}
	for n := range HdrLen {
		if Finish(&Packet{Buf: make([]byte, n)}) {
			t.Errorf("buffer of %d octets accepted", n)
		}
	}
}

// A frame that asks for nothing is left alone, whatever it is.
func TestPlainPasses(t *testing.T) {
	p := &Packet{Buf: append(make([]byte, HdrLen), pattern(60)...)}
	p.Buf[0] = FlagDataValid
	want := bytes.Clone(p.Buf[HdrLen:])
	out, err := NewSegmenter().Plain(nil, p)
	if err != nil || len(out) != 1 || !bytes.Equal(out[0].Frame(), want) || out[0].Buf[0] != 0 {
		t.Errorf("%d packets, %v", len(out), err)
	}
}

func TestFinishNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	p := newStack(pattern(1460)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).partial().packet()
	saved := bytes.Clone(p.Buf)
	if n := testing.AllocsPerRun(100, func() { copy(p.Buf, saved); Finish(p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFinish(b *testing.B) {
	p := newStack(pattern(1460)).tcp(1, 2, 0).v4(6, 1, 0, true).eth(0x0800).partial().packet()
	saved := bytes.Clone(p.Buf[:HdrLen])
	b.SetBytes(int64(len(p.Frame())))
	for b.Loop() {
		copy(p.Buf, saved)
		Finish(p)
	}
}
