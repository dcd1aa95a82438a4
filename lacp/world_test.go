package lacp

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// wireDelay is how long a PDU is under way in tests.
const wireDelay = time.Millisecond

// epoch is when tests begin.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world is a Machine in virtual time, with a scripted partner on each port.
type world struct {
	m      *Machine
	now    time.Time
	peers  []*peer
	queue  []arrival
	trace  func(string) // what happened, a line each; nil for nobody
	onPDU  func(PortID, *LACPDU)
	onLog  func(Log)
	coll   map[PortID]bool
	dist   map[PortID]bool
	up     bool // carrier
	active int
	sends  map[PortID][]time.Time
	marks  []SendMarkerResponse
	gone   []PortID // drained
	fail   bool     // sends fail
	out    []Effect
}

type arrival struct {
	at    time.Time
	event Event
}

// peer is the far end of a port. It echoes what it hears, is in sync whenever it
// is told to be, and sends when it has something new to say and every period.
type peer struct {
	port   PortID
	info   Info
	on     bool
	period time.Duration
	heard  Info // our actor, as it heard it
	wrong  func(*Info)
	next   time.Time
	mute   bool            // doesn't answer, only sends every period
	lazy   bool            // doesn't collect
	wire   func(PDU) Event // as it arrives; nil for a PDU that has been decoded
}

func newWorld(cfg Config) *world {
	return &world{
		m: New(cfg), now: epoch, coll: map[PortID]bool{}, dist: map[PortID]bool{}, sends: map[PortID][]time.Time{},
	}
}

func (w *world) tracef(format string, args ...any) {
	if w.trace != nil {
		w.trace(fmt.Sprintf("%7.3f  ", w.now.Sub(epoch).Seconds()) + fmt.Sprintf(format, args...))
	}
}

func (w *world) peer(id PortID) *peer {
	for _, p := range w.peers {
		if p.port == id {
			return p
		}
	}
	p := &peer{port: id, period: time.Second, info: Info{
		SystemPriority: 32768, System: MAC{2, 0, 0, 0, 0, 0xaa}, Key: 17, PortPriority: 255, Port: uint16(id),
		State: Activity | ShortTimeout | Aggregation | Synchronization,
	}}
	w.peers = append(w.peers, p)
	return p
}

// start lets a peer talk.
func (w *world) start(id PortID) *peer {
	p := w.peer(id)
	p.on = true
	p.next = w.now
	w.run(w.now)
	return p
}

// say sends the peer's present state.
func (p *peer) say() PDU {
	pdu := LACPDU{Version: 1, Actor: p.info, Partner: p.heard}
	inSync := p.heard.State.Has(Synchronization) && p.info.State.Has(Synchronization)
	pdu.Actor.State = pdu.Actor.State.With(Collecting|Distributing, inSync && !p.lazy)
	if p.wrong != nil {
		p.wrong(&pdu.Partner)
	}
	return PDU{p.port, pdu}
}

// arrival is say as the Machine gets it.
func (p *peer) arrival() Event {
	if p.wire != nil {
		return p.wire(p.say())
	}
	return p.say()
}

func (w *world) deliver(at time.Time, ev Event) {
	w.queue = append(w.queue, arrival{at, ev})
	slices.SortStableFunc(w.queue, func(a, b arrival) int { return a.at.Compare(b.at) })
}

// step gives the Machine an event and carries out what it wants.
func (w *world) step(ev Event) {
	w.out = w.m.Step(w.now, ev, w.out[:0])
	for _, e := range slices.Clone(w.out) {
		w.carryOut(e)
	}
}

func (w *world) carryOut(e Effect) {
	switch e := e.(type) {
	case SendPDU:
		if w.fail {
			w.tracef("%s can't send", w.name(e.Port))
			w.step(SendFailed{e.Port})
			return
		}
		w.tracef("%s sends %s", w.name(e.Port), e.PDU.line())
		w.sends[e.Port] = append(w.sends[e.Port], w.now)
		if w.onPDU != nil {
			w.onPDU(e.Port, &e.PDU)
		}
		w.hear(w.peer(e.Port), &e.PDU)
	case SetCollecting:
		w.coll[e.Port] = e.On
		w.tracef("%s collecting %s: %s", w.name(e.Port), onOff(e.On), e.Why)
	case SetDistributing:
		w.dist[e.Port] = e.On
		w.tracef("%s distributing %s: %s", w.name(e.Port), onOff(e.On), e.Why)
	case SendMarkerResponse:
		w.marks = append(w.marks, e)
		w.tracef("%s answers marker %x", w.name(e.Port), e.Marker.Transaction)
	case ActiveAggregator:
		w.active = e.ID
		w.tracef("active aggregator %d: %s", e.ID, e.Why)
	case Carrier:
		w.up = e.Up
		w.tracef("carrier %s: %s", onOff(e.Up), e.Why)
	case PortDrained:
		w.gone = append(w.gone, e.Port)
		w.tracef("%s drained", w.name(e.Port))
	case NotifyPeers:
		w.tracef("%s announces the bond", w.name(e.Port))
	case Log:
		if w.onLog != nil {
			w.onLog(e)
		}
		who := "bond"
		if !e.Bond {
			who = w.name(e.Port)
		}
		w.tracef("%s log %s: %s", who, e.Kind, e.Message)
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (w *world) name(id PortID) string {
	if p := w.m.port(id); p != nil {
		return p.name
	}
	return fmt.Sprintf("p%d", id)
}

// hear has a peer take note of our PDU.
func (w *world) hear(p *peer, pdu *LACPDU) {
	if !p.on {
		return
	}
	changed := p.heard != pdu.Actor
	p.heard = pdu.Actor
	if !p.mute && (changed || pdu.Partner.identity() != p.info.identity()) {
		w.deliver(w.now.Add(2*wireDelay), p.arrival())
	}
}

// run lets time pass until at.
func (w *world) run(at time.Time) {
	for range 1_000_000 {
		next := at
		due := func(t time.Time) {
			if t.Before(next) {
				next = t
			}
		}
		if t, ok := w.m.Next(); ok {
			due(t)
		}
		for _, p := range w.peers {
			if p.on {
				due(p.next)
			}
		}
		if len(w.queue) > 0 {
			due(w.queue[0].at)
		}
		if next.After(w.now) {
			w.now = next
		}
		if !w.turn(next) && !next.Before(at) {
			return
		}
	}
	panic("time stands still")
}

// turn does one thing that is due.
func (w *world) turn(next time.Time) bool {
	if len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
		ev := w.queue[0].event
		w.queue = w.queue[1:]
		w.step(ev)
		return true
	}
	for _, p := range w.peers {
		if p.on && !p.next.After(w.now) {
			p.next = p.next.Add(p.period)
			w.deliver(w.now.Add(wireDelay), p.arrival())
			return true
		}
	}
	if t, ok := w.m.Next(); ok && !t.After(w.now) {
		w.step(Tick{})
		if t2, ok := w.m.Next(); ok && !t2.After(w.now) {
			panic(fmt.Sprintf("the deadline %v stays after a tick: %+v", t2.Sub(epoch), w.m.State(w.now)))
		}
		return true
	}
	return false
}

func (w *world) warp(d time.Duration) { w.run(w.now.Add(d)) }

// line is a PDU in short.
func (p *LACPDU) line() string {
	return fmt.Sprintf("port %d %s -> %s port %d %s", p.Actor.Port, p.Actor.State.short(), p.Partner.System, p.Partner.Port, p.Partner.State.short())
}

// short is one letter a bit: Active Short aGgregation Sync Collecting
// Distributing deFaulted Expired.
func (b Bits) short() string {
	var s strings.Builder
	for i, c := range "ASGYCDFE" {
		if b&(1<<i) != 0 {
			s.WriteRune(c)
		} else {
			s.WriteByte('-')
		}
	}
	return s.String()
}

// add adds ports 1 to n with link at 10 Gb/s, and sets the bond up.
func (w *world) add(n int) {
	for i := 1; i <= n; i++ {
		w.step(PortAdded{Port: PortID(i), Name: fmt.Sprintf("p%d", i), Priority: DefaultPortPriority})
	}
	w.step(Admin{true})
	for i := 1; i <= n; i++ {
		w.step(PortLink{Port: PortID(i), Up: true, Mbps: 10000})
	}
}

func (w *world) link(id PortID, up bool) { w.step(PortLink{Port: id, Up: up, Mbps: 10000}) }

func (w *world) carrying() []PortID {
	var ids []PortID
	for id, on := range w.dist {
		if on && w.coll[id] {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b PortID) int { return cmp.Compare(a, b) })
	return ids
}

func fastConfig() Config {
	return Config{
		System: System{65535, MAC{2, 0, 0, 0, 0, 0x11}}, Active: true, Fast: true, Coupled: true,
		Fallback: FallbackNone, FallbackDelay: 3 * time.Second,
	}
}
