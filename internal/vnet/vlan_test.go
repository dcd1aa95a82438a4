package vnet

import (
	"bytes"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
)

// strip is what the kernel does on receive, the slow way: the first tag goes,
// the rest moves up.
func strip(p *Packet) (stripped *Packet, tpid, tci uint16) {
	f := p.Frame()
	tpid, tci = be.Uint16(f[12:]), be.Uint16(f[14:])
	buf := append(bytes.Clone(p.Buf[:HdrLen]), f[:12]...)
	return &Packet{Buf: append(buf, f[16:]...)}, tpid, tci
}

func TestInsertTag(t *testing.T) {
	tests := []struct {
		name string
		s    *stack
	}{
		{"802.1Q", newStack(pattern(1000)).udp(1).v4(17, 1, 0, true).vlan(0x2007, 0x0800).eth(0x8100)},
		{"priority", newStack(pattern(1000)).udp(1).v4(17, 1, 0, true).vlan(0xa000, 0x0800).eth(0x8100)},
		{"802.1ad over 802.1Q", newStack(pattern(1000)).udp(1).v4(17, 1, 0, true).vlan(7, 0x0800).vlan(9, 0x8100).eth(0x88a8)},
		{"gso", newStack(pattern(64000)).tcp(1, 0x18, 12).v6(6, true).vlan(4095, 0x86dd).eth(0x8100).gso(GSOTCPv6, 1428)},
		{"gso without hdr_len", func() *stack {
			s := newStack(pattern(64000)).tcp(1, 0x18, 12).v6(6, true).vlan(4094, 0x86dd).eth(0x8100).gso(GSOTCPv6, 1428)
			s.hdr.HdrLen = 0
			return s
		}()},
		{"bare", newStack(nil).vlan(1, 0x88b5).eth(0x8100)},
		{"partial checksum", func() *stack {
			s := newStack(pattern(64)).udp(1).v4(17, 1, 0, true).vlan(1, 0x0800).eth(0x8100)
			s.hdr = Hdr{Flags: FlagNeedsCsum, CsumStart: uint16(s.off(s.marks[0])), CsumOffset: 6}
			return s
		}()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.s.packet()
			p, tpid, tci := strip(want)
			h := tt.s.hdr
			if h.Flags&FlagNeedsCsum != 0 {
				h.CsumStart -= 4
			}
			if h.HdrLen != 0 {
				h.HdrLen -= 4
			}
			h.Encode(p.Buf)
			// A frame that fills its slot to the last octet.
			slot := append([]byte{1, 2, 3, 4}, p.Buf...)
			slot = slot[:len(slot):len(slot)]
			got, ok := InsertTag(slot, tpid, tci)
			if !ok || &got[0] != &slot[0] {
				t.Fatalf("ok %v, buffer moved", ok)
			}
			if !bytes.Equal(got, want.Buf) {
				t.Errorf("got\n% x\nwant\n% x", got[:64], want.Buf[:64])
			}
		})
	}
}

func TestInsertTagRefuses(t *testing.T) {
	hdr := make([]byte, HdrLen)
	late := make([]byte, HdrLen)
	(&Hdr{Flags: FlagNeedsCsum, CsumStart: 0xfffd}).Encode(late)
	for _, tt := range []struct {
		name string
		buf  []byte
	}{
		{"empty frame", hdr},
		{"runt", append(bytes.Clone(hdr), pattern(13)...)},
		{"checksum offset at its limit", append(late, pattern(60)...)},
	} {
		slot := append([]byte{1, 2, 3, 4}, tt.buf...)
		got, ok := InsertTag(slot, 0x8100, 1)
		if ok || !bytes.Equal(got, tt.buf) {
			t.Errorf("%s: ok %v, got % x", tt.name, ok, got)
		}
	}
	for n := range TagLen {
		if got, ok := InsertTag(make([]byte, n), 0x8100, 1); ok || got != nil {
			t.Errorf("slot of %d octets: ok", n)
		}
	}
	// A header length at its limit stays there.
	(&Hdr{GSOType: GSOTCPv4, HdrLen: 0xffff}).Encode(hdr)
	got, ok := InsertTag(append([]byte{1, 2, 3, 4}, append(hdr, pattern(60)...)...), 0x8100, 1)
	var h Hdr
	h.Decode(got)
	if !ok || h.HdrLen != 0xffff {
		t.Errorf("ok %v, hdr_len %d", ok, h.HdrLen)
	}
}

func TestInsertTagNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	slot := make([]byte, 2000)
	if n := testing.AllocsPerRun(100, func() { InsertTag(slot, 0x8100, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzInsertTag(f *testing.F) {
	f.Add(make([]byte, 100), uint16(0x8100), uint16(7))
	f.Fuzz(func(t *testing.T, slot []byte, tpid, tci uint16) {
		orig := bytes.Clone(slot)
		got, ok := InsertTag(slot[:len(slot):len(slot)], tpid, tci)
		if !ok {
			if !bytes.Equal(slot, orig) {
				t.Fatal("changed though refused")
			}
			return
		}
		p, a, b := strip(&Packet{Buf: got})
		if a != tpid || b != tci || !bytes.Equal(p.Frame(), orig[TagLen+HdrLen:]) {
			t.Fatal("stripping does not undo it")
		}
	})
}

func BenchmarkInsertTag(b *testing.B) {
	slot := make([]byte, 2000)
	for b.Loop() {
		InsertTag(slot, 0x8100, 1)
	}
}
