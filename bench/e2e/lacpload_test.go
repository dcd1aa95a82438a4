package e2e

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/internal/labtest"
)

// The LAG's own timing doesn't suffer from data: LACPDUs leave in time while
// both ways are as full as they get, and none is missed.
func TestLACPUnderLoad(t *testing.T) {
	g := startLoneLAG(t, 2, "")
	g.healthy()
	at := traffic.Now()
	ctx, stop := context.WithTimeout(t.Context(), pick(8*time.Second, time.Minute))
	defer stop()
	var wg sync.WaitGroup
	for i, e := range [][2]*lab.Host{{g.lab.A, g.lab.B}, {g.lab.B, g.lab.A}} {
		wg.Go(func() {
			cfg := traffic.FlowConfig{From: e[0], To: e[1], Src: ends[0][i], Dst: ends[0][1-i], Flows: 32, Size: 200, First: 100}
			if _, err := traffic.Run(ctx, cfg); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range g.ports {
		for _, gap := range g.gaps(i, at) {
			if gap > 1300*time.Millisecond {
				t.Errorf("port %d: LACPDUs %v apart", i, gap)
			}
		}
		if p := g.port(i); p.Counters.ExpiredCount > 0 {
			t.Errorf("port %d expired %d times", i, p.Counters.ExpiredCount)
		}
	}
	t.Logf("%v of load", traffic.Now().Sub(at))
}

// A flood of LACPDUs with any octet wrong, on one port: the program lives, its
// memory stays, the other port doesn't notice, and afterwards all is well.
func TestLACPFlood(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	count := pick(20_000, 1_000_000)
	rate := 10_000
	if labtest.RaceEnabled {
		count, rate = 6_000, 2_000
	}
	rnd := rand.New(rand.NewPCG(1, uint64(count)))
	good := g.ports[0].Frame()
	before := g.rss()
	at := traffic.Now()
	for n := 0; n < count; {
		due := int(float64(rate) * traffic.Now().Sub(at).Seconds())
		if n >= due {
			g.pause(time.Millisecond)
			continue
		}
		for ; n < min(due, count); n++ {
			if err := g.ports[0].Send(mutate(rnd, good)); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.steady(1, at, traffic.Now())
	if st := g.port(1); !st.Distributing {
		t.Errorf("the other port: %s", st.Reason)
	}
	back := g.ports[0].Change(func(*partner.Script) {})
	g.carries(0, back, 3*time.Second)
	g.carries(1, back, 1100*time.Millisecond)
	after := g.rss()
	t.Logf("%d frames in %v; resident %d kB before, %d kB after", count, traffic.Now().Sub(at), before, after)
	if after > before+pick(30_000, 30_000) {
		t.Errorf("resident memory grew from %d to %d kB", before, after)
	}
	g.most(3, g.ports[0].Heard(at, true), "LACPDUs")
}

// mutate returns a copy of a LACPDU with something wrong: octets, length, tag.
func mutate(rnd *rand.Rand, f partner.Frame) []byte {
	out := append([]byte(nil), f...)
	for range 1 + rnd.IntN(6) {
		at := partner.OffEtherType + 2 + rnd.IntN(len(out)-partner.OffEtherType-2)
		out[at] = byte(rnd.Uint32())
	}
	switch rnd.IntN(12) {
	case 0:
		out = out[:15+rnd.IntN(len(out)-15)]
	case 1:
		out = append(out, make([]byte, rnd.IntN(1300))...)
	case 2:
		out = partner.Frame(out).Tagged(uint16(rnd.Uint32()))
	}
	return out
}
