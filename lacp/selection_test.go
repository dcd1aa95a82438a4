package lacp

import (
	"testing"
	"time"
)

func TestPartnerChange(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	for id := PortID(1); id <= 2; id++ {
		w.peer(id).info.System[5] = 0xbb
		w.step(w.peer(id).say())
		if w.dist[id] || w.coll[id] || w.peer(id).heard.State&(Synchronization|Collecting|Distributing) != 0 {
			t.Errorf("port %d goes on with another partner", id)
		}
	}
	expect(t, "carrier in between", w.up, true)
	w.warp(1990 * time.Millisecond)
	w.expectCarrying(t, "before 2 s")
	w.warp(100 * time.Millisecond)
	w.expectCarrying(t, "after 2 s", 1, 2)
}

func TestOnePortDiffers(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(2)
	w.peer(2).info.Key = 18
	w.start(1)
	w.start(2)
	w.warp(1500 * time.Millisecond)
	expect(t, "why", w.st(2).Why, WhyKeyMismatch)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "one key differs", 1)
	expect(t, "port 2 in sync", w.st(2).Actor.State.Has(Synchronization), false)
	w.peer(2).info.Key = 17
	w.warp(3100 * time.Millisecond)
	w.expectCarrying(t, "the key was put right", 1, 2)
	w.peer(2).info.Key = 18
	w.warp(1100 * time.Millisecond)
	w.expectCarrying(t, "the key changed", 1)
}

func twoSystems(cfg Config) *world {
	w := newWorld(cfg)
	w.add(4)
	w.peer(3).info.System[5] = 0xbb
	w.peer(4).info.System[5] = 0xbb
	return w
}

func TestTwoSystems(t *testing.T) {
	t.Parallel()
	w := twoSystems(fastConfig())
	for id := PortID(1); id <= 4; id++ {
		w.start(id)
	}
	w.warp(3 * time.Second)
	w.expectCarrying(t, "two systems", 1, 2)
	expect(t, "why", w.st(3).Why, WhyTwoPartners)
	carrier := []bool{}
	w.trace = func(s string) {
		if w.up != (len(carrier) == 0 || carrier[len(carrier)-1]) {
			carrier = append(carrier, w.up)
		}
	}
	w.link(1, false)
	w.expectCarrying(t, "one link lost", 2)
	w.link(2, false)
	w.warp(muxStartTime)
	w.expectCarrying(t, "the system is lost", 3, 4)
	w.warp(time.Second)
	w.expectCarrying(t, "a second later", 3, 4)
	expect(t, "changes of the carrier", len(carrier), 0)
	w.link(1, true)
	w.link(2, true)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "stable", 3, 4)
	// Silence is noticed too, before the partner is forgotten.
	w.peer(3).on, w.peer(4).on = false, false
	w.warp(3100 * time.Millisecond)
	w.expectCarrying(t, "the second system is silent", 1, 2)
}

func TestFirstFormedIsKept(t *testing.T) {
	t.Parallel()
	w := twoSystems(fastConfig())
	w.start(4)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "the first to speak", 4)
	for id := PortID(1); id <= 3; id++ {
		w.start(id)
	}
	w.warp(5 * time.Second)
	w.expectCarrying(t, "others later", 3, 4)
}

func TestEqualsByNumber(t *testing.T) {
	t.Parallel()
	for _, by := range []Select{Stable, Bandwidth, Count} {
		cfg := fastConfig()
		cfg.Select = by
		w := twoSystems(cfg)
		for _, id := range []PortID{3, 4, 2, 1} {
			w.start(id)
			w.warp(10 * time.Millisecond)
		}
		w.warp(3 * time.Second)
		w.expectCarrying(t, by.String(), 1, 2)
	}
}

func TestPortPriorityChange(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.step(PortPriority{1, 7})
	w.expectCarrying(t, "at once", 1, 2)
	expect(t, "told", w.peer(1).heard.PortPriority, 7)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "later", 1, 2)
	expect(t, "times", w.st(1).Counters.DistributeCount, uint64(1))
}

func TestADSelect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by     Select
		change func(w *world)
		first  []PortID
		then   []PortID
	}{
		{Bandwidth, func(w *world) { w.step(PortLink{Port: 3, Up: true, Mbps: 100000}) }, []PortID{1, 2}, []PortID{3}},
		{Count, func(w *world) { w.link(1, false) }, []PortID{1, 2}, []PortID{3, 4}},
		{ActorPortPrio, func(w *world) { w.step(PortPriority{3, 1000}) }, []PortID{1, 2}, []PortID{3, 4}},
		{Stable, func(w *world) { w.link(1, false) }, []PortID{1, 2}, []PortID{2}},
	} {
		cfg := fastConfig()
		cfg.Select = c.by
		w := twoSystems(cfg)
		for id := PortID(1); id <= 4; id++ {
			w.start(id)
		}
		w.warp(3 * time.Second)
		w.expectCarrying(t, c.by.String(), c.first...)
		c.change(w)
		w.warp(3 * time.Second)
		w.expectCarrying(t, c.by.String()+" after the change", c.then...)
	}
}

func TestIndividual(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(2)
	for id := PortID(1); id <= 2; id++ {
		w.peer(id).info.State &^= Aggregation
		w.start(id)
	}
	w.warp(10 * time.Second)
	w.expectCarrying(t, "individual", 1)
	expect(t, "why", w.st(2).Why, WhyIndividual)
	w.link(1, false)
	w.warp(100 * time.Millisecond)
	w.expectCarrying(t, "the other one", 2)
}

func TestMaxLinks(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.MaxLinks = 1
	cfg.System.Priority = 1
	w := newWorld(cfg)
	w.add(2)
	w.step(PortPriority{2, 100})
	w.start(1)
	w.start(2)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "we decide", 2)
	st := w.st(1)
	expect(t, "why", st.Why, WhyStandby)
	expect(t, "selected", st.Selected, "standby")
	expect(t, "in sync", st.Actor.State.Has(Synchronization), false)
	w.link(2, false)
	w.warp(10 * time.Millisecond)
	w.expectCarrying(t, "promoted", 1)
	w.link(2, true)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "the better one is back", 2)
	w.peer(2).on = false
	w.warp(3010 * time.Millisecond)
	w.expectCarrying(t, "the better one is silent", 1)

	cfg.System.Priority = 65535
	w = newWorld(cfg)
	w.add(2)
	w.step(PortPriority{2, 100})
	for id := PortID(1); id <= 2; id++ {
		w.peer(id).info.SystemPriority = 1
		w.peer(id).info.PortPriority = uint16(id)
		w.start(id)
	}
	w.warp(3 * time.Second)
	w.expectCarrying(t, "the partner decides", 1)
}

func TestReadyTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	at := map[PortID]time.Time{}
	w.onPDU = func(id PortID, p *LACPDU) {
		if p.Actor.State.Has(Synchronization) && at[id].IsZero() {
			at[id] = w.now
		}
	}
	w.add(2)
	w.start(1)
	w.warp(time.Second)
	w.start(2)
	start := w.now
	w.warp(2500 * time.Millisecond)
	for id, when := range at {
		if d := when.Sub(start); d < 2*time.Second || d > 2100*time.Millisecond {
			t.Errorf("port %d attached after %v", id, d)
		}
	}
	expect(t, "ports attached", len(at), 2)
}

func TestReadyInTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(2)
	w.start(1)
	w.start(2)
	for i := range 50 {
		w.peer(2).info.PortPriority = uint16(i)
		w.warp(100 * time.Millisecond)
		w.step(w.peer(2).say())
	}
	w.expectCarrying(t, "5 s of changes", 1)
}

func TestNumbersAreStable(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.step(PortRemoved{1})
	w.step(PortAdded{Port: 7, Name: "new", Priority: 255})
	expect(t, "the lowest free", w.st(7).Actor.Port, 1)
	w.step(PortAdded{Port: 8, Name: "old", Number: 1, Priority: 255})
	expect(t, "one that is taken", w.st(8).Actor.Port, 3)
	w.step(PortRemoved{7})
	w.step(PortRemoved{8})
	w.step(PortAdded{Port: 9, Name: "p9", Number: 5, Priority: 255})
	expect(t, "one that is free", w.st(9).Actor.Port, 5)
}

func TestSystemChange(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	cfg := fastConfig()
	cfg.System.MAC[5] = 0x99
	w.step(Configure{cfg})
	w.expectCarrying(t, "another system")
	w.warp(20 * time.Millisecond)
	expect(t, "told", w.peer(1).heard.System, cfg.System.MAC)
	w.warp(2100 * time.Millisecond)
	w.expectCarrying(t, "formed anew", 1, 2)
}

func TestCableMoved(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.step(PortAdded{Port: 3, Name: "p3", Priority: 255})
	w.peer(1).on = false
	w.link(1, false)
	expect(t, "keeps its partner", w.st(1).Partner.Port, 1)
	w.link(3, true)
	p := w.peer(3)
	p.info = w.peer(1).info
	w.start(3)
	w.warp(2500 * time.Millisecond)
	w.expectCarrying(t, "moved", 2, 3)
	expect(t, "forgot it", w.st(1).Partner, partnerAdmin)
}

func TestDuplicatePartnerPort(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(2)
	w.peer(2).info.Port = 1
	w.peer(2).wrong = func(i *Info) { i.Port = 1 } // it means the other port: a mirror
	w.start(1)
	w.start(2)
	w.warp(3 * time.Second)
	w.expectCarrying(t, "a mirror", 1)
	expect(t, "why", w.st(2).Why, WhyDuplicate)
	w.peer(1).on = false
	w.warp(4 * time.Second)
	expect(t, "the port itself is silent", w.st(2).Why, WhyWrongEcho)
}
