package lacp

import (
	"fmt"
	"slices"
	"time"
)

// Machine is the LACP of one bond. It is not safe for concurrent use.
type Machine struct {
	cfg   Config
	up    bool
	ports []*port       // in the order of adding
	aggs  []*aggregator // by id

	active    *aggregator
	activeWhy string
	activeID  int // as the caller was told
	fallback  *port
	wasReady  bool // enough ports were ready to give the bond carrier
	carrier   bool

	now        time.Time
	out        []Effect
	drainedNow []PortID
}

// New returns a Machine without ports, admin down.
func New(cfg Config) *Machine { return &Machine{cfg: cfg} }

// Step takes one event at time now, which never goes backwards, and appends
// what is to be done to out. Events for ports that don't exist do nothing.
func (m *Machine) Step(now time.Time, ev Event, out []Effect) []Effect {
	m.now, m.out = now, out
	m.take(ev)
	m.settle()
	out, m.out = m.out, nil
	return out
}

func (m *Machine) take(ev Event) {
	switch ev := ev.(type) {
	case Configure:
		m.configure(ev.Config)
	case Admin:
		m.admin(ev.Up)
	case PortAdded:
		m.add(ev)
	case PortLeaving:
		if p := m.port(ev.Port); p != nil {
			m.leave(p)
		}
	case PortRemoved:
		m.remove(ev.Port)
	case PortLink:
		if p := m.port(ev.Port); p != nil {
			m.setLink(p, ev)
		}
	case PortPriority:
		if p := m.port(ev.Port); p != nil && p.priority != ev.Priority {
			// It isn't part of what an aggregator is known by. What the partner
			// makes of it is the partner's.
			p.priority = ev.Priority
			p.ntt = true
		}
	case PortRenamed:
		if p := m.port(ev.Port); p != nil {
			p.name = ev.Name
		}
	case Frame:
		if p := m.port(ev.Port); p != nil {
			m.frame(p, ev.Data, ev.InVLAN)
		}
	case PDU:
		if p := m.port(ev.Port); p != nil {
			m.pdu(p, &ev.PDU)
		}
	case MarkerPDU:
		if p := m.port(ev.Port); p != nil {
			m.takeMarker(p, &ev.Marker)
		}
	case SendFailed:
		if p := m.port(ev.Port); p != nil {
			m.sendFailed(p)
		}
	}
}

// over reports whether a timer has run out; one that is stopped hasn't.
func (m *Machine) over(timer time.Time) bool { return !timer.IsZero() && !m.now.Before(timer) }

func (m *Machine) configure(cfg Config) {
	old := m.cfg
	m.cfg = cfg
	for _, p := range m.ports {
		if cfg.System != old.System {
			m.identityChanged(p, "our system identifier changed")
		}
		if cfg.Active != old.Active || cfg.Fast != old.Fast {
			p.ntt = true
		}
		if cfg.Fast && !old.Fast && p.rx == rxCurrent { // as if the last PDU came now
			p.currentWhile = m.now.Add(shortTimeout)
		}
		m.setKey(p)
	}
}

func (m *Machine) admin(up bool) {
	if up == m.up {
		return
	}
	for _, p := range m.ports {
		if up {
			m.begin(p)
		} else {
			m.sayGoodbye(p, "the bond is down")
		}
	}
	m.up = up
	for _, p := range m.ports {
		m.resume(p)
	}
}

// begin is BEGIN: 6.4.8.
func (m *Machine) begin(p *port) {
	m.unselect(p, "begins anew")
	if p.agg != nil {
		m.leaveAggregator(p)
	}
	m.receiveEnter(p, rxInitialize)
	p.goodbye, p.said = false, false
	p.lastRx, p.gapFrom = time.Time{}, time.Time{}
	p.forgetDropped()
	m.muxEnter(p, muxDetached)
	p.actorChurn, p.partnerChurn = churn{}, churn{}
}

func (m *Machine) add(ev PortAdded) {
	if m.port(ev.Port) != nil {
		return
	}
	p := &port{id: ev.Port, name: ev.Name, number: m.number(ev.Number), priority: ev.Priority, memory: ev.Memory}
	p.key = Key(m.cfg.UserKey, 0, false)
	m.begin(p)
	m.ports = append(m.ports, p)
}

func (m *Machine) remove(id PortID) {
	p := m.port(id)
	if p == nil {
		return
	}
	m.sayGoodbye(p, "released")
	m.tellOff(p, false, false)
	m.transmit(p)
	if p.agg != nil {
		m.leaveAggregator(p)
	}
	m.ports = slices.DeleteFunc(m.ports, func(q *port) bool { return p == q })
	if m.fallback == p {
		m.fallback = nil
	}
}

func (m *Machine) setLink(p *port, ev PortLink) {
	if ev.Up && !p.link {
		p.upSince = m.now
		p.forgetDropped()
		p.ntt = true // a partner that hears at once answers at once
	}
	p.link = ev.Up
	if !ev.Up {
		return // speed and key stay: if it comes back the same, nothing changed
	}
	p.mbps, p.half = ev.Mbps, ev.HalfDuplex
	m.setKey(p)
}

func (m *Machine) frame(p *port, data []byte, inVLAN bool) {
	kind, body, why := classify(data, inVLAN)
	if why != Legal {
		m.illegal(p, kind, why)
		return
	}
	switch kind {
	case slowLACP:
		var pdu LACPDU
		if why = pdu.Decode(body); why != Legal {
			m.illegal(p, kind, why)
			return
		}
		m.pdu(p, &pdu)
	case slowMarker:
		var mk Marker
		if why = mk.Decode(body); why != Legal {
			m.illegal(p, kind, why)
			return
		}
		m.takeMarker(p, &mk)
	case slowOther:
		p.count.UnknownRx++
	}
}

// settle runs all machines to where they come to rest, then says what changed.
func (m *Machine) settle() {
	bound := 32 + 16*len(m.ports)
	for i := 0; m.pass(); i++ {
		if i == bound {
			panic(fmt.Sprintf("lacp: no rest after %d passes", bound))
		}
	}
	m.runFallback()
	m.tell()
	for _, p := range m.ports {
		m.runChurn(p)
		m.transmit(p)
		m.runLeaving(p)
		m.runWhy(p)
		m.flushLog(p)
	}
	for _, id := range m.drainedNow {
		m.out = append(m.out, PortDrained{Port: id})
	}
	m.drainedNow = m.drainedNow[:0]
	m.runCarrier()
}

// pass gives each machine its turn, and reports whether any moved. The Mux
// machine comes last: what it goes by has then been settled, and it sees each
// UNSELECTED before the port is selected anew.
func (m *Machine) pass() bool {
	changed := false
	for _, p := range m.ports {
		if s, ok := m.receiveNext(p); ok {
			m.receiveEnter(p, s)
			changed = true
		}
		m.runPeriodic(p)
		if p.mux == muxWaiting && !p.readyN && m.over(p.waitWhile) {
			p.readyN = true
			changed = true
		}
	}
	if changed {
		return true
	}
	changed = m.selectPorts()
	changed = m.chooseActive() || changed
	changed = m.assign() || changed
	for _, p := range m.ports {
		if s, ok := m.muxNext(p); ok {
			m.muxEnter(p, s)
			changed = true
		}
		m.muxStop(p)
	}
	return changed
}

// wants is what a port should do now.
func (m *Machine) wants(p *port) (collect, distribute bool) {
	up := m.enabled(p)
	if p.leaving {
		return up && p.collectsNow && !p.drained, false
	}
	if p == m.fallback {
		return true, true
	}
	return up && p.collecting, up && p.distributing && !m.held(p)
}

// tell has the caller do what the machines have come to: first what stops, so
// that no two aggregators are ever in use together.
func (m *Machine) tell() {
	for _, p := range m.ports {
		c, d := m.wants(p)
		m.tellOff(p, c, d)
	}
	if id := m.activeNumber(); id != m.activeID {
		m.activeID = id
		m.out = append(m.out, ActiveAggregator{ID: id, Why: m.activeWhy})
	}
	for _, p := range m.ports {
		if c, _ := m.wants(p); c && !p.collectsNow {
			p.collectsNow = true
			m.out = append(m.out, SetCollecting{Port: p.id, On: true, Why: m.muxWhy(p)})
		}
	}
	for _, p := range m.ports {
		if _, d := m.wants(p); d && !p.distributesNow {
			p.distributesNow = true
			p.count.DistributeCount++
			why := m.muxWhy(p)
			m.out = append(m.out, SetDistributing{p.id, true, why})
			m.log(p, Log{Kind: "distributing", Message: "carries traffic", To: "distributing", Why: why})
			if m.cfg.BroadcastNeighbor || p == m.fallback && m.cfg.Fallback == FallbackActiveBackup {
				m.out = append(m.out, NotifyPeers{Port: p.id})
			}
		}
	}
}

func (m *Machine) activeNumber() int {
	if m.active == nil {
		return 0
	}
	return m.active.id
}

func (m *Machine) muxWhy(p *port) string {
	if p == m.fallback {
		return "no partner for lacp_fallback_delay"
	}
	return p.muxWhy
}

// tellOff stops what the port shall no longer do.
func (m *Machine) tellOff(p *port, collect, distribute bool) {
	if collect == p.collectsNow && distribute == p.distributesNow {
		return
	}
	why := p.muxWhy
	if !p.link {
		why = "link down"
	}
	if p.distributesNow && !distribute {
		p.distributesNow = false
		m.out = append(m.out, SetDistributing{p.id, false, why})
		m.log(p, Log{Warn: !p.leaving, Kind: "not_distributing", Message: "no longer carries traffic", From: "distributing", Why: why})
	}
	if p.collectsNow && !collect {
		p.collectsNow = false
		m.out = append(m.out, SetCollecting{
			Port: p.id, Why: why, Drain: m.enabled(p) && p.rx == rxCurrent && p.matched && p.mux == muxAttached,
		})
	}
}

// Next returns the earliest deadline: Step a Tick then, or any other event.
// False if there is none.
func (m *Machine) Next() (time.Time, bool) {
	var at time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	for _, p := range m.ports {
		earlier(p.currentWhile)
		earlier(p.periodicAt)
		earlier(p.stopDue())
		if m.held(p) {
			earlier(p.startDue())
		}
		earlier(p.actorChurn.until)
		earlier(p.partnerChurn.until)
		if p.mux == muxWaiting && !p.readyN {
			earlier(p.waitWhile)
		} else if p.mux == muxWaiting && p.selected == chosen {
			earlier(p.waitWhile.Add(waitForOthers))
		}
		if (p.ntt || p.repeat) && m.talks(p) {
			earlier(p.txAt())
		}
		if p.leaving && !p.drained {
			earlier(p.leaveBy)
		}
		earlier(p.whyDue())
		earlier(m.receivedUntil(p))
		earlier(p.logs.due())
	}
	if t := m.heldUntil(); t.After(m.now) {
		earlier(t)
	}
	if p, t := m.fallbackAt(); p != nil && p != m.fallback && !m.leaving() {
		earlier(t)
	}
	return at, !at.IsZero()
}

// stopDue is when a coupled port stops distributing.
func (p *port) stopDue() time.Time {
	if p.stopped {
		return time.Time{}
	}
	return p.stopAt
}
