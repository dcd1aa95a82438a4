package bond

import (
	"math"
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
	held      bool          // in BACK because it keeps failing
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
	first    bool          // of equal prio the first in the list wins (prio_tie)
	updelay  time.Duration // a slave that has all of it before it is not forced
}

// choose picks the active slave as the kernel does (bonding.rst, primary,
// primary_reselect, and the slaves' prio), but for one thing: among slaves of
// equal prio it keeps the current one. The kernel's first-in-list wins whenever
// a selection happens to run, so that its fail-back depends on unrelated events;
// prio_tie first has it so.
func (c *contest) choose() choice {
	if i := c.upChoice(); i >= 0 {
		return choice{active: i}
	}
	best := c.soonest(false, c.updelay)
	if best < 0 {
		best = c.soonest(true, math.MaxInt64)
	}
	return choice{active: best, early: best >= 0}
}

// soonest is the slave in BACK that has the least to wait, and less than least.
func (c *contest) soonest(held bool, least time.Duration) int {
	best := -1
	for i, s := range c.slaves {
		if s.link == monitor.LinkBack && s.usable && s.held == held && s.remaining < least {
			best, least = i, s.remaining
		}
	}
	return best
}

// forced reports whether the primary wins now because it was just configured.
// Until it is up to do so, it is still to come.
func (c *contest) forced() bool { return c.force && c.isUp(c.primary) }

// upChoice picks among the slaves that are UP; -1 if none is.
func (c *contest) upChoice() int {
	preferred := c.primary
	if !c.isUp(preferred) {
		preferred = c.highestPrio()
	}
	switch {
	case preferred < 0:
		return -1
	case c.forced(), !c.isUp(c.current):
		return preferred
	case c.reselect == reselectFailure:
		return c.current
	case c.reselect == reselectBetter && !faster(c.slaves[preferred].speed, c.slaves[c.current].speed):
		return c.current
	}
	return preferred
}

// highestPrio is the UP slave with the highest prio: the current one on a tie
// unless the first wins, else the first in the list.
func (c *contest) highestPrio() int {
	best := -1
	if !c.first && c.isUp(c.current) {
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
