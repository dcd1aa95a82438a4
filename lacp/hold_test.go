package lacp

import (
	"strings"
	"testing"
	"time"
)

// outOfSync has the peers of ports be out of sync, or in sync again.
func (w *world) outOfSync(on bool, ids ...PortID) {
	for _, id := range ids {
		p := w.peer(id)
		p.info.State = p.info.State.With(Synchronization, !on)
		w.step(p.say())
	}
}

// What has formed keeps its role for two seconds at least while its partner is out
// of sync, whatever the policy, and for as long as ad_select_hold says.
func TestActiveAggregatorIsHeld(t *testing.T) {
	t.Parallel()
	for _, by := range []Select{Stable, Bandwidth, Count, ActorPortPrio} {
		for _, c := range []struct{ hold, out, held time.Duration }{
			{0, 250 * time.Millisecond, minSelectHold},
			{0, 1990 * time.Millisecond, minSelectHold},
			{time.Second, 1990 * time.Millisecond, minSelectHold},
			{30 * time.Second, 29 * time.Second, 30 * time.Second},
		} {
			for _, fast := range []bool{true, false} {
				cfg := fastConfig()
				cfg.Select, cfg.SelectHold, cfg.Fast = by, c.hold, fast
				w := twoSystems(cfg)
				for id := PortID(1); id <= 4; id++ {
					w.start(id)
				}
				w.warp(7300 * time.Millisecond)
				w.expectCarrying(t, "formed", 1, 2)
				w.outOfSync(true, 1, 2)
				w.warp(c.out)
				w.expectCarrying(t, "out of sync")
				expect(t, "why", w.st(1).Why, WhyPartnerOOS)
				if r := w.st(1).Reason; !strings.Contains(r, "ad_select_hold") {
					t.Error(r)
				}
				expect(t, "active", w.active, 1)
				w.outOfSync(false, 1, 2)
				w.warp(muxStartTime + 10*time.Millisecond)
				w.expectCarrying(t, "in sync again", 1, 2)
				w.warp(10 * time.Second)
				w.expectCarrying(t, "for good", 1, 2)

				// Each spell has the whole time.
				w.outOfSync(true, 1, 2)
				w.warp(c.held - time.Millisecond)
				expect(t, "active before the hold is over", w.active, 1)
				w.warp(2 * time.Millisecond)
				expect(t, "active when it is over", w.active, 3)
				w.warp(muxStartTime)
				w.expectCarrying(t, "the other one", 3, 4)
				w.outOfSync(false, 1, 2)
				w.warp(10 * time.Second)
				if by != ActorPortPrio || w.active == 3 { // equal sums of priorities
					w.expectCarrying(t, "it is kept too", 3, 4)
				}
			}
		}
	}
}

// One port in sync is enough; a lost link is no case for holding, nor is one that
// never was in sync.
func TestNothingToHold(t *testing.T) {
	t.Parallel()
	w := twoSystems(fastConfig())
	for id := PortID(1); id <= 4; id++ {
		w.start(id)
	}
	w.warp(4 * time.Second)
	w.outOfSync(true, 1)
	w.warp(time.Minute)
	w.expectCarrying(t, "one of two is in sync", 2)
	w.link(2, false)
	w.warp(muxStartTime)
	w.expectCarrying(t, "its link is lost", 3, 4)

	w = twoSystems(fastConfig())
	w.peer(1).info.State &^= Synchronization
	w.start(1)
	w.warp(4 * time.Second)
	expect(t, "attached", w.st(1).Mux, "attached")
	expect(t, "active", w.active, 1)
	w.start(3)
	w.warp(10 * time.Millisecond)
	expect(t, "active", w.active, 3)

	// Silence: the partner had three seconds.
	w = twoSystems(fastConfig())
	for id := PortID(1); id <= 4; id++ {
		w.start(id)
	}
	w.warp(4 * time.Second)
	w.peer(1).on, w.peer(2).on = false, false
	w.warp(3100 * time.Millisecond)
	w.expectCarrying(t, "a silent system", 3, 4)

	cfg := fastConfig()
	cfg.SelectHold = 5 * time.Second
	w = twoSystems(cfg)
	for id := PortID(1); id <= 4; id++ {
		w.start(id)
	}
	w.warp(4 * time.Second)
	w.peer(1).on, w.peer(2).on = false, false
	w.warp(4500 * time.Millisecond)
	w.expectCarrying(t, "a silent system that is held")
	w.start(1)
	w.start(2)
	w.warp(100 * time.Millisecond)
	w.expectCarrying(t, "it speaks again", 1, 2)
}

// An outage is no slow partner, and a lost LACPDU is none; a slow one is.
func TestRateIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(1)
	rate := 0
	w.onLog = func(l Log) { rate += yes(l.Why == string(WhyRate)) }
	p := w.start(1)
	w.warp(4 * time.Second)
	for _, out := range []time.Duration{1900 * time.Millisecond, 2900 * time.Millisecond, 10 * time.Second, 30 * time.Second, time.Minute} {
		p.on = false
		w.warp(out)
		w.start(1)
		for range 300 {
			w.warp(10 * time.Millisecond)
			if why := w.st(1).Why; why == WhyRate {
				t.Fatalf("after an outage of %v the partner is slow", out)
			}
		}
		w.warp(2 * time.Second)
		w.link(1, false)
		w.warp(out)
		w.link(1, true)
		w.warp(5 * time.Second)
	}
	expect(t, "events", rate, 0)
	w.expectCarrying(t, "all is well", 1)
	// Every two seconds isn't every second, and every 30 s still less.
	for _, period := range []time.Duration{2 * time.Second, slowPeriodicTime} {
		p.period, p.mute = period, true
		w.warp(3 * period)
		expect(t, "why", w.st(1).Why, WhyRate)
		if rate == 0 {
			t.Error("no event")
		}
		p.period, p.mute = time.Second, false
		w.start(1)
		w.warp(5 * time.Second)
		expect(t, "why", w.st(1).Why, WhyOK)
		rate = 0
	}
}
