package policy_test

import (
	"slices"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	. "github.com/tapbond/tapbond/policy"
)

// icmp6 is an ICMPv6 message of a type.
func icmp6(typ byte) []byte {
	return v6{src: "fe80::1", dst: "ff02::1", next: 58}.of(icmp(typ, 0, 0, zeros(20)))
}

func TestLACPIsXOROverTheDistributingPorts(t *testing.T) {
	for _, b := range mixedFrames() {
		var f Frame
		if !f.Decode(b) {
			continue
		}
		s := slaves("b+-++")
		for _, s.Hash = range allPolicies {
			i, why := selector(t, LACP).Select(s, nil, &f)
			if j, _ := selector(t, BalanceXOR).Select(s, nil, &f); i != j || why != None {
				t.Fatalf("%d, %v, xor takes %d", i, why, j)
			}
		}
	}
	if i, why := selector(t, LACP).Select(slaves("bb"), nil, decoded(t, ether(ipv4, tcp4))); i != -1 || why != TxNoSlave {
		t.Errorf("nothing distributes: %d, %v", i, why)
	}
}

func TestNeighborsGoEverywhere(t *testing.T) {
	fan := NewNeighbors().(Fanout)
	s := slaves("b+-++")
	for _, c := range []struct {
		name string
		b    []byte
		all  bool
	}{
		{"ARP", ether(0x0806, zeros(28)), true},
		{"tagged ARP", ether(0x8100, vlan(7, 0x0806, zeros(28))), true},
		{"ARP in two tags", ether(0x88a8, vlan(7, 0x8100, vlan(8, 0x0806, zeros(28)))), false},
		{"solicitation", ether(ipv6, icmp6(135)), true},
		{"advertisement", ether(ipv6, icmp6(136)), true},
		{"tagged advertisement", ether(0x8100, vlan(7, ipv6, icmp6(136))), true},
		{"router solicitation", ether(ipv6, icmp6(133)), false},
		{"redirect", ether(ipv6, icmp6(137)), false},
		{"behind an extension header", ether(ipv6, v6{src: "fe80::1", dst: "ff02::1", next: 0}.of(ext(58, 0, icmp(135, 0, 0, nil)))), false},
		{"cut before the type", ether(ipv6, icmp6(135)[:40]), false},
		{"TCP", ether(ipv4, tcp4), false},
		{"runt ARP", ether(0x0806, nil), true},
	} {
		f := decoded(t, c.b)
		want := s.Usable
		if !c.all {
			one, _ := fan.Select(s, nil, f)
			want = []int{one}
		}
		if got, why := fan.Fanout(s, nil, f, []int{77}); !slices.Equal(got[1:], want) || why != None {
			t.Errorf("%s: %v, %v, want %v", c.name, got, why, want)
		}
		if got, why := fan.Fanout(slaves("b-"), nil, f, nil); len(got) != 0 || why != TxNoSlave {
			t.Errorf("%s, nothing distributes: %v, %v", c.name, got, why)
		}
	}
}

func TestNeighborsNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		return // the detector allocates
	}
	fan, s := NewNeighbors().(Fanout), slaves("+-++")
	frames := append(mixedFrames(), ether(ipv6, icmp6(135)), ether(0x0806, zeros(28)))
	var f Frame
	var sink int
	room := make([]int, 0, len(s.Slaves))
	if n := testing.AllocsPerRun(20, func() {
		for _, b := range frames {
			if f.Decode(b) {
				all, _ := fan.Fanout(s, nil, &f, room[:0])
				sink += len(all)
			}
		}
	}); n != 0 || sink == 0 {
		t.Errorf("%v allocations", n)
	}
}
