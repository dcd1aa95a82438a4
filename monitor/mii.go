package monitor

import "time"

// Config of the MII monitor of one bond. The delays are whole numbers of
// intervals; without an interval there are none.
type Config struct {
	Interval  time.Duration // miimon; 0: carrier is followed without delays
	UpDelay   time.Duration
	DownDelay time.Duration
}

// Event is something the monitor is told.
type Event interface{ miiEvent() }

type (
	// Added: a slave joined, at the end of the list. It has no effect; the
	// slave's state is read with Link.
	Added struct {
		ID      int
		Carrier bool
	}
	// Removed: a slave left.
	Removed struct{ ID int }
	// Carrier: a slave's carrier is up or down, now; saying it twice is harmless.
	// Hold is for how long the link must be good at least before it is used.
	Carrier struct {
		ID   int
		Up   bool
		Hold time.Duration
	}
	// Tick: a deadline has passed, or the Context has changed.
	Tick struct{}
	// Configure: the settings changed. Running delays keep their share.
	Configure struct{ Config Config }
)

func (Added) miiEvent()     {}
func (Removed) miiEvent()   {}
func (Carrier) miiEvent()   {}
func (Tick) miiEvent()      {}
func (Configure) miiEvent() {}

// Context is the bond's side of a decision.
type Context struct {
	// NoneUsable: the bond has nothing to transmit on (active-backup: no active
	// slave). Then the first slave with carrier needn't wait for updelay.
	NoneUsable bool
}

// Effect is one change of a slave's link.
type Effect struct {
	ID       int
	From, To Link
	// Delay: into LinkFail and LinkBack how long it will wait, out of them
	// before their time how long it had waited.
	Delay time.Duration
}

// MII is the carrier monitor of one bond: the state machine of the driver's
// miimon, with each slave's delays counted from the event instead of from a
// tick. It is not safe for concurrent use.
type MII struct {
	cfg   Config
	slots []slot // in the order of adding
}

// slot is one slave.
type slot struct {
	id      int
	carrier bool
	hold    time.Duration
	link    Link
	since   time.Time // FAIL, BACK: when the wait began
	until   time.Time // FAIL, BACK: when it is over
}

// NewMII returns a monitor without slaves.
func NewMII(cfg Config) *MII { return &MII{cfg: cfg.sane()} }

func (c Config) sane() Config {
	if c.Interval <= 0 {
		return Config{}
	}
	return c
}

// Step takes one event at time now, which never goes backwards, and appends
// what it decides to out: at most two effects a slave.
func (m *MII) Step(now time.Time, ev Event, ctx Context, out []Effect) []Effect {
	switch ev := ev.(type) {
	case Added:
		m.add(now, ev)
		return out
	case Removed:
		for i := range m.slots {
			if m.slots[i].id == ev.ID {
				m.slots = append(m.slots[:i], m.slots[i+1:]...)
				break
			}
		}
	case Carrier:
		if s := m.slot(ev.ID); s != nil {
			s.carrier, s.hold = ev.Up, ev.Hold
		}
	case Configure:
		m.configure(now, ev.Config.sane())
	}
	skip := ctx.NoneUsable
	for i := range m.slots {
		out, skip = m.slots[i].step(now, &m.cfg, skip, out)
	}
	return out
}

func (m *MII) add(now time.Time, ev Added) {
	s := slot{id: ev.ID, carrier: ev.Carrier, link: LinkDown}
	if ev.Carrier {
		s.link = LinkUp
		if m.cfg.UpDelay > 0 {
			s.link = LinkBack
			s.wait(now, m.cfg.UpDelay)
		}
	}
	m.slots = append(m.slots, s)
}

// configure rescales running waits: the driver counts them in ticks, so they
// follow a new miimon.
func (m *MII) configure(now time.Time, cfg Config) {
	if m.cfg.Interval > 0 && cfg.Interval != m.cfg.Interval {
		for i := range m.slots {
			if s := &m.slots[i]; s.waiting() {
				ticks := float64(s.until.Sub(now)) / float64(m.cfg.Interval)
				s.until = now.Add(time.Duration(ticks * float64(cfg.Interval)))
			}
		}
	}
	m.cfg = cfg
}

func (s *slot) wait(now time.Time, d time.Duration) {
	s.since, s.until = now, now.Add(d)
}

func (s *slot) waiting() bool { return s.link == LinkFail || s.link == LinkBack }

// step brings one slave to where its carrier and the clock say. skip says that
// the next slave to come back skips updelay; it returns whether that is still
// to be given away.
func (s *slot) step(now time.Time, cfg *Config, skip bool, out []Effect) ([]Effect, bool) {
	to := func(l Link, d time.Duration) {
		out = append(out, Effect{ID: s.id, From: s.link, To: l, Delay: d})
		s.link = l
	}
	switch {
	case s.link == LinkUp && !s.carrier:
		if cfg.DownDelay == 0 {
			to(LinkDown, 0)
			break
		}
		s.wait(now, cfg.DownDelay)
		to(LinkFail, cfg.DownDelay)
	case s.link == LinkDown && s.carrier:
		wait := max(cfg.UpDelay, s.hold)
		delay := wait
		if skip {
			delay = 0
		}
		if wait > 0 {
			s.wait(now, delay)
			to(LinkBack, delay)
		}
		if delay == 0 {
			to(LinkUp, 0)
			skip = false
		}
	case s.link == LinkFail && s.carrier:
		to(LinkUp, now.Sub(s.since))
	case s.link == LinkFail && !now.Before(s.until):
		to(LinkDown, 0)
	case s.link == LinkBack && !s.carrier:
		to(LinkDown, now.Sub(s.since))
	case s.link == LinkBack && (skip || !now.Before(s.until)):
		to(LinkUp, 0)
		skip = false
	}
	return out, skip
}

// Next returns the earliest deadline; false if no delay is running.
func (m *MII) Next() (time.Time, bool) {
	var at time.Time
	found := false
	for i := range m.slots {
		if s := &m.slots[i]; s.waiting() && (!found || s.until.Before(at)) {
			at, found = s.until, true
		}
	}
	return at, found
}

// Link returns a slave's link state, LinkDown for one that isn't there.
func (m *MII) Link(id int) Link {
	if s := m.slot(id); s != nil {
		return s.link
	}
	return LinkDown
}

// Remaining returns how long a slave still waits, 0 if it doesn't.
func (m *MII) Remaining(now time.Time, id int) time.Duration {
	if s := m.slot(id); s != nil && s.waiting() {
		return max(s.until.Sub(now), 0)
	}
	return 0
}

// Promote makes a slave in LinkBack LinkUp before its time: the bond has
// nothing better.
func (m *MII) Promote(id int) {
	if s := m.slot(id); s != nil && s.link == LinkBack {
		s.link = LinkUp
	}
}

// Assume gives a slave the link that another monitor left it with; LinkUp or
// LinkDown, since what that one waited for is over.
func (m *MII) Assume(id int, l Link) {
	if s := m.slot(id); s != nil {
		s.link = l
	}
}

func (m *MII) slot(id int) *slot {
	for i := range m.slots {
		if m.slots[i].id == id {
			return &m.slots[i]
		}
	}
	return nil
}
