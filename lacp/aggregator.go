package lacp

import (
	"cmp"
	"time"
)

// aggregator is one group of ports. It exists while it has ports.
type aggregator struct {
	id    int
	lag   lag
	ports []*port
}

func (a *aggregator) partnered() bool { return a.lag.partner.MAC != (MAC{}) }

// formed: a port has attached, so that moving on would cost something.
func (a *aggregator) formed() bool {
	for _, p := range a.ports {
		if p.mux >= muxAttached {
			return true
		}
	}
	return false
}

func (m *Machine) aggregator(id int) *aggregator {
	for _, a := range m.aggs {
		if a.id == id {
			return a
		}
	}
	return nil
}

// minSelectHold is the least time that the active aggregator keeps its role while
// its partner is out of sync: a partner that reboots a control plane, or changes a
// setting, says so for a moment.
const minSelectHold = 2 * time.Second

// heldUntil is when the active aggregator's hold on its role ends, if its partner
// isn't in sync by then. A partner that is silent has lost it when it fell silent.
func (m *Machine) heldUntil() time.Time {
	var last time.Time
	if m.active == nil || !m.active.formed() {
		return last
	}
	for _, p := range m.active.ports {
		if m.enabled(p) && !p.leaving && p.outOfSync.After(last) {
			last = p.outOfSync
		}
	}
	if last.IsZero() {
		return last
	}
	return last.Add(max(m.cfg.SelectHold, minSelectHold))
}

// holds reports whether a is the active aggregator and keeps its role for the
// moment.
func (m *Machine) holds(a *aggregator) bool { return a == m.active && m.now.Before(m.heldUntil()) }

// worth is what ad_select compares, of the ports with link.
type worth struct {
	links     int
	inSync    bool // a port's partner is ready for traffic
	bandwidth uint64
	prioSum   uint64
}

func (m *Machine) worth(a *aggregator) worth {
	var w worth
	for _, p := range a.ports {
		if !m.enabled(p) || p.leaving {
			continue
		}
		w.links++
		w.bandwidth += uint64(p.mbps)
		w.prioSum += uint64(p.priority)
		w.inSync = w.inSync || p.rx == rxCurrent && p.partner.State.Has(Synchronization)
	}
	return w
}

// chooseActive is the driver's choice of the active aggregator; it reports
// whether another one is. Whatever the policy: one with a partner beats one
// without, an aggregate beats an individual link, and one that can carry
// traffic beats one that can't yet, or hasn't been able to for a while.
func (m *Machine) chooseActive() bool {
	var best *aggregator
	var bw worth
	if a := m.active; a != nil && len(a.ports) > 0 {
		if w := m.worth(a); w.links > 0 {
			best, bw = a, w
		}
	}
	why := "the first with a link"
	if m.active != nil {
		why = "the one before has no usable port left"
	}
	for _, c := range m.aggs {
		w := m.worth(c)
		if c == best || w.links == 0 {
			continue
		}
		if best == nil {
			best, bw = c, w
			continue
		}
		if n, reason := m.compare(c, w, best, bw); n > 0 {
			best, bw, why = c, w, reason
		}
	}
	if best == m.active {
		return false
	}
	m.active, m.activeWhy = best, why
	return true
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compare returns whether c is better than best (more than 0), and by what.
func (m *Machine) compare(c *aggregator, cw worth, best *aggregator, bw worth) (int, string) {
	if n := cmp.Compare(yes(c.partnered()), yes(best.partnered())); n != 0 {
		return n, "has a partner"
	}
	if !c.partnered() {
		return m.compareAlone(c, best)
	}
	if n := cmp.Compare(yes(c.lag.alone == 0), yes(best.lag.alone == 0)); n != 0 {
		return n, "can be aggregated"
	}
	if n := cmp.Compare(yes(cw.inSync), yes(bw.inSync)); n != 0 {
		if n > 0 && m.holds(best) {
			return -1, ""
		}
		return n, "its partner is in sync"
	}
	switch m.cfg.Select {
	case Stable:
		if best == m.active && best.formed() {
			return -1, ""
		}
	case ActorPortPrio: // kernel: more is better
		if n := cmp.Compare(cw.prioSum, bw.prioSum); n != 0 {
			return n, "higher port priorities"
		}
		fallthrough
	case Count:
		if n := cmp.Compare(cw.links, bw.links); n != 0 {
			return n, "more links"
		}
	}
	if n := cmp.Compare(cw.bandwidth, bw.bandwidth); n != 0 || best.formed() {
		return n, "more bandwidth"
	}
	return cmp.Compare(best.id, c.id), "the lower number of equals" // not whoever spoke first
}

// compareAlone compares two ports without partner, each its own aggregator: the
// one that might be used as fallback should be the same from one time to the
// next, and the administrator's choice.
func (m *Machine) compareAlone(c, best *aggregator) (int, string) {
	p, q := c.ports[0], best.ports[0]
	if n := cmp.Compare(yes(m.receivesLACP(q)), yes(m.receivesLACP(p))); n != 0 {
		return n, "the other port receives LACPDUs"
	}
	if m.cfg.Select == ActorPortPrio { // kernel: more is better here too
		return cmp.Compare(p.priority, q.priority), "higher port priority"
	}
	if best == m.active {
		return -1, ""
	}
	return cmp.Or(yes(p.half)*-1+yes(q.half), cmp.Compare(q.priority, p.priority), cmp.Compare(q.number, p.number)), "best of the ports without partner"
}
