package policy_test

import (
	"fmt"
	"math/rand/v2"
)

// generator makes frames that look like something, of every kind the
// dissections know.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 1))}
}

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

func (g generator) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g generator) frame() []byte {
	b := g.link(3)
	return append(g.octets(12), b...)
}

// link is a header's EtherType and what it names, at most depth tunnels deep.
func (g generator) link(depth int) []byte {
	typ, payload := g.payload(depth)
	for g.IntN(3) == 0 {
		typ, payload = g.wrap(typ, payload)
	}
	return append(be.AppendUint16(nil, typ), payload...)
}

func (g generator) wrap(typ uint16, payload []byte) (uint16, []byte) {
	switch g.IntN(6) {
	case 0:
		proto := pick[uint16](g, 0x00fd, 0x0057, 0x0281, 0x0021, 0x2145, 0xc021)
		switch typ {
		case ipv4:
			proto = 0x0021
		case ipv6:
			proto = 0x0057
		}
		return 0x8864, pppoe(proto, payload)
	case 1:
		return 0x4305, batman(append(g.octets(12), append(be.AppendUint16(nil, typ), payload...)...))
	case 2:
		return pick[uint16](g, 0x88fb, 0x892f), hsr(typ, payload)
	}
	return pick[uint16](g, 0x8100, 0x88a8), vlan(uint16(g.Uint32()), typ, payload)
}

func (g generator) payload(depth int) (uint16, []byte) {
	switch g.IntN(16) {
	case 0:
		return pick[uint16](g, 0x0806, 0x8035, 0x8847, 0x8848, 0x88ca, 0x8906, 0x88f7), g.octets(g.IntN(60))
	case 1:
		return uint16(g.Uint32()), g.octets(g.IntN(60))
	case 2, 3, 4, 5, 6, 7:
		return ipv6, g.v6(depth)
	}
	return ipv4, g.v4(depth)
}

func (g generator) v4(depth int) []byte {
	proto, payload := g.upper(depth, false)
	h := v4{
		src: fmt.Sprintf("192.0.%d.%d", g.IntN(4), g.IntN(256)), dst: fmt.Sprintf("198.51.%d.%d", g.IntN(4), g.IntN(256)),
		proto: proto,
	}
	if g.IntN(6) == 0 {
		h.frag = pick[uint16](g, 0x2000, 0x2001, 0x00b9, 0x4000, 0x8000)
	}
	if g.IntN(4) == 0 {
		h.options = g.IntN(11)
	}
	b := h.of(payload)
	if g.IntN(30) == 0 {
		b[0] = 0x40 | byte(g.IntN(16))
	}
	return b
}

func (g generator) v6(depth int) []byte {
	next, payload := g.upper(depth, true)
	for g.IntN(3) == 0 {
		payload = ext(next, g.IntN(3), payload)
		next = pick[byte](g, 0, 43, 44, 60, 135)
		if g.IntN(20) == 0 { // beyond the walk's limit
			for range 17 {
				next, payload = 60, ext(next, 0, payload)
			}
		}
	}
	return v6{fmt.Sprintf("2001:db8::%x", g.IntN(1<<16)), fmt.Sprintf("2001:db8:%x::7", g.IntN(1<<16)), next}.of(payload)
}

// upper is an IP protocol number and what it names.
func (g generator) upper(depth int, in6 bool) (byte, []byte) {
	if depth > 0 && g.IntN(3) == 0 {
		return g.tunnel(depth - 1)
	}
	switch g.IntN(8) {
	case 0:
		return byte(g.Uint32()), g.octets(g.IntN(40))
	case 1, 2, 3:
		return g.icmp(in6)
	}
	return pick[byte](g, 6, 17, 33, 50, 51, 132, 136, 2, 0, 43, 44, 60), append(ports(uint16(g.Uint32()), uint16(g.Uint32()), 8), g.octets(g.IntN(20))...)
}

func (g generator) icmp(in6 bool) (byte, []byte) {
	id := pick(g, 0, uint16(g.Uint32()))
	var payload []byte
	if in6 {
		if g.IntN(2) == 0 {
			payload = g.v6(0)
		}
		return pick[byte](g, 58, 58, 58, 1), icmp(pick(g, 1, 2, 3, 4, 128, 129, 133, 135, 136, byte(g.Uint32())), byte(g.IntN(4)), id, payload)
	}
	if g.IntN(2) == 0 {
		payload = g.v4(0)
	}
	return pick[byte](g, 1, 1, 1, 58), icmp(pick(g, 0, 3, 4, 5, 8, 11, 12, 13, 14, 17, 128, byte(g.Uint32())), byte(g.IntN(4)), id, payload)
}

func (g generator) tunnel(depth int) (byte, []byte) {
	switch g.IntN(6) {
	case 0:
		return 4, g.v4(depth)
	case 1:
		return 41, g.v6(depth)
	case 2:
		return 137, g.octets(12)
	}
	flags := pick[uint16](g, 0, 0, 0x2000, 0xb000, 0x8000, 0x1000, 0x4000, 0x2001, 0x2081, 0x3001, 0x3081, 0xb081, 0x0002, 0x0001)
	if flags&7 == 1 {
		ppp := be.AppendUint16([]byte{0xff, 0x03}, pick[uint16](g, 0x0021, 0x0021, 0x0057, 0xc021))
		return 47, gre(flags, pick[uint16](g, 0x880b, 0x880b, 0x880b, ipv4), append(ppp, g.v4(depth)...))
	}
	if g.IntN(3) == 0 {
		return 47, gre(flags, 0x6558, append(g.octets(12), g.link(depth)...))
	}
	typ, payload := g.payload(depth)
	return 47, gre(flags, typ, payload)
}

// mutated is b with a few octets changed or its end cut off.
func (g generator) mutated(b []byte) []byte {
	b = append([]byte(nil), b...)
	for range g.IntN(4) {
		b[g.IntN(len(b))] = pick(g, byte(g.Uint32()), 0, 1, 0xff)
	}
	if g.IntN(3) == 0 {
		b = b[:max(14, g.IntN(len(b)+1))]
	}
	return b
}
