package lacp

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// keeper watches what a Machine does, whatever it is told.
type keeper struct {
	t     *rapid.T
	m     *Machine
	now   time.Time
	cfg   Config
	ids   []PortID
	last  PortID
	coll  map[PortID]bool
	dist  map[PortID]bool
	sends map[PortID][]time.Time
	marks map[PortID][]time.Time
	sent  map[PortID]bool // and not yet failed
	up    bool
}

func (k *keeper) step(ev Event) {
	out := k.m.Step(k.now, ev, nil)
	if most := 12*(len(k.ids)+1) + 8; len(out) > most {
		k.t.Fatalf("%d effects of %+v", len(out), ev)
	}
	started := false
	for _, e := range out {
		switch e := e.(type) {
		case SetCollecting:
			if k.coll[e.Port] == e.On {
				k.t.Fatalf("%+v is no news", e)
			}
			k.coll[e.Port] = e.On
			k.order(e.On, &started)
		case SetDistributing:
			if k.dist[e.Port] == e.On {
				k.t.Fatalf("%+v is no news", e)
			}
			k.dist[e.Port] = e.On
			k.order(e.On, &started)
		case SendPDU:
			k.sends[e.Port] = append(k.sends[e.Port], k.now)
			k.sent[e.Port] = true
			k.limit("LACPDUs", k.sends[e.Port], 3)
		case SendMarkerResponse:
			k.marks[e.Port] = append(k.marks[e.Port], k.now)
			k.limit("marker responses", k.marks[e.Port], 10)
		case Carrier:
			if k.up == e.Up {
				k.t.Fatalf("%+v is no news", e)
			}
			k.up = e.Up
		}
	}
	k.look(ev)
}

// order: what stops comes before what starts.
func (k *keeper) order(on bool, started *bool) {
	if !on && *started {
		k.t.Fatal("something stops after something has started")
	}
	*started = *started || on
}

func (k *keeper) limit(what string, at []time.Time, most int) {
	if n := len(at); n > most && at[n-1].Sub(at[n-1-most]) <= time.Second {
		k.t.Fatalf("%d %s in %v", most+1, what, at[n-1].Sub(at[n-1-most]))
	}
}

// look holds the state against what must always be true.
func (k *keeper) look(ev Event) {
	if at, ok := k.m.Next(); ok && !at.After(k.now) {
		k.t.Fatalf("after %+v the next deadline is %v ago", ev, k.now.Sub(at))
	}
	st := k.m.State(k.now)
	if st.Carrier != k.up {
		k.t.Fatal("the carrier was changed without a word")
	}
	carry := 0
	for i := range st.Ports {
		p := &st.Ports[i]
		switch {
		case p.Collecting != k.coll[p.Port], p.Distributing != k.dist[p.Port]:
			k.t.Fatalf("port %d was changed without a word", p.Port)
		case p.Distributing && !p.Collecting:
			k.t.Fatalf("port %d distributes but doesn't collect", p.Port)
		}
		if p.Reason == "" || p.Why == "" {
			k.t.Fatalf("port %d has no reason: %+v", p.Port, p)
		}
		if !p.Distributing {
			continue
		}
		carry++
		switch {
		case !st.Up || !p.Link:
			k.t.Fatalf("port %d distributes without link", p.Port)
		case p.Aggregator != st.Active:
			k.t.Fatalf("port %d of aggregator %d distributes, %d is active", p.Port, p.Aggregator, st.Active)
		case p.Fallback && (p.Partner.System != MAC{} || k.cfg.Fallback == FallbackNone):
			k.t.Fatalf("port %d is in fallback: %+v", p.Port, p)
		case !p.Fallback && !p.Partner.State.Has(Synchronization):
			k.t.Fatalf("port %d distributes to a partner out of sync", p.Port)
		case !p.Fallback && !p.Actor.State.Has(Synchronization|Collecting|Distributing):
			k.t.Fatalf("port %d distributes and says %v", p.Port, p.Actor.State)
		}
	}
	if k.cfg.MaxLinks > 0 && carry > k.cfg.MaxLinks {
		k.t.Fatalf("%d ports distribute, max_links is %d", carry, k.cfg.MaxLinks)
	}
	k.lookAggregators(&st)
}

func (k *keeper) lookAggregators(st *State) {
	active := 0
	seen := map[PortID]int{}
	for _, a := range st.Aggregators {
		if a.Active {
			active++
		}
		if len(a.Ports) == 0 {
			k.t.Fatalf("aggregator %d has no ports", a.ID)
		}
		if a.ID == 0 || (a.ID == st.Active) != a.Active {
			k.t.Fatalf("aggregator %+v, the active one is %d", a, st.Active)
		}
		for _, id := range a.Ports {
			if seen[id] != 0 {
				k.t.Fatalf("port %d is in aggregators %d and %d", id, seen[id], a.ID)
			}
			seen[id] = a.ID
			p := st.Port(id)
			if p.Selected != "unselected" && (p.Partner.ID() != a.Partner || p.Actor.Key != a.ActorKey || p.Partner.Key != a.PartnerKey) {
				k.t.Fatalf("port %+v in aggregator %+v", p, a)
			}
		}
	}
	if active > 1 || active == 0 && st.Active != 0 {
		k.t.Fatalf("%d active aggregators", active)
	}
	numbers := map[uint16]bool{}
	for _, p := range st.Ports {
		if p.Actor.Port == 0 || numbers[p.Actor.Port] {
			k.t.Fatalf("port number %d twice", p.Actor.Port)
		}
		numbers[p.Actor.Port] = true
	}
}

func (k *keeper) some() PortID {
	if len(k.ids) == 0 {
		return 0
	}
	return rapid.SampledFrom(k.ids).Draw(k.t, "port")
}

// pdu is one that makes sense more often than not.
func (k *keeper) pdu(id PortID) LACPDU {
	t := k.t
	p := LACPDU{Version: 1, Actor: Info{
		SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, rapid.SampledFrom([]byte{0xaa, 0xaa, 0xaa, 0xbb}).Draw(t, "partner")},
		Key: rapid.SampledFrom([]uint16{17, 17, 17, 18}).Draw(t, "key"), PortPriority: 255, Port: uint16(id),
		State: Bits(rapid.SampledFrom([]byte{0x3f, 0x3f, 0x0f, 0x07, 0x3d, 0x3b, 0x2f, 0x00, 0xc7}).Draw(t, "state")),
	}}
	st := k.m.State(k.now)
	if port := st.Port(id); port != nil && rapid.IntRange(0, 5).Draw(t, "echo") > 0 {
		p.Partner = port.Actor
	}
	return p
}

func config() *rapid.Generator[Config] {
	return rapid.Custom(func(t *rapid.T) Config {
		return Config{
			System: System{uint16(rapid.IntRange(1, 65535).Draw(t, "priority")), MAC{2, 0, 0, 0, 0, 0x11}},
			Active: rapid.Bool().Draw(t, "active"), Fast: rapid.Bool().Draw(t, "fast"), Coupled: rapid.Bool().Draw(t, "coupled"),
			Select: Select(rapid.IntRange(0, 3).Draw(t, "ad_select")), MinLinks: rapid.IntRange(0, 3).Draw(t, "min_links"),
			Strict: rapid.Bool().Draw(t, "strict"), MaxLinks: rapid.IntRange(0, 3).Draw(t, "max_links"),
			BroadcastNeighbor: rapid.Bool().Draw(t, "broadcast_neighbor"), Fallback: Fallback(rapid.IntRange(0, 2).Draw(t, "fallback")),
			FallbackDelay: time.Duration(rapid.IntRange(0, 3000).Draw(t, "delay")) * time.Millisecond,
			UserKey:       uint16(rapid.IntRange(0, 1023).Draw(t, "key")),
		}
	})
}

// TestWhateverHappens: no sequence of events breaks what must always hold.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cfg := config().Draw(t, "config")
		k := &keeper{
			t: t, cfg: cfg, m: New(cfg), now: epoch, coll: map[PortID]bool{}, dist: map[PortID]bool{},
			sent: map[PortID]bool{}, sends: map[PortID][]time.Time{}, marks: map[PortID][]time.Time{},
		}
		k.step(Admin{true})
		for range rapid.IntRange(2, 4).Draw(t, "ports") {
			k.add()
			k.step(PortLink{Port: k.last, Up: true, Mbps: 10000})
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				if len(k.ids) < 6 {
					k.add()
				}
			},
			"remove": func(t *rapid.T) {
				if len(k.ids) > 0 {
					i := rapid.IntRange(0, len(k.ids)-1).Draw(t, "which")
					id := k.ids[i]
					k.ids = append(k.ids[:i:i], k.ids[i+1:]...)
					k.step(PortRemoved{id})
					if k.coll[id] || k.dist[id] {
						t.Fatal("a port that is gone is still in use")
					}
				}
			},
			"leave": func(t *rapid.T) {
				if rapid.IntRange(0, 4).Draw(t, "really") == 0 {
					k.step(PortLeaving{k.some()})
				}
			},
			"link": func(t *rapid.T) {
				k.step(PortLink{
					Port: k.some(), Up: rapid.IntRange(0, 3).Draw(t, "up") > 0, Mbps: rapid.SampledFrom([]uint32{10000, 10000, 10000, 1000, 0}).Draw(t, "speed"),
					HalfDuplex: rapid.IntRange(0, 9).Draw(t, "half") == 0,
				})
			},
			"admin": func(t *rapid.T) { k.step(Admin{rapid.IntRange(0, 9).Draw(t, "up") > 0}) },
			"configure": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
					k.cfg = config().Draw(t, "config")
					k.step(Configure{k.cfg})
				}
			},
			"priority": func(t *rapid.T) {
				k.step(PortPriority{k.some(), uint16(rapid.IntRange(1, 3).Draw(t, "priority"))})
			},
			"pdu":  func(t *rapid.T) { id := k.some(); k.step(PDU{id, k.pdu(id)}) },
			"pdus": func(t *rapid.T) { k.everybody() },
			"echo": func(t *rapid.T) {
				st := k.m.State(k.now)
				if p := st.Port(k.some()); p != nil {
					k.step(PDU{k.some(), LACPDU{Version: 1, Actor: p.Actor, Partner: p.Partner}})
				}
			},
			"marker": func(t *rapid.T) {
				k.step(MarkerPDU{k.some(), Marker{Type: uint8(rapid.IntRange(0, 3).Draw(t, "type"))}})
			},
			"fail": func(t *rapid.T) {
				id := k.some()
				if k.sent[id] {
					k.sends[id] = k.sends[id][:len(k.sends[id])-1]
					k.sent[id] = false
					k.step(SendFailed{id})
				}
			},
			"wait": func(t *rapid.T) { k.wait(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond) },
			"next": func(t *rapid.T) {
				if at, ok := k.m.Next(); ok {
					k.wait(at.Sub(k.now))
				}
			},
		})
	})
}

// everybody has all ports hear a good partner.
func (k *keeper) everybody() {
	for _, id := range k.ids {
		st := k.m.State(k.now)
		k.step(PDU{id, LACPDU{Version: 1, Partner: st.Port(id).Actor, Actor: Info{
			SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, 0xaa}, Key: 17, PortPriority: 255, Port: uint16(id),
			State: Activity | ShortTimeout | Aggregation | Synchronization | Collecting | Distributing,
		}}})
	}
}

func (k *keeper) add() {
	k.last++
	k.ids = append(k.ids, k.last)
	k.step(PortAdded{Port: k.last, Name: fmt.Sprintf("p%d", k.last), Number: uint16(k.last % 3), Priority: 255})
}

func (k *keeper) wait(d time.Duration) {
	end := k.now.Add(d)
	for {
		at, ok := k.m.Next()
		if !ok || at.After(end) {
			break
		}
		k.now = at
		k.step(Tick{})
	}
	k.now = end
	k.step(Tick{})
}
