package monitor

import (
	"net/netip"
	"slices"
	"time"
)

// Validate is arp_validate, in the driver's bits: which slaves must hear
// answers to our probes, and whether the others must at least hear ARP or ND.
type Validate uint8

// The bits of Validate.
const (
	ValidateActive Validate = 1
	ValidateBackup Validate = 2
	ValidateFilter Validate = 4
)

// ProbeConfig is how a bond's slaves are probed.
type ProbeConfig struct {
	Interval  time.Duration // arp_interval, above 0
	MissedMax int           // arp_missed_max, 1 to 255
	Validate  Validate
	// AllTargets: a validated slave must hear all targets, not just one. As
	// with the driver, in active-backup only.
	AllTargets bool
	// ActiveBackup: the active slave alone probes, and the others hear its
	// probes come round. Else every slave probes for itself.
	ActiveBackup bool
	Targets      []netip.Addr // of arp_ip_target and ns_ip6_target, none twice
	Own          []netip.Addr // of the bond and of the devices stacked on it
	// Mute: no target can be reached, nothing is sent.
	Mute bool
}

// ProbeEvent is something the prober is told: Added, Removed, Carrier, Tick,
// ProbeConfigure, Opened, Active or Heard.
type ProbeEvent interface{ probeEvent() }

type (
	// ProbeConfigure: the settings changed. Restart says that this turned the
	// monitor on, or gave it another interval: every slave gets time to answer.
	ProbeConfigure struct {
		Config  ProbeConfig
		Restart bool
	}
	// Opened: the bond was set up; nothing could be heard before.
	Opened struct{}
	// Active: the slave ID is the active one now, 0 for none.
	Active struct{ ID int }
	// Heard: a slave received a frame at At, which isn't after now.
	Heard struct {
		ID    int
		At    time.Time
		Frame Frame
	}
)

func (Added) probeEvent()          {}
func (Removed) probeEvent()        {}
func (Carrier) probeEvent()        {}
func (Tick) probeEvent()           {}
func (ProbeConfigure) probeEvent() {}
func (Opened) probeEvent()         {}
func (Active) probeEvent()         {}
func (Heard) probeEvent()          {}

// ProbeAction is what an effect asks for.
type ProbeAction uint8

const (
	// LinkChanged: a slave's link went From To.
	LinkChanged ProbeAction = iota
	// SendProbes: ask all targets, on the slave.
	SendProbes
	// CandidateChanged: nothing is active and the slave ID is tried (the
	// driver's current_arp_slave), 0 for none. It receives for the bond.
	CandidateChanged
)

// ProbeEffect is one thing to carry out.
type ProbeEffect struct {
	Do       ProbeAction
	ID       int
	From, To Link   // LinkChanged
	Why      string // LinkChanged
}

// Prober is the ARP and ND monitor of one bond: the state machine behind the
// driver's arp_interval. A slave is good while it receives what arp_validate asks
// for. The driver looks once an interval; here a slave is taken down when its
// time is over, and up when it receives something, but for silence it stays down
// for an interval at least. It is not safe for concurrent use.
type Prober struct {
	cfg       ProbeConfig
	slaves    []probed // in the order of adding
	targets   []Target // in the order configured
	active    int      // 0: none
	candidate int      // 0: none
	next      time.Time
	out       []ProbeEffect
}

// probed is one slave.
type probed struct {
	id       int
	carrier  bool
	link     Link
	since    time.Time // when it was last taken down; what it heard before counts no more
	heldDown time.Time // it doesn't come up before: the driver looks once an interval
	evidence evidence  // what it heard since
	linkUp   time.Time // when it was last given the active role, or tried
	grace    time.Time // it isn't taken down for silence before
	lastTx   time.Time // probes sent
	lastRx   time.Time // heard what counts
	targetRx map[netip.Addr]time.Time
}

// NewProber returns a prober without slaves, of a bond that is down: it does
// nothing before Opened.
func NewProber(cfg ProbeConfig) *Prober {
	p := &Prober{cfg: cfg}
	p.setTargets(cfg.Targets)
	return p
}

// Step takes one event at time now, which never goes backwards, and appends
// what it decides to out.
func (p *Prober) Step(now time.Time, ev ProbeEvent, out []ProbeEffect) []ProbeEffect {
	p.out = out
	p.heldUp(now)
	switch ev := ev.(type) {
	case Added:
		p.add(now, ev)
	case Removed:
		p.slaves = slices.DeleteFunc(p.slaves, func(s probed) bool { return s.id == ev.ID })
		if p.candidate == ev.ID {
			p.try(0)
		}
	case Carrier:
		p.setCarrier(now, ev)
	case ProbeConfigure:
		p.configure(now, ev)
	case Opened:
		p.restart(now)
	case Active:
		p.setActive(now, ev.ID)
	case Heard:
		p.hear(now, ev)
	}
	p.judge(now)
	if !p.next.IsZero() && !now.Before(p.next) {
		p.tick(now)
	}
	out, p.out = p.out, nil
	return out
}

// heldUp: we were not there to listen (the process was stopped, the machine
// overloaded), so that time is nobody's silence.
func (p *Prober) heldUp(now time.Time) {
	late := now.Sub(p.next)
	if p.next.IsZero() || late < p.cfg.Interval/10 {
		return
	}
	for i := range p.slaves {
		s := &p.slaves[i]
		for _, t := range []*time.Time{&s.since, &s.heldDown, &s.evidence.at, &s.linkUp, &s.grace, &s.lastTx, &s.lastRx} {
			if !t.IsZero() {
				*t = t.Add(late) // all of them: what came after what stays so
			}
		}
		for a, t := range s.targetRx {
			s.targetRx[a] = t.Add(late)
		}
	}
	p.next = now
}

func (p *Prober) add(now time.Time, ev Added) {
	s := probed{id: ev.ID, carrier: ev.Carrier, link: LinkDown, since: now, linkUp: now, targetRx: map[netip.Addr]time.Time{}}
	if ev.Carrier {
		s.link = LinkUp
	}
	s.forgive(now, &p.cfg)
	p.slaves = append(p.slaves, s)
}

// forgive gives a slave time to answer: what it should have heard before
// doesn't matter.
func (s *probed) forgive(now time.Time, cfg *ProbeConfig) {
	past := now.Add(-cfg.Interval - time.Millisecond) // as the driver: not heard just now
	s.lastTx, s.lastRx = past, past
	for _, a := range cfg.Targets {
		s.targetRx[a] = past
	}
	s.grace = now.Add(cfg.window(2))
}

// window is how long after a moment n intervals later is still in time: half
// an interval more, for networks that answer slowly.
func (c *ProbeConfig) window(n int) time.Duration {
	return time.Duration(n)*c.Interval + c.Interval/2
}

func (p *Prober) configure(now time.Time, ev ProbeConfigure) {
	p.cfg = ev.Config
	p.setTargets(p.cfg.Targets)
	for i := range p.slaves {
		s := &p.slaves[i]
		for a := range s.targetRx {
			if !slices.Contains(p.cfg.Targets, a) {
				delete(s.targetRx, a)
			}
		}
		for _, a := range p.cfg.Targets {
			if _, ok := s.targetRx[a]; !ok {
				s.targetRx[a] = now // a new one has its time before it
			}
		}
	}
	if ev.Restart && !p.next.IsZero() {
		p.restart(now)
	}
}

// restart begins anew with everybody forgiven, and probes at once.
func (p *Prober) restart(now time.Time) {
	for i := range p.slaves {
		p.slaves[i].forgive(now, &p.cfg)
	}
	p.next = now
}

func (p *Prober) setCarrier(now time.Time, ev Carrier) {
	s := p.slave(ev.ID)
	if s == nil || s.carrier == ev.Up {
		return
	}
	s.carrier = ev.Up
	switch {
	case p.next.IsZero() || !ev.Up:
	case p.cfg.ActiveBackup:
		if p.active == 0 && p.candidate == 0 {
			p.next = now // somebody to try
		}
	default:
		p.send(now, s)
	}
}

func (p *Prober) setActive(now time.Time, id int) {
	if id == p.active {
		return
	}
	p.active = id
	if !p.cfg.ActiveBackup {
		return // the role is of no account
	}
	if s := p.slave(id); s != nil {
		if p.candidate != 0 {
			p.try(0)
		}
		s.linkUp, s.grace = now, now.Add(p.cfg.window(2))
	}
	if !p.next.IsZero() {
		p.next = now // the new one asks, or another one is looked for, at once
	}
}

// Next returns the earliest time at which Step is to be called; false if
// nothing is waited for.
func (p *Prober) Next() (time.Time, bool) {
	if p.next.IsZero() {
		return p.next, false
	}
	at := p.next
	for i := range p.slaves {
		s := &p.slaves[i]
		if t, ok := p.deadline(s); ok && t.Before(at) {
			at = t
		}
		if !s.heldDown.IsZero() && s.heldDown.Before(at) && p.answers(s.heldDown, s) {
			at = s.heldDown
		}
	}
	return at, true
}

// Stop has the prober stand still until Opened: the bond was set down.
func (p *Prober) Stop() { p.next, p.candidate = time.Time{}, 0 }

// Link returns a slave's link state, LinkDown for one that isn't there.
func (p *Prober) Link(id int) Link {
	if s := p.slave(id); s != nil {
		return s.link
	}
	return LinkDown
}

// Assume gives a slave the link state that another monitor left it in.
func (p *Prober) Assume(id int, l Link) {
	if s := p.slave(id); s != nil {
		s.link = l
	}
}

// LastRx returns when the slave last heard what counts for it, zero if it isn't
// there.
func (p *Prober) LastRx(id int) time.Time {
	if s := p.slave(id); s != nil {
		return p.heardAt(s)
	}
	return time.Time{}
}

func (p *Prober) slave(id int) *probed {
	for i := range p.slaves {
		if p.slaves[i].id == id {
			return &p.slaves[i]
		}
	}
	return nil
}
