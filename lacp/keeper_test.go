package lacp

import (
	"fmt"
	"time"
)

// failer is a test of either kind.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// keeper watches what a Machine does, whatever it is told.
type keeper struct {
	t     failer
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

	twin *Machine             // is told the same and never asked
	prev State                // before the last step
	outs map[PortID]time.Time // since when a partner that was in sync isn't
	bad  map[PortID]time.Time // when a LACPDU came that must be dropped
}

func newKeeper(t failer, cfg Config) *keeper {
	return &keeper{
		t: t, cfg: cfg, m: New(cfg), twin: New(cfg), now: epoch, coll: map[PortID]bool{}, dist: map[PortID]bool{}, sent: map[PortID]bool{},
		sends: map[PortID][]time.Time{}, marks: map[PortID][]time.Time{}, outs: map[PortID]time.Time{}, bad: map[PortID]time.Time{},
	}
}

func (k *keeper) step(ev Event) {
	out := k.m.Step(k.now, ev, nil)
	k.sameAsTwin(ev, out)
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
	st := k.look(ev)
	k.saysWhatIsSo(st, out)
	k.keepsPromises(ev, st)
	k.prev = *st
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
func (k *keeper) look(ev Event) *State {
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
	return &st
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

// everybody has all ports hear a good partner.
func (k *keeper) everybody() {
	for _, id := range k.ids {
		k.step(PDU{id, LACPDU{Version: 1, Partner: k.prev.Port(id).Actor, Actor: Info{
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

// fail has the last PDU of a port not leave.
func (k *keeper) fail(id PortID) {
	if k.sent[id] {
		k.sends[id] = k.sends[id][:len(k.sends[id])-1]
		k.sent[id] = false
		k.step(SendFailed{id})
	}
}
