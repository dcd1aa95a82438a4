package vnet

import (
	"bytes"
	"testing"
)

// reassemble joins the fragments of a row of IP packets behind an Ethernet
// header and returns the datagram, and checks offsets and flags on the way.
func reassemble(t *testing.T, segs []Packet, ip, unfragmented int) []byte {
	t.Helper()
	var out []byte
	for i := range segs {
		f := segs[i].Frame()
		h := f[ip:]
		last := i == len(segs)-1
		want := len(out)
		var offset int
		var more bool
		var part []byte
		if h[0]>>4 == 4 {
			if int(be.Uint16(h[2:])) != len(h) || naive(h[:unfragmented]) != 0xffff {
				t.Errorf("fragment %d: IPv4 header % x", i, h[:20])
			}
			offset, more = int(be.Uint16(h[6:])&0x1fff)*8, h[6]&0x20 != 0
			part = h[unfragmented:]
		} else {
			if int(be.Uint16(h[4:])) != len(h)-40 {
				t.Errorf("fragment %d: IPv6 header % x", i, h[:40])
			}
			g := h[unfragmented:]
			if !bytes.Equal(g[4:8], segs[0].Frame()[ip+unfragmented+4:][:4]) || g[1] != 0 {
				t.Errorf("fragment %d: header % x", i, g[:8])
			}
			offset, more = int(be.Uint16(g[2:])&^7), g[3]&1 != 0
			part = g[8:]
		}
		if more == last {
			t.Errorf("fragment %d: more %v", i, more)
		}
		if !last && len(part)%8 != 0 {
			t.Errorf("fragment %d: %d octets", i, len(part))
		}
		if offset != want {
			t.Errorf("fragment %d: offset %d, want %d", i, offset, want)
		}
		out = append(out, part...)
	}
	return out
}

func TestSegmentFragments(t *testing.T) {
	tests := []struct {
		name         string
		s            *stack
		ip           int
		unfragmented int
		next         byte // IPv6: protocol behind the fragment header
		n            int
	}{
		{"ipv4", newStack(pattern(8000)).udp(1).v4(17, 77, 0, true).eth(0x0800), 14, 20, 0, 6},
		{"ipv4 options, tag", newStack(pattern(8000)).udp(1).v4(17, 77, 8, true).vlan(1, 0x0800).eth(0x8100), 18, 28, 0, 6},
		{"ipv6", newStack(pattern(8000)).udp(1).v6(17, true).eth(0x86dd), 14, 40, 17, 6},
		{"ipv6 extension headers", newStack(pattern(8000)).udp(1).v6(17, true, 0, 60, 43, 60).eth(0x86dd), 14, 40 + 8 + 16 + 24, 60, 6},
		{"one", newStack(pattern(80)).udp(1).v4(17, 77, 0, true).eth(0x0800), 14, 20, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.s.gso(GSOUDP, 1447) // not a multiple of 8
			segs, err := NewSegmenter().Segment(nil, s.packet())
			if err != nil {
				t.Fatal(err)
			}
			if len(segs) != tt.n {
				t.Fatalf("%d fragments, want %d", len(segs), tt.n)
			}
			whole := reassemble(t, segs, tt.ip, tt.unfragmented)
			// Put the datagram back behind the original headers and check it.
			frame := append(bytes.Clone(s.b[:tt.ip+tt.unfragmented]), whole...)
			if err := s.verify(frame, 0); err != nil {
				t.Error(err)
			}
			at := s.hdr.CsumStart + 8
			if !bytes.Equal(frame[at:], s.b[at:]) {
				t.Error("payload differs")
			}
			for i, p := range segs {
				f := p.Frame()
				if tt.next != 0 {
					if got := f[tt.ip+tt.unfragmented]; got != tt.next {
						t.Errorf("fragment %d: next header %d, want %d", i, got, tt.next)
					}
				} else if be.Uint16(f[tt.ip+4:]) != 77 {
					t.Errorf("fragment %d: id %d", i, be.Uint16(f[tt.ip+4:]))
				}
			}
		})
	}
}

// Fragments in a tunnel with a checksum: the tunnel's headers are per frame.
func TestSegmentFragmentsInTunnel(t *testing.T) {
	s := newStack(pattern(8000)).udp(1).v4(17, 77, 0, true).eth(0x0800).
		raw(8, 0, 0, 0, 0, 0, 42, 0).udp(4789).v4(17, 1, 0, true).eth(0x0800).gso(GSOUDP, 1440)
	segs, err := NewSegmenter().Segment(nil, s.packet())
	if err != nil {
		t.Fatal(err)
	}
	outer := &stack{b: s.b, marks: s.marks[4:]}
	for i, p := range segs {
		// The tunnel's UDP header is not the innermost mark to verify.
		if err := (&stack{b: outer.b, marks: append([]mark{{kind: "raw"}}, outer.marks...)}).verify(p.Frame(), i); err != nil {
			t.Errorf("frame %d: %v", i, err)
		}
	}
	inner := s.off(s.marks[1])
	reassemble(t, segs, inner, 20)
}

func TestSegmentFragmentsRefused(t *testing.T) {
	s := newStack(pattern(8000)).udp(1).v4(17, 77, 0, true).eth(0x0800).gso(GSOUDP, 7)
	if _, err := NewSegmenter().Segment(nil, s.packet()); err == nil {
		t.Error("fragments of less than 8 octets")
	}
}
