package lacp

import (
	"strings"
	"testing"
	"time"
)

func TestGoodbye(t *testing.T) {
	t.Parallel()
	const traffic = Synchronization | Collecting | Distributing
	w := healthyWorld(t, fastConfig())
	w.step(PortLeaving{1})
	expect(t, "distributing", w.dist[1], false)
	expect(t, "collecting until the partner has stopped", w.coll[1], true)
	expect(t, "goodbye", w.peer(1).heard.State&(traffic|Aggregation), Aggregation)
	w.warp(10 * time.Millisecond)
	expect(t, "drained", len(w.gone), 1)
	n := len(w.sends[1])
	w.warp(3 * time.Second)
	expect(t, "PDUs after the goodbye", len(w.sends[1])-n, 0)
	w.step(PortRemoved{1})
	expect(t, "PDUs at removal", len(w.sends[1])-n, 0)
	w.expectCarrying(t, "released", 2)

	w.step(PortRemoved{2})
	expect(t, "goodbye of one that is just removed", w.peer(2).heard.State&traffic, 0)
	w.expectCarrying(t, "nobody")

	w = healthyWorld(t, fastConfig())
	w.step(Admin{false})
	for id := PortID(1); id <= 2; id++ {
		expect(t, "goodbye at bond down", w.peer(id).heard.State&traffic, 0)
	}
	w.expectCarrying(t, "bond down")
	expect(t, "carrier", w.up, false)
	n = len(w.sends[1])
	w.warp(3 * time.Second)
	expect(t, "PDUs while down", len(w.sends[1])-n, 0)
	w.step(Admin{true})
	w.warp(2500 * time.Millisecond)
	w.expectCarrying(t, "up again", 1, 2)

	// A goodbye that has to wait is still said.
	for range 6 {
		w.peer(1).wrong = func(i *Info) { i.Port++ }
		w.step(w.peer(1).say())
		w.peer(1).wrong = nil
		w.step(w.peer(1).say())
	}
	w.step(Admin{false})
	w.warp(1100 * time.Millisecond)
	expect(t, "goodbye after the limit", w.peer(1).heard.State&traffic, 0)
	slide(t, "PDUs", w.sends[1], 3, time.Second)
}

func TestSilentPartnerDoesNotHoldALeavingPort(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.peer(1).mute = true
	w.peer(1).on = false
	w.step(PortLeaving{1})
	w.warp(990 * time.Millisecond)
	expect(t, "drained", len(w.gone), 0)
	w.warp(20 * time.Millisecond)
	expect(t, "drained after a second", len(w.gone), 1)
	expect(t, "collecting", w.coll[1], true) // until it is removed
	w.step(PortRemoved{1})
	expect(t, "collecting", w.coll[1], false)
}

func TestStopsWhenThePartnerStopsCollecting(t *testing.T) {
	t.Parallel()
	for _, coupled := range []bool{true, false} {
		cfg := fastConfig()
		cfg.Coupled = coupled
		w := healthyWorld(t, cfg)
		w.peer(1).lazy = true
		w.step(w.peer(1).say())
		w.warp(190 * time.Millisecond)
		expect(t, "distributing after 0.19 s", w.dist[1], coupled)
		w.warp(20 * time.Millisecond)
		expect(t, "distributing after 0.21 s", w.dist[1], false)
		expect(t, "collecting", w.coll[1], true)
		expect(t, "told", w.peer(1).heard.State&(Synchronization|Collecting|Distributing), Synchronization|Collecting)
		expect(t, "why", w.st(1).Why, WhyPartnerNotC)
		w.peer(1).lazy = false
		w.step(w.peer(1).say())
		w.expectCarrying(t, "collects again", 1, 2)
		w.peer(1).lazy = true // and back before it counts
		w.step(w.peer(1).say())
		w.peer(1).lazy = false
		w.warp(100 * time.Millisecond)
		w.step(w.peer(1).say())
		w.warp(time.Second)
		w.expectCarrying(t, "a short pause", 1, 2)
	}
	// A coupled partner that begins to collect only when it may distribute is
	// not waited for.
	w := newWorld(fastConfig())
	w.add(1)
	w.peer(1).lazy = true
	w.start(1)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "never collects", 1)
}

func TestFallback(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback = FallbackSingle
	w := newWorld(cfg)
	w.add(2)
	w.step(PortPriority{2, 10})
	w.warp(5990 * time.Millisecond)
	w.expectCarrying(t, "before the delay")
	expect(t, "carrier before", w.up, false)
	w.warp(20 * time.Millisecond)
	got := w.carrying()
	if len(got) != 1 || !w.up {
		t.Fatalf("%v carry without partner, carrier %v", got, w.up)
	}
	one, other := got[0], 3-got[0]
	expect(t, "why", w.st(one).Why, WhyFallback)
	expect(t, "bits", w.st(one).Actor.State&(Synchronization|Collecting|Distributing), 0)
	w.link(one, false)
	w.warp(4 * time.Second)
	w.expectCarrying(t, "its link is lost", other)
	w.link(one, true)
	w.warp(20 * time.Second)
	w.expectCarrying(t, "it stays", other)
	// Spoken to, it is an ordinary port.
	w.peer(other).info.State &^= Synchronization
	w.start(other)
	w.warp(10 * time.Millisecond)
	w.expectCarrying(t, "a partner spoke")
	expect(t, "carrier", w.up, true)
	w.warp(20 * time.Second)
	w.expectCarrying(t, "a partner out of sync")
	w.peer(other).info.State |= Synchronization
	w.warp(1100 * time.Millisecond)
	w.expectCarrying(t, "in sync", other)
	w.peer(other).on = false
	w.warp(10 * time.Second)
	if got := w.carrying(); len(got) != 1 {
		t.Errorf("%v carry after the partner left", got)
	}
}

func TestFallbackActiveBackup(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback, cfg.FallbackDelay = FallbackActiveBackup, 0
	w := newWorld(cfg)
	w.add(2)
	told := ""
	w.trace = func(s string) {
		if strings.HasSuffix(s, "announces the bond") {
			told += s[9:12]
		}
	}
	w.warp(3100 * time.Millisecond)
	w.expectCarrying(t, "fallback", 1)
	w.link(1, false)
	w.expectCarrying(t, "its link is lost", 2)
	expect(t, "announcements", told, "p1 p2 ")
	cfg.Strict = true
	w.step(Configure{cfg})
	expect(t, "carrier, strict", w.up, false)
	cfg.Strict, cfg.Fallback = false, FallbackNone
	w.step(Configure{cfg})
	w.expectCarrying(t, "no fallback any more")
}

func TestNoFallbackWhileLeaving(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback, cfg.FallbackDelay = FallbackSingle, 0
	w := newWorld(cfg)
	w.add(2)
	w.start(1)
	w.warp(5 * time.Second)
	w.expectCarrying(t, "one partner", 1)
	w.step(PortLeaving{1})
	w.expectCarrying(t, "leaving")
	w.warp(100 * time.Millisecond)
	w.expectCarrying(t, "left")
	w.step(PortRemoved{1})
	w.expectCarrying(t, "the other one is on its own", 2)
}

func TestLiveChanges(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.BroadcastNeighbor = true
	w := newWorld(cfg)
	told := 0
	w.trace = func(s string) { told += strings.Count(s, "announces the bond") }
	w.add(2)
	w.start(1)
	w.start(2)
	w.warp(4 * time.Second)
	expect(t, "announcements with broadcast_neighbor", told, 2)

	cfg.Fast = false
	w.step(Configure{cfg})
	w.warp(10 * time.Millisecond)
	expect(t, "told of the slow rate", w.peer(1).heard.State.Has(ShortTimeout), false)
	w.peer(1).on = false
	w.warp(20 * time.Second)
	w.expectCarrying(t, "long timeout", 1, 2)
	cfg.Fast = true
	w.step(Configure{cfg})
	w.warp(2900 * time.Millisecond)
	w.expectCarrying(t, "short timeout, from the change on", 1, 2)
	w.warp(200 * time.Millisecond)
	w.expectCarrying(t, "short timeout", 2)

	cfg.Active = false
	w.step(Configure{cfg})
	w.warp(1100 * time.Millisecond)
	expect(t, "told of being passive", w.peer(2).heard.State.Has(Activity), false)
	w.expectCarrying(t, "passive", 2)
	cfg.UserKey = 5
	w.step(Configure{cfg})
	w.expectCarrying(t, "another key")
	w.warp(2200 * time.Millisecond)
	w.expectCarrying(t, "formed with the new key", 2)
	expect(t, "key", w.peer(2).heard.Key, 5<<6|15)
	cfg.Coupled = false
	w.step(Configure{cfg})
	w.expectCarrying(t, "independent", 2)
	expect(t, "mux", w.st(2).Mux, "distributing")
	cfg.Coupled = true
	w.step(Configure{cfg})
	expect(t, "mux", w.st(2).Mux, "collecting_distributing")
	w.expectCarrying(t, "coupled", 2)
}

func TestCarrier(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.MinLinks = 2
	w := newWorld(cfg)
	w.add(3)
	w.start(1)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "one", 1)
	expect(t, "carrier with one of two", w.up, false)
	w.start(2)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "two", 1, 2)
	expect(t, "carrier with two", w.up, true)
	w.peer(2).on = false
	w.warp(3100 * time.Millisecond)
	w.expectCarrying(t, "one is silent", 1)
	expect(t, "carrier by links", w.up, true)
	cfg.Strict = true
	w.step(Configure{cfg})
	expect(t, "strict carrier", w.up, false)
	cfg.Strict = false
	w.step(Configure{cfg})
	expect(t, "carrier, no longer strict", w.up, true)
	w.link(2, false)
	expect(t, "carrier with one link", w.up, false)
	w.start(2)
	w.link(2, true)
	w.warp(3 * time.Second)
	expect(t, "carrier again", w.up, true)
	cfg.MinLinks = 3
	w.step(Configure{cfg})
	expect(t, "carrier with a higher min_links", w.up, false)
}

func TestHalfDuplex(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback = FallbackSingle
	w := newWorld(cfg)
	w.add(2)
	w.step(PortLink{Port: 2, Up: true, Mbps: 100, HalfDuplex: true})
	n := len(w.sends[2])
	w.start(1)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "half duplex", 1)
	expect(t, "PDUs", len(w.sends[2]), n)
	expect(t, "why", w.st(2).Why, WhyHalfDuplex)
	expect(t, "receive", w.st(2).Receive, "lacp_disabled")
	w.link(1, false)
	w.warp(4 * time.Second)
	w.expectCarrying(t, "nothing else is left", 2)
	w.link(1, true)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "a partner is back", 1)
}
