package lacp

import (
	"testing"
	"time"
)

// Another process goes on: the partner hears nothing but that all is as it was.
func TestResume(t *testing.T) {
	t.Parallel()
	for _, coupled := range []bool{true, false} {
		cfg := fastConfig()
		cfg.Coupled = coupled
		m, now := New(cfg), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		partner := func(port uint16) Info {
			return Info{SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, 0xaa}, Key: 17, PortPriority: 1, Port: port, State: 0x3f}
		}
		for id := PortID(1); id <= 3; id++ {
			ev := PortAdded{Port: id, Number: uint16(10 * id), Priority: 255}
			if id < 3 {
				ev.Memory = &PortMemory{Partner: partner(uint16(id)), Version: 1}
			}
			m.Step(now, ev, nil)
			m.Step(now, PortLink{Port: id, Up: true, Mbps: 10000}, nil)
		}
		out := m.Step(now, Admin{Up: true}, nil)
		dist, carrier := map[PortID]bool{}, false
		for _, e := range out {
			switch e := e.(type) {
			case SetDistributing:
				dist[e.Port] = e.On
			case Carrier:
				carrier = e.Up
			case SendPDU:
				if e.Port < 3 && (e.PDU.Actor.State != 0x3f || e.PDU.Partner != partner(uint16(e.Port)) || e.PDU.Actor.Port != uint16(10*e.Port)) {
					t.Errorf("port %d says %+v", e.Port, e.PDU)
				}
			}
		}
		if !dist[1] || !dist[2] || dist[3] || !carrier {
			t.Errorf("distributing %v, carrier %v", dist, carrier)
		}
		if mem, ok := m.Memory(1); !ok || mem.Partner != partner(1) {
			t.Errorf("remembers %+v, %v", mem, ok)
		}
		if _, ok := m.Memory(3); ok {
			t.Error("remembers a port that carries nothing")
		}
		// Nobody there after all: given up as ever.
		for at := now; at.Before(now.Add(3100 * time.Millisecond)); at = at.Add(50 * time.Millisecond) {
			m.Step(at, Tick{}, nil)
		}
		if s := m.State(now.Add(3100 * time.Millisecond)); s.Port(1).Distributing || s.Port(1).Receive != "expired" {
			t.Errorf("after 3.1 s without a word: %+v", s.Port(1))
		}
	}
}

// A partner that has changed its mind is believed at once.
func TestResumeCorrected(t *testing.T) {
	t.Parallel()
	w := newWorld(fastConfig())
	partner := Info{SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, 0xaa}, Key: 17, PortPriority: 1, Port: 1, State: 0x3f}
	now := w.now
	w.m = New(fastConfig())
	w.m.Step(now, PortAdded{Port: 1, Number: 1, Memory: &PortMemory{Partner: partner}}, nil)
	w.m.Step(now, PortLink{Port: 1, Up: true, Mbps: 10000}, nil)
	w.m.Step(now, Admin{Up: true}, nil)
	st := w.m.State(now)
	us := st.Port(1).Actor
	partner.State = 0x87
	w.m.Step(now.Add(time.Millisecond), PDU{Port: 1, PDU: LACPDU{Version: 1, Actor: partner, Partner: us}}, nil)
	st = w.m.State(now.Add(time.Millisecond))
	if s := st.Port(1); s.Distributing || s.Collecting {
		t.Errorf("%+v", s)
	}
}

// Without link, or half duplex, or used a second time, memory counts for nothing.
func TestResumeNot(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	mem := &PortMemory{Partner: Info{System: MAC{2}, State: 0x3f, Port: 1}}
	for name, link := range map[string]PortLink{"no link": {Port: 1}, "half duplex": {Port: 1, Up: true, HalfDuplex: true}} {
		m := New(fastConfig())
		m.Step(now, PortAdded{Port: 1, Memory: mem}, nil)
		m.Step(now, link, nil)
		m.Step(now, Admin{Up: true}, nil)
		m.Step(now, PortLink{Port: 1, Up: true, Mbps: 10000}, nil)
		if st := m.State(now); st.Port(1).Distributing {
			t.Errorf("%s: distributes", name)
		}
	}
	m := New(fastConfig())
	m.Step(now, PortAdded{Port: 1, Memory: mem}, nil)
	m.Step(now, PortLink{Port: 1, Up: true, Mbps: 10000}, nil)
	m.Step(now, Admin{Up: true}, nil)
	m.Step(now, Admin{Up: false}, nil)
	m.Step(now, Admin{Up: true}, nil)
	if st := m.State(now); st.Port(1).Distributing {
		t.Error("distributes after the bond was down")
	}
}

// The port in fallback goes on too.
func TestResumeFallback(t *testing.T) {
	t.Parallel()
	cfg := fastConfig()
	cfg.Fallback, cfg.FallbackDelay = FallbackSingle, 3*time.Second
	m, now := New(cfg), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m.Step(now, PortAdded{Port: 1, Memory: &PortMemory{Fallback: true}}, nil)
	m.Step(now, PortLink{Port: 1, Up: true, Mbps: 10000}, nil)
	m.Step(now, Admin{Up: true}, nil)
	if s := m.State(now); !s.Port(1).Distributing || !s.Port(1).Fallback || !s.Carrier {
		t.Errorf("%+v", s)
	}
	if mem, ok := m.Memory(1); !ok || !mem.Fallback {
		t.Errorf("remembers %+v, %v", mem, ok)
	}
}
