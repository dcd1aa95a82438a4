package lacp

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The checks of an LACP conformance list, in virtual time. bench/e2e has the
// same ones against the running program.

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (w *world) expectCarrying(t *testing.T, when string, want ...PortID) {
	t.Helper()
	if got := w.carrying(); !slices.Equal(got, want) {
		t.Errorf("%s: %v carry, want %v\n%+v", when, got, want, w.m.State(w.now))
	}
}

func (w *world) st(id PortID) PortState {
	s := w.m.State(w.now)
	return *s.Port(id)
}

// healthy is two ports that carry traffic.
func healthyWorld(t *testing.T, cfg Config) *world {
	t.Helper()
	w := newWorld(cfg)
	w.add(2)
	w.start(1)
	w.start(2)
	w.warp(2500 * time.Millisecond)
	w.expectCarrying(t, "2.5 s after the start", 1, 2)
	w.warp(2 * time.Second) // past the limit of three PDUs a second
	return w
}

func TestStartUp(t *testing.T) {
	t.Parallel()
	for _, fast := range []bool{true, false} {
		cfg := fastConfig()
		cfg.Fast = fast
		w := newWorld(cfg)
		var pdus []LACPDU
		w.onPDU = func(_ PortID, p *LACPDU) { pdus = append(pdus, *p) }
		w.add(1)
		expect(t, "PDUs with the link", len(w.sends[1]), 1)
		w.warp(2999 * time.Millisecond)
		expect(t, "PDUs in the first 3 s", len(w.sends[1]), 3)
		for i, p := range pdus {
			if !p.Actor.State.Has(Expired|Defaulted) || p.Actor.State.Has(Synchronization) {
				t.Errorf("PDU %d says %v", i, p.Actor.State)
			}
		}
		w.warp(2 * time.Millisecond)
		st := w.st(1)
		expect(t, "receive", st.Receive, "defaulted")
		expect(t, "expired", st.Actor.State.Has(Expired), false)
		expect(t, "defaulted", st.Actor.State.Has(Defaulted), true)
		expect(t, "partner", st.Partner, partnerAdmin)
		w.warp(95 * time.Second)
		expect(t, "PDUs in 98 s", len(w.sends[1]), 4+3)
	}
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	for _, coupled := range []bool{true, false} {
		cfg := fastConfig()
		cfg.Coupled = coupled
		w := newWorld(cfg)
		w.add(1)
		w.warp(700 * time.Millisecond)
		w.start(1)
		w.warp(10 * time.Millisecond)
		expect(t, "partner", w.peer(1).heard.State.Has(Synchronization), false)
		w.warp(1980 * time.Millisecond)
		expect(t, "sync before 2 s", w.peer(1).heard.State.Has(Synchronization), false)
		w.expectCarrying(t, "before 2 s")
		expect(t, "carrier before 2 s", w.up, false)
		w.warp(20 * time.Millisecond)
		expect(t, "sync after 2 s", w.peer(1).heard.State.Has(Synchronization|Collecting|Distributing), true)
		w.expectCarrying(t, "after 2 s", 1)
		expect(t, "carrier after 2 s", w.up, true)
		expect(t, "why", w.st(1).Why, WhyOK)
	}
}

func TestNoEarlyData(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback = FallbackSingle
	w := newWorld(cfg)
	w.add(1)
	w.peer(1).info.State &^= Synchronization
	w.start(1)
	w.warp(30 * time.Second)
	expect(t, "DUT in sync", w.peer(1).heard.State.Has(Synchronization), true)
	w.expectCarrying(t, "with a partner out of sync")
	expect(t, "carrier", w.up, false)
	expect(t, "why", w.st(1).Why, WhyPartnerOOS)
}

func TestWrongEcho(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]func(*Info){
		"port":            func(i *Info) { i.Port++ },
		"port priority":   func(i *Info) { i.PortPriority++ },
		"system":          func(i *Info) { i.System[5]++ },
		"system priority": func(i *Info) { i.SystemPriority-- },
		"key":             func(i *Info) { i.Key++ },
		"aggregation":     func(i *Info) { i.State ^= Aggregation },
	} {
		w := newWorld(fastConfig())
		w.add(1)
		w.peer(1).wrong, w.peer(1).mute = wrong, true
		w.start(1)
		w.warp(5 * time.Second)
		expect(t, name+": in sync", w.peer(1).heard.State.Has(Synchronization), true)
		w.expectCarrying(t, name)
		expect(t, name+": why", w.st(1).Why, WhyWrongEcho)
		for range 30 { // each PDU of its own is answered
			w.run(w.peer(1).next)
			before := len(w.sends[1])
			w.warp(351 * time.Millisecond)
			if len(w.sends[1]) == before {
				t.Errorf("%s: no answer", name)
			}
		}
		w.peer(1).wrong = nil
		w.step(w.peer(1).say())
		w.expectCarrying(t, name+" put right", 1)
		w.warp(20 * time.Millisecond)
		expect(t, name+" put right, and told", w.peer(1).heard.State.Has(Synchronization|Collecting|Distributing), true)
	}
	w := newWorld(fastConfig())
	w.add(1)
	w.peer(1).wrong = func(i *Info) { *i = Info{} }
	w.start(1)
	w.warp(5 * time.Second)
	w.expectCarrying(t, "no echo")
	expect(t, "why", w.st(1).Why, WhyNoEcho)
	// The echo doesn't matter of an individual link, but being in sync does.
	w.peer(1).info.State &^= Aggregation
	w.warp(4 * time.Second)
	w.expectCarrying(t, "individual", 1)
}

func TestMaintained(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(1)
	p := w.peer(1)
	p.info.State &^= Activity
	p.wrong = func(i *Info) { i.State &^= Activity } // as if we were passive too
	w.start(1)
	w.warp(5 * time.Second)
	w.expectCarrying(t, "nobody is active")
	p.wrong = nil
	w.warp(1100 * time.Millisecond)
	w.expectCarrying(t, "we are active", 1)
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fast    bool
		timeout time.Duration
	}{{true, 3 * time.Second}, {false, 90 * time.Second}} {
		cfg := fastConfig()
		cfg.Fast = c.fast
		w := healthyWorld(t, cfg)
		w.peer(2).on = false
		last := w.st(2).LastRx
		w.run(last.Add(c.timeout - time.Millisecond))
		w.expectCarrying(t, "just before the timeout", 1, 2)
		w.run(last.Add(c.timeout))
		w.expectCarrying(t, "at the timeout", 1)
		st := w.st(2)
		expect(t, "expired", st.Actor.State, Activity|Aggregation|Synchronization|Expired|Bits(yes(c.fast))*ShortTimeout)
		expect(t, "why", st.Why, WhyNoPDU)
		n := len(w.sends[2])
		w.warp(2900 * time.Millisecond)
		if got := len(w.sends[2]) - n; got < 2 || got > 3 {
			t.Errorf("%d PDUs in 2.9 s of being expired", got)
		}
		w.run(last.Add(c.timeout + 3*time.Second))
		expect(t, "defaulted", w.st(2).Receive, "defaulted")
		expect(t, "aggregator", w.st(2).Aggregator, 2)
		w.expectCarrying(t, "defaulted", 1)
		expect(t, "carrier", w.up, true)
		w.start(2)
		w.warp(1950 * time.Millisecond)
		w.expectCarrying(t, "before a full handshake", 1)
		w.warp(100 * time.Millisecond)
		w.expectCarrying(t, "after a full handshake", 1, 2)
	}
}

func TestBackFromExpired(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.peer(1).on = false
	w.warp(4500 * time.Millisecond)
	w.expectCarrying(t, "expired", 2)
	w.start(1)
	w.warp(10 * time.Millisecond)
	w.expectCarrying(t, "spoke again", 1, 2)
}

func TestPeriod(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(1)
	w.peer(1).info.State &^= ShortTimeout
	w.start(1)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "slow", 1)
	n := len(w.sends[1])
	w.warp(28 * time.Second)
	if got := len(w.sends[1]) - n; got > 1 {
		t.Errorf("%d PDUs in 28 s to a partner that wants one in 30", got)
	}
	w.peer(1).info.State |= ShortTimeout
	w.step(w.peer(1).say())
	at := w.now
	w.warp(30500 * time.Millisecond)
	sends := w.sends[1][slices.IndexFunc(w.sends[1], func(x time.Time) bool { return !x.Before(at) }):]
	if !sends[0].Equal(at) || len(sends) != 31 {
		t.Errorf("%d PDUs in 30.5 s, the first after %v", len(sends), sends[0].Sub(at))
	}
	for i := 1; i < len(sends); i++ {
		if gap := sends[i].Sub(sends[i-1]); gap < time.Second || gap > 1005*time.Millisecond {
			t.Errorf("gap of %v", gap)
		}
	}
	w.peer(1).info.State &^= ShortTimeout
	w.step(w.peer(1).say())
	n = len(w.sends[1])
	w.warp(29 * time.Second)
	if got := len(w.sends[1]) - n; got > 1 {
		t.Errorf("%d PDUs in 29 s after the partner asked for less", got)
	}
}

func TestPassive(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Active = false
	w := newWorld(cfg)
	w.add(1)
	w.warp(60 * time.Second)
	expect(t, "PDUs to nobody", len(w.sends[1]), 0)
	p := w.peer(1)
	p.info.State &^= Activity
	w.start(1)
	w.warp(60 * time.Second)
	expect(t, "PDUs when both are passive", len(w.sends[1]), 0)
	p.info.State |= Activity
	w.step(p.say())
	expect(t, "PDUs when spoken to", len(w.sends[1]), 1)
	w.warp(4 * time.Second)
	w.expectCarrying(t, "active partner", 1)
	w.warp(time.Hour)
	w.expectCarrying(t, "an hour later", 1)
	expect(t, "expired", w.st(1).Counters.ExpiredCount, uint64(0))
	p.on = false
	w.warp(6100 * time.Millisecond)
	n := len(w.sends[1])
	w.warp(time.Minute)
	expect(t, "PDUs to a partner that left", len(w.sends[1])-n, 0)
}

// slide fails if more than most of times lie within any window.
func slide(t *testing.T, what string, times []time.Time, most int, window time.Duration) {
	t.Helper()
	for i := most; i < len(times); i++ {
		if d := times[i].Sub(times[i-most]); d <= window {
			t.Errorf("%s: %d in %v", what, most+1, d)
		}
	}
}

func TestTransmitLimit(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	p := w.peer(1)
	var last LACPDU
	w.onPDU = func(id PortID, pdu *LACPDU) {
		if id == 1 {
			last = *pdu
		}
	}
	for i := range 50 {
		p.wrong = nil
		if i%2 == 0 {
			p.wrong = func(i *Info) { i.Port++ }
		}
		w.step(p.say())
		w.warp(20 * time.Millisecond)
	}
	p.wrong = nil
	w.step(p.say())
	at := w.now
	w.warp(1100 * time.Millisecond)
	slide(t, "PDUs", w.sends[1], 3, time.Second)
	expect(t, "the last one is the last state", last.Actor, w.st(1).Actor)
	if d := w.sends[1][len(w.sends[1])-1].Sub(at); d < 0 {
		t.Errorf("nothing sent after the last stimulus")
	}
	w.expectCarrying(t, "afterwards", 1, 2)
	if w.st(1).Counters.TxDeferred == 0 {
		t.Error("nothing was deferred")
	}
}

func TestMarkers(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	mk := Marker{Type: MarkerInformation, Port: 9, System: MAC{2, 0, 0, 0, 0, 0xaa}, Transaction: 0xdeadbeef}
	w.step(Frame{Port: 2, Data: mk.AppendFrame(nil, MAC{2})})
	want := mk
	want.Type = MarkerResponse
	if len(w.marks) != 1 || w.marks[0] != (SendMarkerResponse{2, want}) {
		t.Fatalf("answered %+v", w.marks)
	}
	w.warp(2 * time.Second)
	w.marks = nil
	var times []time.Time
	for range 300 {
		w.step(MarkerPDU{1, mk})
		for range w.marks {
			times = append(times, w.now)
		}
		w.marks = nil
		w.warp(10 * time.Millisecond)
	}
	slide(t, "marker responses", times, 10, time.Second)
	if len(times) < 25 {
		t.Errorf("only %d answers in 3 s", len(times))
	}
	w.step(MarkerPDU{1, Marker{Type: 3}})
	w.step(MarkerPDU{1, Marker{Type: MarkerResponse}})
	short := mk.AppendFrame(nil, MAC{2})
	w.step(Frame{Port: 1, Data: short[:54]})
	short[17] = 15
	w.step(Frame{Port: 1, Data: short})
	c := w.st(1).Counters
	expect(t, "unknown", c.MarkerUnknownRx, uint64(1))
	expect(t, "responses", c.MarkerResponsesRx, uint64(1))
	expect(t, "illegal", c.IllegalRx, uint64(2))
	expect(t, "illegal by reason", fmt.Sprint(c.ByReason()), "map[marker_len:1 runt:1]")
	expect(t, "limited", c.MarkerLimited+uint64(len(times)), uint64(300))
}

// twoSystems: ports 1, 2 at system aa, 3, 4 at bb.
// Of equals it isn't the one that spoke first.
// A new port priority disturbs nothing but what it is for.
// One port whose partner keeps changing doesn't keep out another for ever.
func TestFlap(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	w.link(1, false)
	w.expectCarrying(t, "link down", 2)
	st := w.st(1)
	expect(t, "state bits of a port without link", st.Actor.State&(Synchronization|Collecting|Distributing), 0)
	expect(t, "the partner's", st.Partner.State.Has(Synchronization), false)
	expect(t, "aggregator", st.Aggregator, 1)
	n := len(w.sends[1])
	w.warp(200 * time.Millisecond)
	expect(t, "PDUs without link", len(w.sends[1])-n, 0)
	w.link(1, true)
	w.warp(10 * time.Millisecond)
	w.expectCarrying(t, "link up", 1, 2)
	// Another speed is another key, and another aggregator.
	w.link(1, false)
	w.step(PortLink{Port: 1, Up: true, Mbps: 1000})
	w.warp(5 * time.Second)
	w.expectCarrying(t, "slower", 2)
	expect(t, "why", w.st(1).Why, WhySpeed)
}

// A PDU that is ahead of the news of its link counts.
func TestEarlyPDU(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(1)
	w.link(1, false)
	w.warp(time.Second)
	p := w.peer(1)
	p.info.State |= Collecting | Distributing
	w.step(p.say())
	expect(t, "counted", w.st(1).Counters.DisabledRx, uint64(1))
	w.warp(50 * time.Millisecond)
	w.link(1, true)
	st := w.st(1)
	expect(t, "receive", st.Receive, "current")
	expect(t, "partner's bits", st.Partner.State&(Synchronization|Collecting), 0)
	w.link(1, false)
	w.step(p.say())
	w.warp(1100 * time.Millisecond)
	w.link(1, true)
	expect(t, "receive, too late", w.st(1).Receive, "expired")
	w.step(Admin{false})
	w.step(p.say())
	w.step(Admin{true})
	expect(t, "receive, ahead of the bond", w.st(1).Receive, "current")
}

func TestOwnEcho(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	var own LACPDU
	w.onPDU = func(id PortID, p *LACPDU) { own = *p }
	w.warp(1100 * time.Millisecond)
	w.peer(1).on = false
	last := w.st(1).LastRx
	n := len(w.sends[1])
	for w.now.Before(last.Add(2900 * time.Millisecond)) {
		w.step(PDU{1, own})
		w.warp(100 * time.Millisecond)
	}
	if got := len(w.sends[1]) - n; got > 3 {
		t.Errorf("%d PDUs in 3 s: echoes are answered", got)
	}
	w.run(last.Add(3 * time.Second))
	w.expectCarrying(t, "echoes don't keep the partner alive", 2)
	if w.st(1).Counters.OwnEchoRx < 20 {
		t.Error("not counted")
	}
	expect(t, "why", w.st(1).Why, WhySelfLoop)
	own.Actor.Port = 77
	w.step(PDU{1, own})
	expect(t, "why, another system", w.st(1).Why, WhySameSystem)
}

// In active-backup fallback the network is told where the bond is.
// When all ports leave, one after the other, none is used for the last moment.
// What the driver takes only while the bond is down may be changed here at any
// time.
func TestSendFails(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fastConfig())
	n := w.st(1).Counters.LACPDUsTx
	w.fail = true
	w.warp(2500 * time.Millisecond)
	st := w.st(1)
	expect(t, "sent", st.Counters.LACPDUsTx, n)
	if st.Counters.TxFailed < 10 {
		t.Errorf("%d tries in 2.5 s", st.Counters.TxFailed)
	}
	w.fail = false
	w.warp(100 * time.Millisecond)
	expect(t, "sent at last", w.st(1).Counters.LACPDUsTx, n+1)
}

func TestChurn(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	w.add(1)
	w.peer(1).info.State &^= Synchronization
	w.start(1)
	w.warp(59 * time.Second)
	expect(t, "partner", w.st(1).PartnerChurn, "monitoring")
	expect(t, "actor", w.st(1).ActorChurn, "none")
	w.warp(2 * time.Second)
	expect(t, "partner", w.st(1).PartnerChurn, "churned")
	expect(t, "count", w.st(1).Counters.PartnerChurnCount, uint64(1))
	w.peer(1).info.State |= Synchronization
	w.warp(1100 * time.Millisecond)
	expect(t, "partner", w.st(1).PartnerChurn, "none")
	w.peer(1).on = false
	w.warp(60 * time.Second)
	expect(t, "partner", w.st(1).PartnerChurn, "monitoring")
	w.link(1, false)
	w.warp(time.Hour)
	expect(t, "without link", w.st(1).PartnerChurn, "monitoring")
}
