package policy_test

import (
	"testing"

	. "github.com/tapbond/tapbond/policy"
)

var allPolicies = []HashPolicy{Layer2, Layer34, Layer23, Encap23, Encap34, VlanSrcMAC}

// compare checks every policy's hash and explanation of one frame.
func compare(t *testing.T, f *Frame, b []byte) {
	t.Helper()
	if !f.Decode(b) {
		t.Fatalf("not decoded: %x", b)
	}
	for _, p := range allPolicies {
		want := oracleHash(b, p)
		if got := f.Hash(p); got != want {
			t.Fatalf("%v of %x: %#x, want %#x\n%v", p, b, got, want, f.Explain(p))
		}
		e := f.Explain(p)
		if last := e.Steps[len(e.Steps)-1]; e.Hash != want || last.Value != want || last.Name != "H" {
			t.Fatalf("%x: hash %#x explained as\n%v", b, want, e)
		}
	}
}

func TestHashAgainstOracle(t *testing.T) {
	g := newGenerator(20260417)
	n := 20000
	if testing.Short() {
		n = 2000
	}
	var f Frame
	for range n {
		b := g.frame()
		compare(t, &f, b)
		compare(t, &f, g.mutated(b))
		compare(t, &f, g.octets(14+g.IntN(80)))
	}
}

// Without this the comparison could be of frames that all hash as layer 2.
func TestGeneratorReaches(t *testing.T) {
	g := newGenerator(7)
	count := map[string]int{}
	var f Frame
	for range 5000 {
		if !f.Decode(g.frame()) {
			t.Fatal("not decoded")
		}
		e := f.Explain(Encap34)
		for _, h := range e.Headers {
			count[h.Name]++
		}
		for _, field := range append(e.Fields, f.Explain(Layer34).Fields...) {
			count[field.Name]++
		}
		count[e.Note]++
		for _, h := range f.Explain(Layer34).Headers {
			count[h.Name]++
		}
	}
	for _, name := range []string{
		"ipv4", "ipv6", "arp", "rarp", "vlan", "mpls", "pppoe", "batman-adv", "tipc", "fcoe", "hsr", "prp",
		"gre", "tcp", "ah", "esp", "icmp", "icmpv6", "quoted ipv4", "quoted ipv6", "hop-by-hop options",
		"routing header", "destination options", "fragment header",
		"src port", "spi", "icmp id", "tipc node", "a fragment: without ports",
		"too many headers: by what was found until there",
	} {
		if count[name] == 0 {
			t.Errorf("no frame with %q", name)
		}
	}
}

func FuzzDecodeHash(f *testing.F) {
	for _, b := range [][]byte{nil, zeros(13), zeros(14), ether(0x8100, nil), ether(0x8100, zeros(3)), ether(0x8100, zeros(4))} {
		f.Add(b)
	}
	g := newGenerator(3)
	for range 200 {
		f.Add(g.mutated(g.frame()))
	}
	var fr Frame
	f.Fuzz(func(t *testing.T, b []byte) {
		if fr.Decode(b) != (len(b) >= 14) {
			t.Fatalf("%d octets: the length decides", len(b))
		}
		if len(b) >= 14 {
			compare(t, &fr, b)
			return
		}
		for _, p := range allPolicies {
			if h := fr.Hash(p); h != 0 {
				t.Fatalf("%v of no frame: %#x", p, h)
			}
		}
	})
}

// A hash names a flow, not a direction: answers come back to the sender of the
// quoted packet and must leave by the member its flow uses.
func TestHashBothWays(t *testing.T) {
	there := v6{"2001:db8::1", "2001:db8:1::7", 17}.of(ports(7, 7, 8))
	back := v6{"2001:db8:1::7", "2001:db8::1", 17}.of(ports(7, 7, 8))
	for _, p := range []HashPolicy{Layer34, Layer23, Encap23, Encap34} {
		if a, b := hashOf(p, ether(ipv6, there)), hashOf(p, ether(ipv6, back)); a != b {
			t.Errorf("%v: %#x there, %#x back", p, a, b)
		}
	}
	for _, typ := range []byte{1, 2, 3, 4} {
		tooBig := v6{"2001:db8:9::9", "2001:db8::1", 58}.of(icmp(typ, 0, 0, tcp6))
		if a, b := hashOf(Layer34, ether(ipv6, tooBig)), hashOf(Layer34, ether(ipv6, tcp6)); a != b {
			t.Errorf("error of type %d: %#x, the flow: %#x", typ, a, b)
		}
	}
}

func hashOf(p HashPolicy, b []byte) uint32 {
	var f Frame
	f.Decode(b)
	return f.Hash(p)
}
