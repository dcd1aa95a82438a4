//go:build !(armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64)

package policy_test

import (
	"testing"

	. "github.com/tapbond/tapbond/policy"
)

// hashes are a frame's, by policy: layer2, layer2+3, layer3+4, vlan+srcmac.
type hashes [4]uint32

var hashOrder = [4]HashPolicy{Layer2, Layer23, Layer34, VlanSrcMAC}

// Little-endian machines' hashes, from an independent calculation rather than
// from this package. All frames carry a tag with TCI 10 in front, which only
// vlan+srcmac sees.
func TestHashVectors(t *testing.T) {
	from, to := "192.0.2.1", "198.51.100.7"
	udpFrag := func(frag uint16) []byte {
		return v4{src: from, dst: to, proto: 17, frag: frag}.of(ports(53, 5353, 8))
	}
	proto4 := func(proto byte, payload []byte) []byte { return v4{src: from, dst: to, proto: proto}.of(payload) }
	proto6 := func(next byte, payload []byte) []byte { return v6{"2001:db8::1", "2001:db8:1::7", next}.of(payload) }
	spi := []byte{0xde, 0xad, 0xbe, 0xef}
	for _, c := range []struct {
		name    string
		typ     uint16
		payload []byte
		want    hashes
	}{
		{"arp", 0x0806, zeros(28), hashes{0x80d, 0x80d, 0x80d, 0x2000b}},
		{"tcp4 from 40000", ipv4, tcp4, hashes{0x80b, 0x6605b56, 0x5eed5499, 0x2000b}},
		{"tcp4 from 40002", ipv4, tcp4b, hashes{0x80b, 0x6605b56, 0x5eed5598, 0x2000b}},
		{"udp4", ipv4, udp4, hashes{0x80b, 0x6605b56, 0x77cecdce, 0x2000b}},
		{"udp4 first fragment", ipv4, udpFrag(0x2000), hashes{0x80b, 0x6605b56, 0x33029aa, 0x2000b}},
		{"udp4 middle fragment", ipv4, udpFrag(0x2000 | 185), hashes{0x80b, 0x6605b56, 0x33029aa, 0x2000b}},
		{"udp4 last fragment", ipv4, udpFrag(185), hashes{0x80b, 0x6605b56, 0x33029aa, 0x2000b}},
		{"udp4 don't fragment", ipv4, udpFrag(0x4000), hashes{0x80b, 0x6605b56, 0x77cecdce, 0x2000b}},
		{"udp4 with options", ipv4, v4{src: from, dst: to, proto: 17, options: 3}.of(ports(53, 5353, 8)), hashes{0x80b, 0x6605b56, 0x77cecdce, 0x2000b}},
		{"gre4", ipv4, proto4(47, zeros(8)), hashes{0x80b, 0x6605b56, 0x33029aa, 0x2000b}},
		{"echo", ipv4, proto4(1, icmp(8, 0, 0x1234, nil)), hashes{0x80b, 0x6605b56, 0xa233abd, 0x2000b}},
		{"echo with id 0", ipv4, proto4(1, icmp(8, 0, 0, nil)), hashes{0x80b, 0x6605b56, 0x330a92e, 0x2000b}},
		{"port unreachable", ipv4, v4{src: "203.0.113.9", dst: from, proto: 1}.of(icmp(3, 3, 0, udp4)), hashes{0x80b, 0x6605b56, 0x77cecdce, 0x2000b}},
		{"ah4", ipv4, proto4(51, concat(zeros(4), spi, zeros(4))), hashes{0x80b, 0x6605b56, 0x7498d7bb, 0x2000b}},
		{"esp4", ipv4, proto4(50, concat(spi, zeros(4))), hashes{0x80b, 0x6605b56, 0x7498d7bb, 0x2000b}},
		{"tcp6", ipv6, tcp6, hashes{0x86d6, 0x6068157, 0x5ede7eb0, 0x2000b}},
		{"tcp6 behind hop-by-hop", ipv6, proto6(0, ext(6, 0, ports(40000, 443, 20))), hashes{0x86d6, 0x6068157, 0x3030383, 0x2000b}},
		{"echo6", ipv6, proto6(58, icmp(128, 0, 0x1234, nil)), hashes{0x86d6, 0x6068157, 0xa1010d0, 0x2000b}},
		{"second tag", 0x8100, vlan(10, ipv4, tcp4), hashes{0x810b, 0x810b, 0x810b, 0x2000b}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f Frame
			if !f.Decode(ether(0x8100, vlan(10, c.typ, c.payload))) {
				t.Fatal("not decoded")
			}
			for i, p := range hashOrder {
				if got := f.Hash(p); got != c.want[i] {
					t.Errorf("%v: %#x, want %#x", p, got, c.want[i])
				}
			}
			if !f.Decode(ether(c.typ, c.payload)) {
				t.Fatal("not decoded")
			}
			for i, p := range hashOrder[:3] {
				want := c.want[i]
				if c.typ == 0x8100 { // the only tag, then: popped
					want = [3]uint32{0x80b, 0x6605b56, 0x5eed5499}[i]
				}
				if got := f.Hash(p); got != want {
					t.Errorf("untagged, %v: %#x, want %#x", p, got, want)
				}
			}
		})
	}
}

// Without tunnels the encap policies give what their plain counterparts give,
// and of extension headers more.
func TestEncapVectors(t *testing.T) {
	var f Frame
	f.Decode(ether(ipv6, v6{"2001:db8::1", "2001:db8:1::7", 0}.of(ext(6, 0, ports(40000, 443, 20)))))
	if got := f.Hash(Encap34); got != 0x5ede7eb0 {
		t.Errorf("tcp6 behind hop-by-hop, encap3+4: %#x", got)
	}
	f.Decode(ether(ipv4, tcp4))
	if got := f.Hash(Encap34); got != 0x5eed5499 {
		t.Errorf("tcp4, encap3+4: %#x", got)
	}
	if got := f.Hash(Encap23); got != 0x6605b56 {
		t.Errorf("tcp4, encap2+3: %#x", got)
	}
}
