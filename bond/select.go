package bond

import (
	"time"

	"github.com/tapbond/tapbond/monitor"
)

// Values of primary_reselect, kernel numbers.
const (
	reselectAlways  = 0
	reselectBetter  = 1
	reselectFailure = 2
)

// candidate is what the choice of an active slave looks at.
type candidate struct {
	link      monitor.Link
	usable    bool          // device up with carrier
	remaining time.Duration // in BACK: what is left of updelay
	prio      int32
	speed     monitor.Speed
}

// choice is the outcome: the index of the slave to be active, -1 for none.
type choice struct {
	active int
	// early: the slave is still waiting for updelay and is to be forced UP.
	early bool
}

// contest is the situation a choice is made in.
type contest struct {
	slaves   []candidate
	current  int           // index of the active slave, -1 if none
	primary  int           // index of the primary slave, -1 if none
	reselect int           // primary_reselect
	force    bool          // primary was just configured: it wins once
	updelay  time.Duration // a slave that has all of it before it is not forced
}

// choose picks the active slave as the kernel does (bonding.rst, primary,
// primary_reselect, and the slaves' prio), but for one thing: among slaves of
// equal prio it keeps the current one. The kernel's first-in-list wins whenever
// a selection happens to run, so that its fail-back depends on unrelated events.
func (c *contest) choose() choice {
	if i := c.upChoice(); i >= 0 {
		return choice{active: i}
	}
	best, least := -1, c.updelay
	for i, s := range c.slaves {
		if s.link == monitor.LinkBack && s.usable && s.remaining < least {
			best, least = i, s.remaining
		}
	}
	return choice{active: best, early: best >= 0}
}

// upChoice picks among the slaves that are UP; -1 if none is.
func (c *contest) upChoice() int {
	preferred := c.primary
	forced := c.force
	if !c.isUp(preferred) {
		preferred, forced = c.highestPrio(), false
	}
	switch {
	case preferred < 0:
		return -1
	case forced, !c.isUp(c.current):
		return preferred
	case c.reselect == reselectFailure:
		return c.current
	case c.reselect == reselectBetter && !faster(c.slaves[preferred].speed, c.slaves[c.current].speed):
		return c.current
	}
	return preferred
}

// highestPrio is the UP slave with the highest prio: the current one on a tie,
// else the first in the list.
func (c *contest) highestPrio() int {
	best := -1
	if c.isUp(c.current) {
		best = c.current
	}
	for i, s := range c.slaves {
		if s.link == monitor.LinkUp && (best < 0 || s.prio > c.slaves[best].prio) {
			best = i
		}
	}
	return best
}

func (c *contest) isUp(i int) bool { return i >= 0 && c.slaves[i].link == monitor.LinkUp }

// faster: higher speed, or the same and a better duplex.
func faster(a, b monitor.Speed) bool {
	if a.Mbps != b.Mbps {
		return a.Mbps > b.Mbps
	}
	return a.Duplex == monitor.DuplexFull && b.Duplex != monitor.DuplexFull
}
