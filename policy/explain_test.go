//go:build !(armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64)

package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/tapbond/tapbond/policy"
)

func TestExplainText(t *testing.T) {
	unreachable := func(quoted []byte) []byte {
		return ether(ipv4, v4{src: "203.0.113.9", dst: "192.0.2.1", proto: 1}.of(icmp(3, 3, 0, quoted)))
	}
	for _, c := range []struct {
		name string
		p    HashPolicy
		b    []byte
		want string
	}{
		{"a flow", Layer34, ether(ipv4, tcp4), `layer3+4: ipv4 at 14, tcp at 34
  protocol   tcp
  src port   40000
  dst port   443
  src ip     192.0.2.1
  dst ip     198.51.100.7
  P = 0xbb01409c  src port and dst port, as loaded
  A = 0x06663306  src ip ^ dst ip, as loaded
  x = 0xbd67739a  P ^ A
  x = 0xbd67cefd  x ^ x>>16
  x = 0xbddaa933  x ^ x>>8
  H = 0x5eed5499  x >> 1
`},
		{"addresses only", Layer23, ether(ipv6, tcp6), `layer2+3: ipv6 at 14, tcp at 54
  dst mac    02:00:00:00:00:0a
  src mac    02:00:00:00:00:01
  ethertype  0x86dd
  src ip     2001:db8::1
  dst ip     2001:db8:1::7
  E = 0x000086d6  dst mac[5] ^ src mac[5] ^ ethertype
  A = 0x06000100  xor of the 4 words of src ip and the 4 of dst ip, as loaded
  x = 0x060087d6  E ^ A
  x = 0x060081d6  x ^ x>>16
  x = 0x06068157  x ^ x>>8
  H = 0x06068157  x
`},
		{"a tag", VlanSrcMAC, ether(0x8100, vlan(10, ipv4, tcp4)), `vlan+srcmac
  src mac    02:00:00:00:00:01
  vlan tci   0x000a
  H = 0x0002000b  tci ^ src mac[0:3] ^ src mac[3:6]
`},
		{"an error", Layer34, unreachable(udp4), `layer3+4: ipv4 at 14, icmp at 34, quoted ipv4 at 42, udp at 62
  an ICMP error: by the packet it quotes
  protocol   udp
  src port   53
  dst port   5353
  src ip     192.0.2.1
  dst ip     198.51.100.7
  P = 0xe9143500  src port and dst port, as loaded
  A = 0x06663306  src ip ^ dst ip, as loaded
  x = 0xef720606  P ^ A
  x = 0xef72e974  x ^ x>>16
  x = 0xef9d9b9d  x ^ x>>8
  H = 0x77cecdce  x >> 1
`},
		{"an error that quotes too little", Layer34, unreachable(udp4[:19]), `layer3+4: ipv4 at 14, icmp at 34
  an ICMP error without a whole IP header in its quotation: as layer2
  dst mac    02:00:00:00:00:0a
  src mac    02:00:00:00:00:01
  ethertype  0x0800
  H = 0x0000080b  dst mac[5] ^ src mac[5] ^ ethertype
`},
		{"a fragment", Layer34, ether(ipv4, v4{src: "192.0.2.1", dst: "198.51.100.7", proto: 17, frag: 0x2000}.of(zeros(8))), `layer3+4: ipv4 at 14
  a fragment: without ports
  src ip     192.0.2.1
  dst ip     198.51.100.7
  P = 0x00000000  0, no ports
  A = 0x06663306  src ip ^ dst ip, as loaded
  x = 0x06663306  P ^ A
  x = 0x06663560  x ^ x>>16
  x = 0x06605355  x ^ x>>8
  H = 0x033029aa  x >> 1
`},
		{
			"a tunnel", Encap34,
			ether(ipv4, v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 4}.of(v4{src: "192.0.2.1", dst: "198.51.100.7", proto: 47}.of(
				gre(0x2000, 0x6558, ether(0x8100, vlan(1, ipv6, v6{"2001:db8::1", "2001:db8:1::7", 60}.of(ext(51, 0, concat(zeros(4), []byte{0xde, 0xad, 0xbe, 0xef}))))))))),
			`encap3+4: ipv4 at 14, ipv4 at 34, gre at 54, vlan at 76, ipv6 at 80, destination options at 120, ah at 128
  protocol   ah
  spi        0xdeadbeef
  src ip     2001:db8::1
  dst ip     2001:db8:1::7
  P = 0xefbeadde  spi, as loaded
  A = 0x06000100  xor of the 4 words of src ip and the 4 of dst ip, as loaded
  x = 0xe9beacde  P ^ A
  x = 0xe9be4560  x ^ x>>16
  x = 0xe957fb25  x ^ x>>8
  H = 0x74abfd92  x >> 1
`},
		{"a tunnel cut short", Encap23, ether(ipv4, v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 41}.of(zeros(39))), `encap2+3: ipv4 at 14
  ipv6 at 34 is unknown or cut short: as layer2
  dst mac    02:00:00:00:00:0a
  src mac    02:00:00:00:00:01
  ethertype  0x0800
  H = 0x0000080b  dst mac[5] ^ src mac[5] ^ ethertype
`},
	} {
		if diff := cmp.Diff(c.want, decoded(t, c.b).Explain(c.p).String()); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", c.name, diff)
		}
	}
}

// ARP is known to the walk, which finds nothing in it to mix: unlike under the
// plain policies it does not hash as layer 2 there.
func TestEncapARP(t *testing.T) {
	arp := ether(0x0806, zeros(28))
	if got := hashOf(Encap23, arp); got != 0x80d^0x80d>>8 {
		t.Errorf("encap2+3: %#x", got)
	}
	if got := hashOf(Encap34, arp); got != 0 {
		t.Errorf("encap3+4: %#x", got)
	}
}

func TestExplainJSON(t *testing.T) {
	b, err := json.Marshal(decoded(t, ether(ipv4, tcp4)).Explain(Layer2))
	want := `{"policy":"layer2","fields":[{"name":"dst mac","value":"02:00:00:00:00:0a"},{"name":"src mac","value":"02:00:00:00:00:01"},` +
		`{"name":"ethertype","value":"0x0800"}],"steps":[{"name":"H","formula":"dst mac[5] ^ src mac[5] ^ ethertype","value":2059}],"hash":2059}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
