package alb

import (
	"slices"
	"time"
)

// SetSlaves takes the slaves as they are now, and the bond's address. Clients
// of one that is lost get another slave and are told at once, as are those of
// one whose address changed; one that comes gets its share of the clients.
func (c *Clients) SetSlaves(now time.Time, bond [6]byte, ours [][6]byte, slaves []Slave) {
	if bond == c.bond && slices.Equal(slaves, c.slaves) && slices.Equal(ours, c.ours) {
		return
	}
	old := c.slaves
	c.bond, c.ours, c.slaves, c.dirty = bond, slices.Clone(ours), slices.Clone(slaves), true
	c.each(func(p *client) {
		at := find(slaves, p.slave)
		switch was := find(old, p.slave); {
		case at == nil || !at.Usable:
			c.assign(p, c.choose())
			c.touch(p)
			c.mark(p, now, now, 1+retries, true, SlaveLost)
		case was != nil && was.MAC != at.MAC:
			c.mark(p, now, now, 1+retries, true, AddressChanged)
		}
	})
	for _, s := range slaves {
		if was := find(old, s.ID); s.Usable && (was == nil || !was.Usable || was.Mbps != s.Mbps) {
			c.rebalance(now)
			return
		}
	}
}

func find(slaves []Slave, id int) *Slave {
	for i := range slaves {
		if slaves[i].ID == id {
			return &slaves[i]
		}
	}
	return nil
}

// fastest are the slaves that clients are put on: usable, and none faster.
func (c *Clients) fastest() []Slave {
	var best []Slave
	for _, s := range c.slaves {
		switch {
		case !s.Usable || len(best) > 0 && s.Mbps < best[0].Mbps:
			continue
		case len(best) > 0 && s.Mbps > best[0].Mbps:
			best = best[:0]
		}
		best = append(best, s)
	}
	return best
}

// choose returns the slave for the next client: in turn, and of those the one
// with the fewest clients; -1 if there is none.
func (c *Clients) choose() int {
	all := c.fastest()
	if len(all) == 0 {
		return -1
	}
	first := 1 + slices.IndexFunc(all, func(s Slave) bool { return s.ID == c.last })
	best := all[first%len(all)].ID
	for i := range all {
		if id := all[(first+i)%len(all)].ID; c.count[id] < c.count[best] {
			best = id
		}
	}
	c.last = best
	return best
}

// assign puts a client on a slave.
func (c *Clients) assign(p *client, id int) {
	if p.slave >= 0 {
		c.count[p.slave]--
		if c.count[p.slave] == 0 {
			delete(c.count, p.slave)
		}
	}
	p.slave = id
	if id >= 0 {
		c.count[id]++
	}
}

// rebalance evens the clients out over the fastest slaves, moving as few as it
// takes (the kernel deals all of them out anew).
func (c *Clients) rebalance(now time.Time) {
	all := c.fastest()
	if len(all) == 0 {
		return
	}
	n := 0
	for _, k := range c.count {
		n += k
	}
	// Some may keep one more than the others: those that have the most.
	slices.SortStableFunc(all, func(a, b Slave) int { return c.count[b.ID] - c.count[a.ID] })
	keep := make(map[int]int, len(all))
	for i, s := range all {
		keep[s.ID] = n / len(all)
		if i < n%len(all) {
			keep[s.ID]++
		}
	}
	c.each(func(p *client) {
		if keep[p.slave] > 0 {
			keep[p.slave]--
			return
		}
		for _, s := range c.slaves {
			if c.count[s.ID] < quota(all, s.ID, n) && s.ID != p.slave {
				c.assign(p, s.ID)
				c.touch(p)
				c.mark(p, now, now, 1, false, Rebalanced)
				return
			}
		}
	})
}

// quota is how many of n clients a slave shall have at most.
func quota(all []Slave, id, n int) int {
	for i, s := range all {
		if s.ID == id {
			q := n / len(all)
			if i < n%len(all) {
				q++
			}
			return q
		}
	}
	return 0
}
