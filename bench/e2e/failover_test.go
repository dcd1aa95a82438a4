package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
)

// TestFailover: the active slave loses its carrier under load, over and over;
// for a NIC of which netlink tells at once and for one of which it may tell a
// second late, by the workers and by the express lane.
func TestFailover(t *testing.T) {
	rate := 100_000
	if labtest.RaceEnabled {
		rate = 10_000 // the detector costs more than there is
	}
	for _, c := range []struct {
		nicLike bool
		express string
	}{{true, "off"}, {false, "off"}, {true, "on"}} {
		t.Run(fmt.Sprintf("niclike=%v,express=%s", c.nicLike, c.express), func(t *testing.T) {
			b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true, NICLike: c.nicLike}, "mode active-backup miimon 100 express "+c.express)
			var gaps []time.Duration
			for i := range pick(6, 20) {
				cut := i % 2
				b.until("the slave to cut is active", func(st bond.State) bool { return st.Active == b.lab.Link(cut).Slave() })
				r, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{Lab: b.lab, Link: cut, Rate: rate})
				b.must(err)
				t.Log(r)
				if r.NewLink != 1-cut || r.Flow.Duplicated > 0 || r.Flow.Reordered > 0 {
					t.Errorf("cut %d: new link %d, duplicated %d, reordered %d", i, r.NewLink, r.Flow.Duplicated, r.Flow.Reordered)
				}
				gaps = append(gaps, r.OnWire)
				_, err = b.lab.Link(cut).Carrier(true)
				b.must(err)
				b.until("both links are up", func(st bond.State) bool { return st.Slaves[0].MIIStatus == "UP" && st.Slaves[1].MIIStatus == "UP" })
				b.must(b.lab.AwaitSilence(t.Context(), 100*time.Millisecond))
			}
			slices.Sort(gaps)
			median, worst := gaps[len(gaps)/2], gaps[len(gaps)-1-len(gaps)/20]
			t.Logf("traffic on the other slave after %v (median), %v (19 of 20)", median, worst)
			limit := 5 * time.Millisecond
			if labtest.RaceEnabled {
				limit = 50 * time.Millisecond
			}
			// The aim is 1.5 ms; a shared machine gets what keeps it honest.
			if median > limit {
				t.Errorf("median %v, want at most %v", median, limit)
			}
		})
	}
}

// TestFailoverWhileSaturated: the same with both directions as full as the
// machine can make them.
func TestFailoverWhileSaturated(t *testing.T) {
	b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true, NICLike: true}, "mode active-backup miimon 100")
	for i := range pick(2, 20) {
		cut := i % 2
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for n, e := range [][2]*lab.Host{{b.lab.A, b.lab.B}, {b.lab.B, b.lab.A}} {
			wg.Go(func() {
				src, dst := ends[0][n], ends[0][1-n]
				_, err := traffic.Run(ctx, traffic.FlowConfig{From: e[0], To: e[1], Src: src, Dst: dst, Size: 64})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			})
		}
		b.until("the slave to cut is active", func(st bond.State) bool { return st.Active == b.lab.Link(cut).Slave() })
		span, err := b.lab.Link(cut).Carrier(false)
		b.must(err)
		st := b.until("the other is active", func(st bond.State) bool { return st.Active == b.lab.Link(1-cut).Slave() })
		stop()
		wg.Wait()
		took := st.ActiveAt.Sub(span.Start)
		t.Logf("switched %v after the cut began, which took %v", took, span.Took())
		limit := 20 * time.Millisecond
		if labtest.RaceEnabled {
			limit = 200 * time.Millisecond
		}
		if took > limit {
			t.Errorf("switched after %v, want at most %v", took, limit)
		}
		_, err = b.lab.Link(cut).Carrier(true)
		b.must(err)
		b.until("the link is back", func(st bond.State) bool { return st.Slaves[cut].MIIStatus == "UP" })
	}
}

// TestPlannedChangesLoseNothing: a switch of the active slave by hand, and the
// release of a healthy slave in every mode, under traffic both ways.
func TestPlannedChangesLoseNothing(t *testing.T) {
	for _, options := range append(modes(), "active-backup express on", "balance-xor express on") {
		t.Run(options, func(t *testing.T) {
			mode, _, _ := strings.Cut(options, " ")
			b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "mode "+options+" miimon 100 xmit_hash_policy layer3+4")
			if mode == "active-backup" || mode == "balance-tlb" || mode == "balance-alb" {
				b.undisturbed(mode, "set active_slave", func() { b.do("set", "bond0", "active_slave", "eth1") })
				b.undisturbed(mode, "and back", func() { b.do("set", "bond0", "active_slave", "eth0") })
			}
			if mode == "active-backup" || mode == "balance-tlb" {
				b.hub(true)
				b.undisturbed(mode, "set active_slave on a hub", func() { b.do("set", "bond0", "active_slave", "eth1") })
				b.undisturbed(mode, "and back on a hub", func() { b.do("set", "bond0", "active_slave", "eth0") })
				if copies := b.state().Drops["rx_duplicate"]; copies == 0 {
					b.t.Error("no copies: that was no hub")
				}
				b.hub(false) // the announcements of both slaves have it learn again
				b.undisturbed(mode, "set active_slave while it learns", func() { b.do("set", "bond0", "active_slave", "eth1") })
				b.undisturbed(mode, "and back while it learns", func() { b.do("set", "bond0", "active_slave", "eth0") })
			}
			b.undisturbed(mode, "release", func() { b.do("release", "bond0", "eth0") })
			b.undisturbed(mode, "enslave", func() { b.enslave(0) })
		})
	}
}

// hub has the switch forget what is behind its ports, and learn nothing: it sends
// all frames for A to both slaves.
func (b *bed) hub(on bool) {
	b.t.Helper()
	for _, k := range b.lab.Links() {
		b.must(k.Learn(!on))
		if on {
			b.must(k.Forget())
		}
	}
}

// enslave makes the slave of link i one of the bond again. The switch sends to the
// bond through that link only when the link lets frames through: what it lost
// before would be the lab's loss, not the bond's.
func (b *bed) enslave(i int) {
	b.t.Helper()
	k := b.lab.Link(i)
	b.must(k.Learn(false))
	b.do("enslave", "bond0", k.Slave())
	b.must(k.AwaitOpen(b.t.Context()))
	b.must(k.Learn(true))
}

// undisturbed runs traffic both ways, does something in the middle, and wants
// every frame to arrive once.
func (b *bed) undisturbed(mode, what string, do func()) {
	b.t.Helper()
	rate := 20_000
	if labtest.RaceEnabled {
		rate = 4_000
	}
	var wg sync.WaitGroup
	results := make([]traffic.FlowResult, 2)
	for i, e := range [][2]*lab.Host{{b.lab.A, b.lab.B}, {b.lab.B, b.lab.A}} {
		wg.Go(func() {
			var err error
			results[i], err = traffic.Run(b.t.Context(), traffic.FlowConfig{
				From: e[0], To: e[1], Src: ends[0][i], Dst: ends[0][1-i], Flows: 4, Size: 200, Rate: rate, Count: uint64(rate / 4), Patience: stragglers,
			})
			if err != nil {
				b.t.Error(err)
			}
		})
	}
	pause(b.t, 50*time.Millisecond)
	do()
	wg.Wait()
	for i, r := range results {
		sum := r.Receive.Total()
		copies := mode == "broadcast" && i == 0
		if sum.Lost > 0 || sum.Duplicated > 0 && !copies || mode == "802.3ad" && sum.Reordered > overtaken(sum.Received) {
			b.t.Errorf("%s: %s: %s; the bond dropped %v", what, [...]string{"A to B", "B to A"}[i], r, b.state().Drops)
		}
	}
	b.must(b.lab.AwaitSilence(b.t.Context(), 50*time.Millisecond))
}

// overtaken is how many frames of n may be reordered where flows move from one link
// to another. A frame that waits for the processor longer than the 2 ms for which
// senders are held is overtaken: that happens where more than three threads want
// each processor, which is more than these tests have.
func overtaken(n uint64) uint64 {
	if thisMachine.worst() <= 3 {
		return 0
	}
	return n / 50
}

// pause lets traffic run for a while: the one thing here that has no condition
// to wait for.
func pause(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}

// TestSlowSlaveHoldsNobodyUp: one slave at 10 Mbit/s and full, the flows on
// the other are as if it were not there.
func TestSlowSlaveHoldsNobodyUp(t *testing.T) {
	b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "mode balance-xor miimon 100 xmit_hash_policy layer3+4")
	b.must(b.lab.A.Do(func() error { return slowDown("eth0", 10_000_000) }))
	before := b.state().Slaves
	r, err := traffic.Run(t.Context(), traffic.FlowConfig{From: b.lab.A, To: b.lab.B, Src: ends[0][0], Dst: ends[0][1], Flows: 16, Size: 1000, Rate: 8000, Count: 8000})
	b.must(err)
	after := b.state().Slaves
	whole, short, onFast := 0, 0, uint64(0)
	for _, f := range r.Receive.Flows {
		if f.Lost == 0 {
			whole++
			onFast += f.Received
			// The sender picks flows at random, so a flow is silent for a while
			// by itself; being held up by the slow slave's queue would last.
			if f.LongestGap > 500*time.Millisecond {
				t.Errorf("flow %d lost nothing but was silent for %v", f.Flow, f.LongestGap)
			}
		} else {
			short++
		}
	}
	t.Logf("sender: stalls %d, errors %d, slipped %v", r.Send.Stalls, r.Send.Errors, r.Send.Slipped)
	t.Logf("%d flows whole, %d short; eth0 took %d frames, eth1 %d", whole, short,
		after[0].Traffic.TxFrames-before[0].Traffic.TxFrames, after[1].Traffic.TxFrames-before[1].Traffic.TxFrames)
	if whole == 0 || short == 0 {
		t.Errorf("%d flows whole, %d short: the test needs both", whole, short)
	}
	// Those on the fast slave are exactly the whole ones.
	if got := after[1].Traffic.TxFrames - before[1].Traffic.TxFrames; got != onFast {
		t.Errorf("eth1 took %d frames, the whole flows have %d", got, onFast)
	}
}
