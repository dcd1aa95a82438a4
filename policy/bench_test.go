package policy_test

import (
	"fmt"
	"testing"

	. "github.com/tapbond/tapbond/policy"
)

var benchFrames = []struct {
	name string
	b    []byte
}{
	{"tcp4", ether(ipv4, tcp4)},
	{"tcp6", ether(ipv6, tcp6)},
	{"vlan+tcp4", ether(0x8100, vlan(10, ipv4, tcp4))},
	{"gre+teb+tcp4", ether(ipv4, v4{src: "10.0.0.1", dst: "10.0.0.2", proto: 47}.of(gre(0x2000, 0x6558, ether(ipv4, tcp4))))},
}

var sink uint32

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchFrames {
		b.Run(c.name, func(b *testing.B) {
			var f Frame
			b.ReportAllocs()
			for b.Loop() {
				f.Decode(c.b)
				sink += uint32(f.EtherType)
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	for _, p := range allPolicies {
		for _, c := range benchFrames {
			b.Run(fmt.Sprintf("%v/%s", p, c.name), func(b *testing.B) {
				f := decoded(b, c.b)
				b.ReportAllocs()
				for b.Loop() {
					sink += f.Hash(p)
				}
			})
		}
	}
}

// BenchmarkSelect is the whole decision on one frame: decode, hash where the
// mode has one, select.
func BenchmarkSelect(b *testing.B) {
	for m := BalanceRR; m <= BalanceALB; m++ {
		if _, ok := New(m); !ok {
			continue
		}
		policies := []HashPolicy{Layer2}
		hashes := m == BalanceXOR || m == LACP || m == BalanceTLB
		if hashes {
			policies = allPolicies
		}
		for _, p := range policies {
			name := m.String()
			if hashes {
				name += "/" + p.String()
			}
			b.Run(name, func(b *testing.B) {
				sel, s, q := selector(b, m), slaves("+-++"), NewQueue(5)
				s.Hash, s.Active = p, 3
				s.MAC, s.Table = ownMAC, new(Table)
				fan, copies := sel.(Fanout)
				room := make([]int, 0, 8)
				frame := ether(ipv4, tcp4)
				var f Frame
				b.ReportAllocs()
				for b.Loop() {
					if !f.Decode(frame) {
						b.Fatal("not decoded")
					}
					if copies {
						room, _ = fan.Fanout(s, q, &f, room[:0])
						continue
					}
					i, _ := sel.Select(s, q, &f)
					sink += uint32(i)
				}
			})
		}
	}
}
