package policy_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// The tests build frames from the inside out: each function puts its header in
// front of what is there.

var be = binary.BigEndian

const (
	ipv4 = 0x0800
	ipv6 = 0x86dd
)

func ether(typ uint16, payload []byte) []byte {
	h := []byte{0x02, 0, 0, 0, 0, 0x0a, 0x02, 0, 0, 0, 0, 0x01}
	return append(be.AppendUint16(h, typ), payload...)
}

// vlan is what stands behind an Ethernet header's 0x8100 or 0x88a8.
func vlan(tci, typ uint16, payload []byte) []byte {
	return append(be.AppendUint16(be.AppendUint16(nil, tci), typ), payload...)
}

type v4 struct {
	src, dst string
	proto    byte
	frag     uint16 // flags and offset
	options  int    // in words
}

func (h v4) of(payload []byte) []byte {
	b := make([]byte, 20+4*h.options, 20+4*h.options+len(payload))
	b[0] = 0x40 | byte(len(b)/4)
	be.PutUint16(b[2:], uint16(len(b)+len(payload)))
	be.PutUint16(b[6:], h.frag)
	b[8], b[9] = 64, h.proto
	src, dst := netip.MustParseAddr(h.src).As4(), netip.MustParseAddr(h.dst).As4()
	copy(b[12:], src[:])
	copy(b[16:], dst[:])
	return append(b, payload...)
}

type v6 struct {
	src, dst string
	next     byte
}

func (h v6) of(payload []byte) []byte {
	b := make([]byte, 40, 40+len(payload))
	be.PutUint32(b, 0x60012345)
	be.PutUint16(b[4:], uint16(len(payload)))
	b[6], b[7] = h.next, 64
	src, dst := netip.MustParseAddr(h.src).As16(), netip.MustParseAddr(h.dst).As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return append(b, payload...)
}

// ext is an IPv6 extension header of 8*(1+more) octets.
func ext(next byte, more int, payload []byte) []byte {
	b := make([]byte, 8*(1+more))
	b[0], b[1] = next, byte(more)
	return append(b, payload...)
}

// ports is the head of UDP, TCP and the like, n octets.
func ports(src, dst uint16, n int) []byte {
	b := make([]byte, n)
	be.PutUint16(b, src)
	be.PutUint16(b[2:], dst)
	return b
}

func icmp(typ, code byte, id uint16, payload []byte) []byte {
	b := []byte{typ, code, 0, 0, byte(id >> 8), byte(id), 0, 1}
	return append(b, payload...)
}

// gre puts a header with the options that flags ask for in front.
func gre(flags, proto uint16, payload []byte) []byte {
	b := be.AppendUint16(be.AppendUint16(nil, flags), proto)
	for _, f := range []uint16{0x8000, 0x2000, 0x1000, 0x0080} {
		if flags&f != 0 && (f != 0x0080 || flags&7 == 1) {
			b = append(b, 0xde, 0xad, byte(f>>8), byte(f))
		}
	}
	return append(b, payload...)
}

func pppoe(proto uint16, payload []byte) []byte {
	b := []byte{0x11, 0, 0, 1}
	b = be.AppendUint16(b, uint16(2+len(payload)))
	return append(be.AppendUint16(b, proto), payload...)
}

func batman(frame []byte) []byte {
	return append([]byte{0x40, 15, 50, 1, 2, 0, 0, 0, 0, 9}, frame...)
}

func hsr(typ uint16, payload []byte) []byte {
	return append(be.AppendUint16([]byte{0, 60, 0, 1}, typ), payload...)
}

func zeros(n int) []byte { return make([]byte, n) }

func concat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// The packets of the vectors.
var (
	tcp4  = v4{src: "192.0.2.1", dst: "198.51.100.7", proto: 6}.of(ports(40000, 443, 20))
	tcp4b = v4{src: "192.0.2.1", dst: "198.51.100.7", proto: 6}.of(ports(40002, 443, 20))
	udp4  = v4{src: "192.0.2.1", dst: "198.51.100.7", proto: 17}.of(ports(53, 5353, 8))
	tcp6  = v6{"2001:db8::1", "2001:db8:1::7", 6}.of(ports(40000, 443, 20))
)
