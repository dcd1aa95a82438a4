package policy_test

import (
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	. "github.com/tapbond/tapbond/policy"
)

// mixedFrames are some of every kind, tunnels too.
func mixedFrames() [][]byte {
	g := newGenerator(11)
	frames := [][]byte{ether(ipv4, tcp4), ether(ipv6, tcp6), ether(0x0806, zeros(28)), zeros(13), nil}
	for range 60 {
		frames = append(frames, g.frame())
	}
	return frames
}

func TestDecodeHashSelectNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		return // the detector allocates
	}
	frames := mixedFrames()
	var f Frame
	var sink int
	for _, p := range allPolicies {
		for m := BalanceRR; m <= BalanceALB; m++ {
			sel, s, q := selector(t, m), slaves("+-++"), NewQueue(5)
			s.Hash, s.Active = p, 3
			s.MAC, s.Table = ownMAC, new(Table)
			fan, copies := sel.(Fanout)
			room := make([]int, 0, len(s.Slaves))
			if n := testing.AllocsPerRun(20, func() {
				for _, b := range frames {
					if !f.Decode(b) {
						continue
					}
					if copies {
						all, _ := fan.Fanout(s, q, &f, room[:0])
						sink += len(all)
					}
					i, _ := sel.Select(s, q, &f)
					sink += i + int(f.Hash(p))
				}
			}); n != 0 {
				t.Errorf("%v, %v: %v allocations", m, p, n)
			}
		}
	}
	if sink == 0 {
		t.Error("nothing was selected")
	}
}
