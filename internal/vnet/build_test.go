package vnet

import (
	"encoding/binary"
	"fmt"
)

// stack builds frames from the inside out and remembers where each header
// stands, so that tests need no parser to check them.
type stack struct {
	b     []byte
	marks []mark // innermost first
	hdr   Hdr
}

type mark struct {
	kind string // ipv4 ipv6 udp gre pppoe tcp
	back int    // octets from the header's first to the frame's end
	n    int    // its length, options and extension headers included
}

var be = binary.BigEndian

func (s *stack) push(kind string, h []byte) *stack {
	s.b = append(append([]byte(nil), h...), s.b...)
	s.marks = append(s.marks, mark{kind, len(s.b), len(h)})
	return s
}

func (s *stack) off(m mark) int { return len(s.b) - m.back }

func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 12345
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func newStack(payload []byte) *stack {
	return &stack{b: append([]byte(nil), payload...)}
}

// tcp adds the header whose payload is to be cut, opts octets of options.
func (s *stack) tcp(seq uint32, flags byte, opts int) *stack {
	h := make([]byte, 20+opts)
	be.PutUint16(h, 40001)
	be.PutUint16(h[2:], 5201)
	be.PutUint32(h[4:], seq)
	be.PutUint32(h[8:], 0xdeadbeef)
	h[12] = byte(len(h)/4) << 4
	h[13] = flags
	be.PutUint16(h[14:], 501)
	for i := 20; i < len(h); i++ {
		h[i] = 1 // NOP
	}
	return s.push("tcp", h)
}

func (s *stack) udp(dport uint16) *stack {
	h := make([]byte, 8)
	be.PutUint16(h, 40002)
	be.PutUint16(h[2:], dport)
	be.PutUint16(h[4:], uint16(len(s.b)+8))
	return s.push("udp", h)
}

// seed writes the pseudo-header's sum where the offload wants it, for the L4
// packet that s.b begins with. ip is its IP header's addresses.
func (s *stack) seed(l4 []byte, proto byte, addrs []byte, want bool) {
	var at int
	switch {
	case len(s.marks) == 0 || !want:
		return
	case proto == 6:
		at = 16
	case proto == 17:
		at = 6
	default:
		return
	}
	be.PutUint16(l4[at:], uint16(naive(addrs, []byte{0, proto, byte(len(l4) >> 24), byte(len(l4) >> 16), byte(len(l4) >> 8), byte(len(l4))})))
}

// v4 adds an IPv4 header; csum says whether the UDP or TCP header behind gets
// the seed of a partial checksum (else its field stays zero).
func (s *stack) v4(proto byte, id uint16, opts int, csum bool) *stack {
	l4 := s.b
	h := make([]byte, 20+opts)
	h[0] = 0x40 | byte(len(h)/4)
	h[1] = 0x02 // ECT(0)
	be.PutUint16(h[2:], uint16(len(h)+len(s.b)))
	be.PutUint16(h[4:], id)
	h[6] = 0x40
	h[8], h[9] = 64, proto
	copy(h[12:], []byte{10, 9, 0, byte(len(s.marks))})
	copy(h[16:], []byte{10, 9, 0, 200})
	for i := 20; i < len(h); i++ {
		h[i] = 1
	}
	be.PutUint16(h[10:], ^uint16(naive(h)))
	s.seed(l4, proto, h[12:20], csum)
	return s.push("ipv4", h)
}

// v6 adds an IPv6 header and the extension headers named, in order.
func (s *stack) v6(proto byte, csum bool, ext ...byte) *stack {
	l4 := s.b
	var e []byte
	next := proto
	for i := len(ext) - 1; i >= 0; i-- {
		var h []byte
		switch ext[i] {
		case protoHopByHop, protoDstOpts:
			h = make([]byte, 8*(1+i))
			h[1] = byte(i)
			h[2], h[3] = 1, byte(len(h)-4) // PadN
		case protoRouting:
			h = make([]byte, 24)
			h[1], h[2], h[3] = 2, 2, 0 // type 2, nothing left
		case protoAH:
			h = make([]byte, 24)
			h[1] = 4
		}
		h[0] = next
		next = ext[i]
		e = append(h, e...)
	}
	h := make([]byte, 40)
	h[0] = 0x60
	be.PutUint16(h[4:], uint16(len(e)+len(s.b)))
	h[6], h[7] = next, 64
	copy(h[8:], []byte{0xfd, 0, 0, byte(len(s.marks)), 15: 1})
	copy(h[24:], []byte{0xfd, 0, 0, 0, 15: 2})
	s.seed(l4, proto, h[8:40], csum)
	return s.push("ipv6", append(h, e...))
}

func (s *stack) raw(h ...byte) *stack { return s.push("raw", h) }

func (s *stack) eth(et uint16) *stack {
	return s.raw(0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, byte(et>>8), byte(et))
}

// vlan adds a tag; the Ethernet header's type goes in front of it.
func (s *stack) vlan(tci, inner uint16) *stack {
	return s.raw(byte(tci>>8), byte(tci), byte(inner>>8), byte(inner))
}

func (s *stack) gre(et uint16, csum, key, seq bool) *stack {
	h := []byte{0, 0, byte(et >> 8), byte(et)}
	kind := "raw"
	if csum {
		h[0] |= 0x80
		h = append(h, 0xaa, 0xbb, 0, 0)
		kind = "gre"
	}
	if key {
		h[0] |= 0x20
		h = append(h, 1, 2, 3, 4)
	}
	if seq {
		h[0] |= 0x10
		h = append(h, 0, 0, 0, 9)
	}
	return s.push(kind, h)
}

func (s *stack) pppoe(v6 bool) *stack {
	h := []byte{0x11, 0, 0, 7, 0, 0, 0, 0x21}
	if v6 {
		h[7] = 0x57
	}
	be.PutUint16(h[4:], uint16(len(s.b)+2))
	return s.push("pppoe", h)
}

// gso sets the header to cut the innermost L4 packet into size octets.
func (s *stack) gso(typ uint8, size int) *stack {
	m := s.marks[0]
	s.hdr = Hdr{
		Flags: FlagNeedsCsum, GSOType: typ, GSOSize: uint16(size),
		CsumStart: uint16(s.off(m)), CsumOffset: 6, HdrLen: uint16(s.off(m) + m.n),
	}
	if m.kind == "tcp" {
		s.hdr.CsumOffset = 16
	}
	return s
}

func (s *stack) packet() *Packet {
	buf := make([]byte, HdrLen, HdrLen+len(s.b))
	s.hdr.Encode(buf)
	return &Packet{Buf: append(buf, s.b...), Type: 3}
}

// naive is the Internet checksum's sum, two octets at a time.
func naive(parts ...[]byte) uint32 {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	if len(b)%2 == 1 {
		b = append(b, 0)
	}
	var n uint32
	for i := 0; i < len(b); i += 2 {
		n += uint32(b[i])<<8 | uint32(b[i+1])
		for n > 0xffff {
			n = n&0xffff + n>>16
		}
	}
	return n
}

// verify checks every checksum and length of frame, which has the headers of
// s, its innermost L4 packet included. base is the frame number in its row.
func (s *stack) verify(frame []byte, base int) error {
	for k, m := range s.marks {
		if m.kind == "raw" {
			continue
		}
		off := s.off(m)
		h := frame[off:]
		switch m.kind {
		case "ipv4":
			if got := int(be.Uint16(h[2:])); got != len(h) {
				return fmt.Errorf("ipv4 at %d: length %d, want %d", off, got, len(h))
			}
			if n := naive(h[:m.n]); n != 0xffff {
				return fmt.Errorf("ipv4 at %d: header sum %#x", off, n)
			}
			if got, want := be.Uint16(h[4:]), be.Uint16(s.b[off+4:])+uint16(base); got != want {
				return fmt.Errorf("ipv4 at %d: id %d, want %d", off, got, want)
			}
		case "ipv6":
			if got := int(be.Uint16(h[4:])); got != len(h)-40 {
				return fmt.Errorf("ipv6 at %d: length %d, want %d", off, got, len(h)-40)
			}
		case "pppoe":
			if got := int(be.Uint16(h[4:])); got != len(h)-6 {
				return fmt.Errorf("pppoe: length %d, want %d", got, len(h)-6)
			}
		case "gre":
			if n := naive(h); n != 0xffff {
				return fmt.Errorf("gre: sum %#x", n)
			}
		case "tcp", "udp":
			proto := byte(6)
			if m.kind == "udp" {
				proto = 17
				if got := int(be.Uint16(h[4:])); got != len(h) {
					return fmt.Errorf("udp at %d: length %d, want %d", off, got, len(h))
				}
				if k > 0 && be.Uint16(s.b[off+6:]) == 0 {
					if be.Uint16(h[6:]) != 0 {
						return fmt.Errorf("udp at %d: checksum appeared", off)
					}
					continue
				}
				if be.Uint16(h[6:]) == 0 {
					return fmt.Errorf("udp at %d: checksum is zero", off)
				}
			}
			ip := s.marks[k+1]
			addrs := frame[s.off(ip)+12:][:8]
			if ip.kind == "ipv6" {
				addrs = frame[s.off(ip)+8:][:32]
			}
			n := naive(addrs, []byte{0, proto, byte(len(h) >> 24), byte(len(h) >> 16), byte(len(h) >> 8), byte(len(h))}, h)
			if n != 0xffff {
				return fmt.Errorf("%s at %d: sum %#x", m.kind, off, n)
			}
		}
	}
	return nil
}
