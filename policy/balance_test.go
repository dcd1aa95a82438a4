package policy_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "github.com/tapbond/tapbond/policy"
)

var ownMAC = [6]byte{0x02, 0, 0, 0, 0, 0x01} // the source that ether gives

// balanced is a snapshot in which bucket b is on slave b mod 3 and the active
// slave is number 3, which has no bucket: so one sees what was balanced.
func balanced(hash HashPolicy) *Snapshot {
	s := slaves("++++")
	s.Active, s.MAC, s.Hash, s.Table = 3, ownMAC, hash, new(Table)
	for b := range s.Table {
		s.Table[b] = int16(b % 3)
	}
	return s
}

func etherTo(dst [6]byte, typ uint16, payload []byte) []byte {
	b := ether(typ, payload)
	copy(b, dst[:])
	return b
}

func TestWhatIsBalanced(t *testing.T) {
	var (
		all      = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
		group4   = [6]byte{0x01, 0, 0x5e, 1, 2, 3}
		group6   = [6]byte{0x33, 0x33, 0, 0, 1, 1}
		allNodes = [6]byte{0x33, 0x33, 0, 0, 0, 1}
		to4      = func(dst string) []byte { return v4{src: "192.0.2.1", dst: dst, proto: 17}.of(ports(1, 2, 8)) }
		to6      = func(src, dst string, next byte, typ byte) []byte {
			return v6{src, dst, next}.of(icmp(typ, 0, 0, zeros(16)))
		}
	)
	foreign := ether(ipv4, tcp4)
	foreign[11] = 0x77
	for _, c := range []struct {
		name     string
		frame    []byte
		tlb, alb bool
	}{
		{"IPv4", ether(ipv4, tcp4), true, true},
		{"IPv6", ether(ipv6, tcp6), true, true},
		{"tagged", ether(0x8100, vlan(7, ipv4, tcp4)), true, true},
		{"two tags", ether(0x88a8, vlan(7, 0x8100, vlan(8, ipv4, tcp4))), false, false},
		{"ARP", ether(0x0806, zeros(28)), false, false},
		{"another protocol", ether(0x88b5, zeros(46)), false, false},
		{"somebody else's frame", foreign, false, false},
		{"IPv4 cut short", ether(ipv4, tcp4[:19]), true, false},
		{"IPv6 cut short", ether(ipv6, tcp6[:39]), true, false},
		{"broadcast address", etherTo(all, ipv4, to4("198.51.100.255")), false, false},
		{"255.255.255.255 to one host", ether(ipv4, to4("255.255.255.255")), true, false},
		{"IPv4 group", etherTo(group4, ipv4, to4("224.1.2.3")), false, true},
		{"IGMP", etherTo(group4, ipv4, v4{src: "192.0.2.1", dst: "224.1.2.3", proto: 2}.of(zeros(8))), false, false},
		{"IPv6 group", etherTo(group6, ipv6, to6("2001:db8::1", "ff02::1:1", 58, 128)), false, true},
		{"all nodes", etherTo(allNodes, ipv6, to6("2001:db8::1", "ff02::1", 58, 128)), false, false},
		{"no source yet", ether(ipv6, to6("::", "2001:db8::2", 58, 128)), true, false},
		{"solicitation", ether(ipv6, to6("2001:db8::1", "2001:db8::2", 58, 135)), false, false},
		{"advertisement", ether(ipv6, to6("2001:db8::1", "2001:db8::2", 58, 136)), false, false},
		{"echo", ether(ipv6, to6("2001:db8::1", "2001:db8::2", 58, 128)), true, true},
	} {
		for m, want := range map[Mode]bool{BalanceTLB: c.tlb, BalanceALB: c.alb} {
			s, q, f := balanced(Layer34), NewQueue(1), decoded(t, c.frame)
			if b, ok := f.Bucket(m, Layer34); f.Src() == ownMAC && (ok != want || ok && len(c.frame) > 0 && s.Table[b] < 0) {
				t.Errorf("%v, %s: bucket %d, %v", m, c.name, b, ok)
			}
			i, why := selector(t, m).Select(s, q, f)
			if why != None || (i != s.Active) != want {
				t.Errorf("%v, %s: slave %d, %v; balanced should be %v", m, c.name, i, why, want)
			}
			var sum uint64
			for _, n := range q.Load {
				sum += n
			}
			if sum != uint64(len(c.frame)) || (q.Load[Unbalanced] == 0) != want {
				t.Errorf("%v, %s: %d octets counted, %d of them as not balanced", m, c.name, sum, q.Load[Unbalanced])
			}
		}
	}
}

func TestBuckets(t *testing.T) {
	f := decoded(t, ether(ipv4, tcp4)) // to 198.51.100.7
	const to = 198 ^ 51 ^ 100 ^ 7
	for _, p := range allPolicies {
		for m, bucket := range map[Mode]uint8{BalanceTLB: uint8(f.Hash(p)), BalanceALB: to} {
			s, q := balanced(p), NewQueue(1)
			i, _ := selector(t, m).Select(s, q, f)
			if b, ok := f.Bucket(m, p); !ok || b != bucket {
				t.Errorf("%v, %v: bucket %d, %v", m, p, b, ok)
			}
			if i != int(s.Table[bucket]) || q.Load[bucket] == 0 {
				t.Errorf("%v, %v: slave %d, bucket %d is on %d and counted %d", m, p, i, bucket, s.Table[bucket], q.Load[bucket])
			}
		}
	}
	last := decoded(t, ether(ipv6, v6{"2001:db8::1", "2001:db8::9", 17}.of(ports(1, 2, 8))))
	s := balanced(Layer2)
	const to6 = 0x20 ^ 0x01 ^ 0x0d ^ 0xb8 ^ 9
	if i, _ := selector(t, BalanceALB).Select(s, NewQueue(1), last); i != int(s.Table[to6]) {
		t.Errorf("IPv6: slave %d, its bucket is on %d", i, s.Table[to6])
	}
}

func TestBucketWithoutSlave(t *testing.T) {
	for _, m := range []Mode{BalanceTLB, BalanceALB} {
		s, f := balanced(Layer2), decoded(t, ether(ipv4, tcp4))
		for b := range s.Table {
			s.Table[b] = -1
		}
		if i, why := selector(t, m).Select(s, NewQueue(1), f); i != -1 || why != TxNoSlave {
			t.Errorf("%v: %d, %v", m, i, why)
		}
		s.Active = -1
		if i, why := selector(t, m).Select(s, NewQueue(1), decoded(t, ether(0x0806, zeros(28)))); i != -1 || why != TxNoActive {
			t.Errorf("%v without an active slave: %d, %v", m, i, why)
		}
	}
}

// Without a table balanced frames go as in balance-xor.
func TestStaticBalance(t *testing.T) {
	xor := selector(t, BalanceXOR)
	rapid.Check(t, func(t *rapid.T) {
		s, f := drawn(t), drawnFrame(t)
		s.Active, s.MAC = len(s.Slaves), f.Src() // no slave: to tell it from the others
		for _, m := range []Mode{BalanceTLB, BalanceALB} {
			sel, _ := New(m)
			i, why := sel.Select(s, NewQueue(1), f)
			if want, wantWhy := xor.Select(s, nil, f); i != s.Active && (i != want || why != wantWhy) {
				t.Fatalf("%v: %d, %v; balance-xor: %d, %v", m, i, why, want, wantWhy)
			}
			if i >= 0 && i != s.Active && !slices.Contains(s.Usable, i) {
				t.Fatalf("%v: slave %d of %v", m, i, s.Usable)
			}
		}
	})
}
