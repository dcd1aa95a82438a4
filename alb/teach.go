package alb

import "time"

// How clients are told.
const (
	// copies is how often a frame is sent at a time (kernel: the same).
	copies = 2
	// holdAfter is how long nobody is told anything after all have heard the
	// bond's address: so that what is told comes last (kernel: the same).
	holdAfter = 2 * time.Second
	// maxHold is how long that can go on, in a network where the host asks for
	// one address after the other.
	maxHold = 10 * time.Second
	// tellEvery is the least time between two rounds for one client.
	tellEvery = 2 * time.Second
	// retries are the rounds after the first one when a slave is lost.
	retries = 3
	// soon is when a new client is told (kernel: at the next tick).
	soon = 100 * time.Millisecond

	// rate and burst limit the frames of routine to 200 in any second.
	rate  = 180
	burst = 20
	// urgentFrames are sent every urgentEvery when a slave is lost.
	urgentFrames = 100
	urgentEvery  = time.Millisecond
)

// Reason says why a client is told.
type Reason uint8

// Reasons.
const (
	NewClient      Reason = iota + 1
	HeardBroadcast        // it has heard the bond's address in a request to all
	SlaveLost             // its slave can't be used any more
	AddressChanged        // its slave has another address now
	Rebalanced            // another slave came, or is faster now
	PlaceLost             // the table has no place for it any more
)

// String is the text of events.
func (r Reason) String() string {
	switch r {
	case NewClient:
		return "new client"
	case HeardBroadcast:
		return "a request to all told the bond's address"
	case SlaveLost:
		return "its slave can't be used"
	case AddressChanged:
		return "its slave has another address"
	case Rebalanced:
		return "a slave came or changed its speed"
	case PlaceLost:
		return "the table has no place for it any more"
	}
	return "unknown"
}

// Teach is a client to be told: Frame is to be sent Copies times on Slave.
type Teach struct {
	Slave      int // ID
	Frame      []byte
	Copies     int
	Ours, Peer IP
	MAC        [6]byte // the address it is told
	Why        Reason
}

// mark has a client be told at due, in a number of rounds. What is due sooner
// or in more rounds already stays so.
func (c *Clients) mark(p *client, now, due time.Time, rounds int, urgent bool, why Reason) {
	if !p.known {
		return // it will hear when it is known
	}
	if p.rounds == 0 {
		p.marked, p.due, p.urgent, p.why = now, due, urgent, why
	} else if urgent && !p.urgent || due.Before(p.due) {
		p.due, p.urgent, p.why = due, urgent, why
	}
	p.rounds = max(p.rounds, rounds)
	c.dueAt(p.due)
}

func (c *Clients) dueAt(t time.Time) {
	if c.next.IsZero() || t.Before(c.next) {
		c.next = t
	}
}

// heardByAll: every client of ours has heard the bond's address. Those whose
// slave has another are told again, later.
func (c *Clients) heardByAll(now time.Time, ours IP) {
	c.hold = now.Add(holdAfter)
	c.each(func(p *client) {
		if s := find(c.slaves, p.slave); p.ours == ours && s != nil && s.MAC != c.bond {
			c.mark(p, now, c.hold, 1, false, HeardBroadcast)
		}
	})
}

// Next returns when Step is due.
func (c *Clients) Next() (time.Time, bool) { return c.next, !c.next.IsZero() }

// Step appends to out whom to tell now. After a slave is lost that is so many
// at a time that a switch and the clients can follow; routine is slower.
func (c *Clients) Step(now time.Time, out []Teach) []Teach {
	if c.next.IsZero() || now.Before(c.next) {
		return out
	}
	c.refill(now)
	out = append(out, c.farewell...)
	c.farewell = nil
	left := urgentFrames
	if now.Before(c.urgentAt) {
		left = 0
	}
	c.next = time.Time{}
	c.each(func(p *client) {
		if p.rounds == 0 {
			return
		}
		at := c.when(p)
		if at.After(now) {
			c.dueAt(at)
			return
		}
		s := find(c.slaves, p.slave)
		if s == nil || !s.Usable {
			p.rounds = 0 // it will be told when it has a slave again
			return
		}
		switch {
		case p.urgent && left >= copies:
			left -= copies
			c.urgentAt = now.Add(urgentEvery)
		case p.urgent:
			c.dueAt(c.urgentAt)
			return
		case c.tokens >= copies:
			c.tokens -= copies
		default:
			c.dueAt(now.Add(time.Second * copies / rate))
			return
		}
		out = append(out, c.teach(now, p, s))
	})
	return out
}

// when is when p is really due.
func (c *Clients) when(p *client) time.Time {
	if p.urgent {
		return p.due
	}
	at := p.due
	if hold := c.hold; hold.After(at) && hold.Before(p.marked.Add(maxHold)) {
		at = hold
	}
	if free := p.told.Add(tellEvery); free.After(at) {
		at = free
	}
	return at
}

func (c *Clients) teach(now time.Time, p *client, s *Slave) Teach {
	t := Teach{
		Slave: s.ID, Copies: copies, Frame: answer(p.ours, p.peer, s.MAC, p.mac, p.vid),
		Ours: p.ours, Peer: p.peer, MAC: s.MAC, Why: p.why,
	}
	p.told = now
	p.updates += copies
	c.stats.Taught++
	p.rounds--
	p.urgent = false // it has been told once; the rest is for those that missed it
	if p.rounds > 0 {
		p.due = now.Add(tellEvery)
		c.dueAt(p.due)
	}
	return t
}

func (c *Clients) refill(now time.Time) {
	if !c.filled.IsZero() {
		c.tokens = min(burst, c.tokens+now.Sub(c.filled).Seconds()*rate)
	}
	c.filled = now
}

// evict takes the place of a client, who is told the bond's address first:
// that stays good whatever becomes of the slaves. False: it can't be told now.
func (c *Clients) evict(now time.Time, p *client) bool {
	s := find(c.slaves, p.slave)
	active := c.active()
	if p.known && s != nil && s.MAC != c.bond && active != nil {
		c.refill(now)
		if c.tokens < copies {
			return false
		}
		c.tokens -= copies
		c.farewell = append(c.farewell, Teach{
			Slave: active.ID, Copies: copies, Frame: answer(p.ours, p.peer, c.bond, p.mac, p.vid),
			Ours: p.ours, Peer: p.peer, MAC: c.bond, Why: PlaceLost,
		})
		c.dueAt(now)
	}
	c.stats.Evicted++
	c.forget(p)
	return true
}

func (c *Clients) active() *Slave {
	for i := range c.slaves {
		if c.slaves[i].Active && c.slaves[i].Usable {
			return &c.slaves[i]
		}
	}
	return nil
}
