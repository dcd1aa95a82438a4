package policy_test

import (
	"testing"

	. "github.com/tapbond/tapbond/policy"
)

// The walk opens 15 headers. At the 16th it looks for ports where it stands
// and no further.
func TestEncapLimit(t *testing.T) {
	chain := func(n int, last byte, payload []byte) []byte {
		for range n {
			payload = ext(last, 0, payload)
			last = 60
		}
		return ether(ipv6, v6{"2001:db8::1", "2001:db8:1::7", last}.of(payload))
	}
	tcp, echo := ports(40000, 443, 20), icmp(128, 0, 7, nil)
	withPorts, withID := hashOf(Encap34, chain(0, 6, tcp)), hashOf(Encap34, chain(0, 58, echo))
	none := hashOf(Encap34, chain(0, 59, nil))
	for _, c := range []struct {
		n         int
		tcp, echo uint32
	}{
		{1, withPorts, withID},
		{15, withPorts, withID},
		{16, withPorts, none},
		{17, none, none},
	} {
		if got := hashOf(Encap34, chain(c.n, 6, tcp)); got != c.tcp {
			t.Errorf("tcp behind %d: %#x, want %#x", c.n, got, c.tcp)
		}
		if got := hashOf(Encap34, chain(c.n, 58, echo)); got != c.echo {
			t.Errorf("echo behind %d: %#x, want %#x", c.n, got, c.echo)
		}
	}

	tags := func(n int) []byte {
		b := concat([]byte{0x08, 0x00}, tcp4)
		for range n {
			b = concat([]byte{0x81, 0x00, 0, 1}, b)
		}
		return concat(ether(0, nil)[:12], b)
	}
	// The outer tag is off before the walk begins.
	if got, want := hashOf(Encap34, tags(16)), hashOf(Encap34, tags(0)); got != want {
		t.Errorf("16 tags: %#x, want %#x", got, want)
	}
	if got := hashOf(Encap34, tags(17)); got != 0 {
		t.Errorf("17 tags: %#x, want nothing mixed", got)
	}
}

// A header of exactly its length is read; one octet less, and the frame hashes
// as layer 2.
func TestEncapLengths(t *testing.T) {
	outer := v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 47}
	pptp := []byte{0xff, 3, 0xc0, 0x21}
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"fcoe", ether(0x8906, zeros(38))},
		{"ptp", ether(0x88f7, zeros(34))},
		{"tipc", ether(0x88ca, concat(zeros(12), []byte{1, 2, 3, 4}))},
		{"ipv4", ether(ipv4, v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 253}.of(nil))},
		{"ipv6", ether(ipv6, v6{"fd00::1", "fd00::2", 59}.of(nil))},
		{"ipv6 fragment", ether(ipv6, v6{"fd00::1", "fd00::2", 44}.of(zeros(8)))},
		{"ipv6 options", ether(ipv6, v6{"fd00::1", "fd00::2", 60}.of([]byte{59, 0}))},
		{"vlan", ether(0x8100, vlan(1, 0x8100, vlan(2, 0x0806, nil)))},
		{"hsr", ether(0x892f, hsr(0x0806, nil))},
		{"batman-adv", ether(0x4305, batman(ether(0x0806, nil)))},
		{"pppoe", ether(0x8864, pppoe(0x00fd, nil))},
		{"gre", ether(ipv4, outer.of(gre(0, 0x8847, nil)))},
		{"gre with a key", ether(ipv4, outer.of(gre(0x2000, 0x8847, nil)))},
		{"gre with a frame", ether(ipv4, outer.of(gre(0x3000, 0x6558, ether(0x8847, nil))))},
		{"pptp", ether(ipv4, outer.of(gre(0x3081, 0x880b, concat(pptp[:2], []byte{0, 0x21}, tcp4[:20]))))},
	} {
		var f Frame
		f.Decode(c.b)
		if note := f.Explain(Encap23).Note; note != "" {
			t.Errorf("%s: %s", c.name, note)
		}
		if cut := c.b[:len(c.b)-1]; hashOf(Encap23, cut) != hashOf(Layer2, cut) {
			t.Errorf("%s cut by one: %v", c.name, decoded(t, cut).Explain(Encap23))
		}
	}
}

// PPTP's optional words, one by one.
func TestEncapPPTPOptions(t *testing.T) {
	want := hashOf(Layer34, ether(ipv4, tcp4))
	for _, flags := range []uint16{0x2001, 0x2081, 0x3001, 0x3081, 0xa001, 0xb081} {
		b := v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 47}.of(gre(flags, 0x880b, concat([]byte{0xff, 3, 0, 0x21}, tcp4)))
		if got := hashOf(Encap34, ether(ipv4, b)); got != want {
			t.Errorf("flags %#x: %#x, want %#x", flags, got, want)
		}
	}
}

// What a tunnel carries decides under encap3+4; the tunnel itself does not.
func TestEncapSeesInnermost(t *testing.T) {
	in4 := func(proto byte, b []byte) []byte {
		return ether(ipv4, v4{src: "10.0.0.1", dst: "10.0.0.2", proto: proto}.of(b))
	}
	in6 := func(next byte, b []byte) []byte {
		return ether(ipv6, v6{"fd00::1", "fd00::2", next}.of(b))
	}
	for name, b := range map[string][]byte{
		"ipip":           in4(4, tcp4),
		"ip in ipv6":     in6(4, tcp4),
		"gre":            in4(47, gre(0, ipv4, tcp4)),
		"gre with all":   in4(47, gre(0xb000, ipv4, tcp4)),
		"gre6":           in6(47, gre(0, ipv4, tcp4)),
		"teb":            in4(47, gre(0x2000, 0x6558, ether(ipv4, tcp4))),
		"teb with a tag": in4(47, gre(0x2000, 0x6558, ether(0x8100, vlan(5, ipv4, tcp4)))),
		"pptp":           in4(47, gre(0x3081, 0x880b, concat([]byte{0xff, 3, 0, 0x21}, tcp4))),
		"pppoe":          ether(0x8864, pppoe(0x0021, tcp4)),
		"qinq":           ether(0x88a8, vlan(1, 0x8100, vlan(2, 0x8100, vlan(3, ipv4, tcp4)))),
		"hsr":            ether(0x892f, hsr(ipv4, tcp4)),
		"batman":         ether(0x4305, batman(ether(ipv4, tcp4))),
		"behind options": in6(60, ext(0, 2, ext(43, 0, ext(4, 1, tcp4)))),
	} {
		if got, want := hashOf(Encap34, b), hashOf(Layer34, ether(ipv4, tcp4)); got != want {
			t.Errorf("%s: %#x, alone %#x", name, got, want)
		}
	}
	for name, b := range map[string][]byte{
		"6in4":         in4(41, tcp6),
		"ipv6 in ipv6": in6(41, tcp6),
		"gre":          in4(47, gre(0, ipv6, tcp6)),
		"pppoe":        ether(0x8864, pppoe(0x0057, tcp6)),
	} {
		if got, want := hashOf(Encap34, b), hashOf(Layer34, ether(ipv6, tcp6)); got != want {
			t.Errorf("%s: %#x, alone %#x", name, got, want)
		}
	}
}

// Where the walk ends at the outer packet, or fails.
func TestEncapStops(t *testing.T) {
	outer := v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 47}
	noPorts := hashOf(Encap34, ether(ipv4, outer.of(gre(0x4000, ipv4, tcp4))))
	for name, b := range map[string][]byte{
		"gre version 2":        outer.of(gre(2, ipv4, tcp4)),
		"gre 1 without key":    outer.of(gre(1, 0x880b, tcp4)),
		"gre 1 not ppp":        outer.of(gre(0x2001, ipv4, tcp4)),
		"arp in teb":           outer.of(gre(0, 0x6558, ether(0x0806, zeros(28)))),
		"mpls in gre":          outer.of(gre(0, 0x8847, zeros(4))),
		"first fragment":       v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 4, frag: 0x2000}.of(tcp4),
		"unassigned protocol":  v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 253}.of(tcp4),
		"mpls behind ip":       v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 137}.of(zeros(8)),
		"tcp cut in its ports": v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 6}.of(zeros(3)),
	} {
		if got := hashOf(Encap34, ether(ipv4, b)); got != noPorts {
			t.Errorf("%s: %#x, want the outer addresses' %#x", name, got, noPorts)
		}
	}
	vxlan := v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 17}.of(concat(ports(50000, 4789, 8), zeros(8), ether(ipv4, tcp4)))
	if got, want := hashOf(Encap34, ether(ipv4, vxlan)), hashOf(Layer34, ether(ipv4, vxlan)); got != want {
		t.Errorf("vxlan: %#x, want its own ports' %#x", got, want)
	}
	for name, b := range map[string][]byte{
		"unknown in gre":      ether(ipv4, outer.of(gre(0, 0x1234, tcp4))),
		"key cut":             ether(ipv4, outer.of([]byte{0x20, 0, 8, 0, 1, 2, 3})),
		"inner header cut":    ether(ipv4, outer.of(gre(0, ipv4, tcp4[:19]))),
		"short header length": ether(ipv4, concat([]byte{0x44}, tcp4[1:])),
		"lcp over pptp":       ether(ipv4, outer.of(gre(0x2001, 0x880b, []byte{0xff, 3, 0xc0, 0x21, 1}))),
		"pppoe discovery":     ether(0x8863, zeros(40)),
		"pppoe with a code":   ether(0x8864, concat([]byte{0x11, 9}, zeros(40))),
		"unknown":             ether(0x88cc, zeros(40)),
		"llc":                 ether(40, zeros(40)),
	} {
		if got, want := hashOf(Encap34, b), hashOf(Layer2, b); got != want {
			t.Errorf("%s: %#x, want layer2's %#x", name, got, want)
		}
	}
}
