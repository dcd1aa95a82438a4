package lacp

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// illegals are ways to send LACPDUs that must be dropped.
var illegals = map[Illegal]func([]byte) []byte{
	IllegalRunt:         func(f []byte) []byte { return f[:60] },
	IllegalTagged:       tags("81000005"),
	IllegalAddress:      set(5, 0x0e),
	IllegalActorLen:     set(17, 18),
	IllegalPartnerLen:   set(37, 0),
	IllegalCollectorLen: set(57, 0),
	IllegalActorSystem:  set(20, 0, 0, 0, 0, 0, 0),
	IllegalActorPort:    set(30, 0, 0),
}

// speaksIllegally has a port hear such LACPDUs.
func (w *world) speaksIllegally(id PortID, why Illegal) {
	p := w.peer(id)
	p.wire = func(p PDU) Event {
		return Frame{Port: p.Port, Data: illegals[why](p.PDU.AppendFrame(nil, MAC{2}))}
	}
	w.start(id)
}

func fallbackConfig() Config {
	cfg := fastConfig()
	cfg.Fallback, cfg.FallbackDelay = FallbackSingle, 500*time.Millisecond
	return cfg
}

// A port that hears LACP which must be dropped says so, and is not used without
// LACP, while another one is.
func TestDroppedIsTheDiagnosis(t *testing.T) {
	t.Parallel()
	for why := range illegals {
		for _, period := range []time.Duration{time.Second, slowPeriodicTime} {
			for _, shift := range []time.Duration{0, 20 * time.Second} { // heard from the start, or when in fallback
				w := newWorld(fallbackConfig())
				said := ""
				w.onLog = func(l Log) {
					if l.Kind == "diagnosis" && l.Port == 1 && l.Why == string(WhyIllegal) {
						said = l.Message
					}
				}
				w.add(2)
				w.warp(shift)
				if shift > 0 {
					w.expectCarrying(t, "nobody speaks", 1)
				}
				w.peer(1).period = period
				w.speaksIllegally(1, why)
				w.warp(10 * time.Second)
				st := w.st(1)
				w.expectCarrying(t, why.String()+": the other one", 2)
				expect(t, why.String()+": why", st.Why, WhyIllegal)
				if n := st.Counters.Illegal[why]; n == 0 || !strings.Contains(st.Reason, "("+why.String()+")") || !strings.Contains(st.Reason, defects[why]) {
					t.Errorf("%v: %d dropped, reason %q", why, n, st.Reason)
				}
				if !strings.Contains(said, why.String()) {
					t.Errorf("%v: the event says %q", why, said)
				}
				w.link(2, false)
				w.warp(5 * slowPeriodicTime)
				w.expectCarrying(t, why.String()+": no other one", nil...)
				w.peer(1).on = false
				w.warp(droppedLife + 10*time.Millisecond)
				w.expectCarrying(t, why.String()+": no longer heard", 1)
				w.peer(1).on, w.peer(1).wire = true, nil
				w.start(1)
				w.warp(2500 * time.Millisecond)
				w.expectCarrying(t, why.String()+": a partner", 1)
				expect(t, "why", w.st(1).Why, WhyOK)
			}
		}
	}
}

// The reasons are counted since the last good word; one that was good before
// counts as a partner no more, and not as silent.
func TestDroppedAfterGood(t *testing.T) {
	t.Parallel()
	w := healthyWorld(t, fallbackConfig())
	for id := PortID(1); id <= 2; id++ {
		w.speaksIllegally(id, IllegalTagged)
	}
	w.warp(2 * time.Second)
	expect(t, "not yet", w.st(1).Why, WhyOK)
	w.warp(10 * time.Second)
	expect(t, "why", w.st(1).Why, WhyIllegal)
	w.expectCarrying(t, "where LACP is spoken")
	w.speaksIllegally(1, IllegalRunt)
	w.warp(2 * time.Second)
	if r := w.st(1).Reason; !strings.Contains(r, "tagged") || !strings.Contains(r, "runt") || !strings.Contains(r, "lacp_fallback") {
		t.Error(r)
	}
	w.peer(1).on = false
	w.warp(10 * time.Millisecond) // what is under way arrives
	w.link(1, false)
	w.link(1, true)
	w.warp(2 * time.Second)
	expect(t, "another cable", w.st(1).Why, WhyNoPDU)
}

// What isn't a LACPDU doesn't count as one, however wrong it is; nor does another
// protocol's frame.
func TestOtherFramesAreNoLACP(t *testing.T) {
	t.Parallel()
	good, err := hex.DecodeString(healthy)
	if err != nil {
		t.Fatal(err)
	}
	esmc := append(good[:14:14], 0x0a, 0, 0x19, 0xa7, 0, 1, 0x10, 0, 0, 0, 1, 0, 4, 4)
	oam := append(good[:14:14], 0x03, 0, 0x50, 0, 0x01, 0x10, 0x01, 0, 0, 0, 8, 5, 0xdc, 0, 0, 0, 0x0c, 0, 0, 0, 4)
	w := newWorld(fallbackConfig())
	w.add(1)
	w.warp(10 * time.Second)
	w.expectCarrying(t, "fallback", 1)
	for _, f := range [][]byte{
		append(esmc, make([]byte, 38)...), append(oam, make([]byte, 26)...), // counted as unknown
		set(14, 0)(append([]byte(nil), good...)), set(14, 200)(append([]byte(nil), good...)), // illegal subtypes
		set(14, 2)(append([]byte(nil), good...))[:60],              // a short Marker
		tags("81000005")(set(14, 3)(append([]byte(nil), good...))), // OAM in a VLAN
	} {
		w.step(Frame{Port: 1, Data: f})
		w.warp(2 * time.Second)
		w.expectCarrying(t, "still fallback", 1)
	}
	c := w.st(1).Counters
	expect(t, "unknown", c.UnknownRx, 2)
	expect(t, "illegal", c.IllegalRx, 4)
}

// A system that has our identifier speaks LACP too, and so does one to a port
// that is half duplex; our own ports on a hub are nobody.
func TestNoFallbackWhereUnusableLACPIsSpoken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		port uint16
		half bool
		want Why
		used bool
	}{
		"our identifier": {77, false, WhySameSystem, false},
		"our own port":   {1, false, WhyFallback, true},
		"half duplex":    {77, true, WhyHalfDuplex, false},
	} {
		w := newWorld(fallbackConfig())
		w.add(1)
		p := w.peer(1)
		p.info.Port = c.port
		if !c.half {
			p.info.System = fastConfig().System.MAC
		}
		w.step(PortLink{Port: 1, Up: true, Mbps: 10000, HalfDuplex: c.half})
		w.start(1)
		w.warp(10 * time.Second)
		expect(t, name+": used", len(w.carrying()) == 1, c.used)
		expect(t, name+": why", w.st(1).Why, c.want)
		p.on = false
		w.warp(droppedLife + 10*time.Millisecond)
		w.expectCarrying(t, name+": no longer heard", 1)
	}
}
