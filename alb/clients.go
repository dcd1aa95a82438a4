package alb

import (
	"slices"
	"time"
)

// idleAfter is when a client that nothing was heard of may lose its place to
// another one. Without need it keeps it.
const idleAfter = 60 * time.Second

// askedWithin is how long after a request a reply may change what is known of
// a client: one that nobody asked for is not believed.
const askedWithin = 5 * time.Second

// Clients is the receive balancing of one bond: which client was told which
// slave's address. It is not safe for concurrent use. Time never goes
// backwards.
type Clients struct {
	bond   [6]byte
	ours   [][6]byte
	own    []IP
	nd     bool
	slaves []Slave

	sets  [sets][ways]client
	count map[int]int // clients by slave
	last  int         // the slave chosen last

	hold     time.Time // nobody is told anything before, but for lost slaves
	tokens   float64   // frames that routine may send
	filled   time.Time // when tokens were counted
	urgentAt time.Time // when the next burst may go
	next     time.Time // the earliest deadline, zero for none
	farewell []Teach   // to those that lost their place
	stats    Stats

	view  *View
	stale [sets]bool
	dirty bool
}

// Stats counts over a table's life.
type Stats struct {
	Taught   uint64 `json:"taught"`   // clients told, rounds of two frames each
	Full     uint64 `json:"full"`     // clients that found no place
	Evicted  uint64 `json:"evicted"`  // clients that lost theirs
	Unasked  uint64 `json:"unasked"`  // replies not believed
	Conflict uint64 `json:"conflict"` // claims of others to an address of ours
}

// client is one that was told, or is about to be.
type client struct {
	used       bool
	known      bool // mac is its address
	ours, peer IP
	vid        uint16
	mac        [6]byte
	slave      int // ID, -1 for none

	seen  time.Time // the host last spoke to it, or it to us
	asked time.Time // the host last asked for its address
	heard uint32    // how often

	// What is to be done.
	rounds int // of telling it; 0 for none
	due    time.Time
	marked time.Time // since when
	urgent bool
	why    Reason

	told    time.Time
	updates uint64 // frames
}

// NewClients returns an empty table for a bond with this address.
func NewClients(bond [6]byte) *Clients {
	c := &Clients{bond: bond, count: make(map[int]int), last: -1, tokens: burst, dirty: true}
	c.view = &View{}
	for i := range c.view.sets {
		c.view.sets[i] = &noSet
	}
	return c
}

// SetOwn takes the addresses that the host answers for on the bond and what is
// stacked on it with the bond's hardware address. Clients of an address that is
// gone are forgotten: it may be another host's now.
func (c *Clients) SetOwn(own []IP) {
	if slices.Equal(c.own, own) {
		return
	}
	c.own, c.dirty = slices.Clone(own), true
	c.each(func(x *client) {
		if !slices.Contains(c.own, x.ours) {
			c.forget(x)
		}
	})
}

// SetND turns the balancing of IPv6 on or off. The clients of before stay
// where they are until they ask again.
func (c *Clients) SetND(on bool) { c.dirty, c.nd = c.dirty || c.nd != on, on }

// each calls fn for every client, in the order of their peers' hashes.
func (c *Clients) each(fn func(*client)) {
	for i := range c.sets {
		for j := range c.sets[i] {
			if x := &c.sets[i][j]; x.used {
				fn(x)
			}
		}
	}
}

func (c *Clients) find(ours, peer IP, vid uint16) *client {
	set := &c.sets[bucket(&peer)]
	for i := range set {
		if x := &set[i]; x.used && x.ours == ours && x.peer == peer && x.vid == vid {
			return x
		}
	}
	return nil
}

// Outgoing takes what the host said to a client, asked of or not, and returns
// the slave to send it on, -1 if none can be used or the table has no place for
// the client: then the active one.
func (c *Clients) Outgoing(now time.Time, x *Exchange) int {
	if x.SenderMAC != c.bond || !slices.Contains(c.own, x.Sender) {
		return -1
	}
	p := c.find(x.Sender, x.Target, x.VID)
	if p == nil {
		if p = c.admit(now, x); p == nil {
			return -1
		}
	}
	p.seen = now
	p.heard++
	if x.Reply || !x.ToAll && unicastMAC(x.Peer) {
		c.learn(now, p, x.Peer)
	}
	if !x.Reply {
		p.asked = now
	}
	if x.ToAll {
		c.heardByAll(now, x.Sender)
	}
	return p.slave
}

// learn takes a client's hardware address from one who knows it. A client whose
// address is new is told where we are, whatever it has heard.
func (c *Clients) learn(now time.Time, p *client, mac [6]byte) {
	if p.known && p.mac == mac || !unicastMAC(mac) || slices.Contains(c.ours, mac) {
		return
	}
	p.mac, p.known = mac, true
	c.touch(p)
	c.mark(p, now, now.Add(soon), 1, false, NewClient)
}

// Incoming takes what a neighbour said. conflict: it claims an address of ours.
func (c *Clients) Incoming(now time.Time, x *Exchange) (conflict bool) {
	if slices.Contains(c.ours, x.SenderMAC) {
		return false
	}
	if slices.Contains(c.own, x.Sender) {
		c.stats.Conflict++
		return true
	}
	p := c.find(x.Target, x.Sender, x.VID)
	if p == nil || !x.Reply || p.known && p.mac == x.SenderMAC {
		return false
	}
	if now.Sub(p.asked) > askedWithin {
		c.stats.Unasked++
		return false
	}
	p.seen = now
	p.heard++
	c.learn(now, p, x.SenderMAC)
	return false
}

// admit finds a place for a client, nil if there is none: whoever was heard of
// lately keeps his, so that a flood of strangers doesn't push out neighbours.
func (c *Clients) admit(now time.Time, x *Exchange) *client {
	set := &c.sets[bucket(&x.Target)]
	place := &set[0]
	for i := range set {
		if !set[i].used {
			place = &set[i]
			break
		}
		if set[i].seen.Before(place.seen) {
			place = &set[i]
		}
	}
	if place.used && (now.Sub(place.seen) <= idleAfter || !c.evict(now, place)) {
		c.stats.Full++
		return nil
	}
	*place = client{used: true, ours: x.Sender, peer: x.Target, vid: x.VID, slave: -1}
	c.assign(place, c.choose())
	c.touch(place)
	return place
}

// forget gives a client's place up.
func (c *Clients) forget(p *client) {
	c.assign(p, -1)
	c.touch(p)
	*p = client{}
}

// touch notes that the workers must hear of a change.
func (c *Clients) touch(p *client) {
	c.stale[bucket(&p.peer)], c.dirty = true, true
}

// View returns what the workers go by, nil if it is what it was last time.
func (c *Clients) View() *View {
	if !c.dirty {
		return nil
	}
	v := &View{bond: c.bond, ours: c.ours, own: c.own, nd: c.nd, sets: c.view.sets}
	for i := range c.stale {
		if c.stale[i] {
			v.sets[i] = c.viewSet(i)
			c.stale[i] = false
		}
	}
	c.view, c.dirty = v, false
	return v
}

func (c *Clients) viewSet(i int) *[ways]entry {
	var set [ways]entry
	for j := range c.sets[i] {
		if p := &c.sets[i][j]; p.used {
			set[j] = entry{ours: p.ours, peer: p.peer, vid: p.vid, slave: int16(p.slave), used: true, known: p.known, mac: p.mac}
		}
	}
	return &set
}
