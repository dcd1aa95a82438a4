package vnet

import "testing"

func TestHdrCheck(t *testing.T) {
	gso := Hdr{Flags: FlagNeedsCsum, GSOType: GSOTCPv4 | GSOECN, HdrLen: 54, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
	with := func(f func(h *Hdr)) Hdr { h := gso; f(&h); return h }
	tests := []struct {
		name string
		h    Hdr
		n    int
		want bool
	}{
		{"nothing asked, no frame", Hdr{}, 0, true},
		{"data valid, garbage behind", Hdr{Flags: FlagDataValid, CsumStart: 999, HdrLen: 999}, 60, true},
		{"gso", gso, 3000, true},
		{"gso, frame of headers only", gso, 54, true},
		{"hdr_len past the end", gso, 53, false},
		{"no size", with(func(h *Hdr) { h.GSOSize = 0 }), 3000, false},
		{"type 2", with(func(h *Hdr) { h.GSOType = 2 }), 3000, false},
		{"ecn alone", with(func(h *Hdr) { h.GSOType = GSOECN }), 3000, false},
		{"ecn on udp", with(func(h *Hdr) { h.GSOType, h.CsumOffset = GSOUDPL4|GSOECN, 6 }), 3000, false},
		{"uso", with(func(h *Hdr) { h.GSOType, h.CsumOffset = GSOUDPL4, 6 }), 3000, true},
		{"tcp checksum elsewhere", with(func(h *Hdr) { h.CsumOffset = 6 }), 3000, false},
		{"gso, whole checksum", with(func(h *Hdr) { h.Flags, h.CsumOffset = 0, 0 }), 3000, true},
		{"checksum ends with the frame", Hdr{Flags: FlagNeedsCsum, CsumStart: 34, CsumOffset: 16}, 52, true},
		{"checksum past the end", Hdr{Flags: FlagNeedsCsum, CsumStart: 34, CsumOffset: 16}, 51, false},
		{"checksum in the MACs", Hdr{Flags: FlagNeedsCsum, CsumStart: 13}, 60, false},
		{"sum of offsets overflows 16 bits", Hdr{Flags: FlagNeedsCsum, CsumStart: 0xffff, CsumOffset: 0xffff}, 60, false},
		{"runt", Hdr{Flags: FlagNeedsCsum, CsumStart: 0}, 13, false},
	}
	for _, tt := range tests {
		if got := tt.h.Check(tt.n); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestFixHdrLen(t *testing.T) {
	tests := []struct {
		name string
		s    *stack
		want int
	}{
		{"tcp4", newStack(pattern(5000)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448), 66},
		{"tcp6 tagged", newStack(pattern(5000)).tcp(1, 0, 0).v6(6, true).vlan(1, 0x86dd).eth(0x8100).gso(GSOTCPv6, 1448), 78},
		{"uso", newStack(pattern(5000)).udp(1).v4(17, 1, 0, true).eth(0x0800).gso(GSOUDPL4, 1448), 42},
	}
	for _, tt := range tests {
		for _, flags := range []uint8{FlagNeedsCsum, 0} {
			tt.s.hdr.Flags = flags
			tt.s.hdr.HdrLen = uint16(len(tt.s.b)) // all of it linear
			p := tt.s.packet()
			var h Hdr
			if !FixHdrLen(p) {
				t.Errorf("%s: refused", tt.name)
			}
			h.Decode(p.Buf)
			want := tt.s.hdr
			want.HdrLen = uint16(tt.want)
			if h != want {
				t.Errorf("%s: %+v, want %+v", tt.name, h, want)
			}
		}
	}
	s := tests[0].s
	s.b[14+20+12] = 0x10 // TCP header of 4 octets
	if FixHdrLen(s.packet()) {
		t.Error("short TCP header accepted")
	}
	if p := newStack(pattern(60)).packet(); !FixHdrLen(p) {
		t.Error("plain frame refused")
	}
}

func BenchmarkFixHdrLen(b *testing.B) {
	p := newStack(pattern(5000)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448).packet()
	for b.Loop() {
		FixHdrLen(p)
	}
}
