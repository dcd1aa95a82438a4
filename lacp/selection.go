package lacp

import (
	"cmp"
	"slices"
)

// Selection Logic: 6.4.14. Ports with the same LAG ID and key share an
// aggregator, others never do. Of the aggregators one is active (aggregator.go);
// only its ports are SELECTED. All others, those of aggregators that aren't
// active, without partner, or over max_links, are STANDBY: they wait detached,
// out of sync, and can be attached the moment they are needed.

// lag is what ports of one aggregator have in common: 6.4.6.1, less what is the
// same for all ports of a bond. Individual links have their ports in it, and so
// do ports without partner.
type lag struct {
	key        uint16
	partner    System
	partnerKey uint16
	alone      uint16 // our port, if it can't share
	port, prio uint16 // the partner's, likewise
}

func (p *port) lag() lag {
	l := lag{key: p.key, partner: p.partner.ID(), partnerKey: p.partner.Key}
	if p.half || !p.partnered() || !p.partner.State.Has(Aggregation) {
		l.alone, l.port, l.prio = p.number, p.partner.Port, p.partner.PortPriority
	}
	return l
}

// selectPorts finds an aggregator for ports that have none; it reports whether
// there were any. A port is taken only from DETACHED: the Mux machine must have
// seen that it was unselected.
func (m *Machine) selectPorts() bool {
	changed := false
	for _, p := range m.ports {
		if p.agg != nil && (p.selected == unselected) {
			m.leaveAggregator(p)
			changed = true
		}
		if p.selected == unselected && p.mux == muxDetached && m.enabled(p) && !p.leaving && p.rx >= rxExpired {
			m.join(p)
			changed = true
		}
	}
	return changed
}

func (m *Machine) join(p *port) {
	l := p.lag()
	own := int(p.number)
	var to *aggregator
	for _, a := range m.aggs {
		if a.lag == l {
			to = a
		}
	}
	if to == nil {
		to = &aggregator{id: m.freeID(own), lag: l}
		m.aggs = append(m.aggs, to)
		slices.SortFunc(m.aggs, func(a, b *aggregator) int { return cmp.Compare(a.id, b.id) })
	} else if own < to.id && !to.formed() && m.aggregator(own) == nil {
		// Whose PDU came first shouldn't show: the lowest port names the group.
		to.id = own
		slices.SortFunc(m.aggs, func(a, b *aggregator) int { return cmp.Compare(a.id, b.id) })
	}
	to.ports = append(to.ports, p)
	p.agg, p.selected = to, standby
}

// freeID returns own if no aggregator has it, else the lowest port's number that
// none has: there are at most as many aggregators as ports.
func (m *Machine) freeID(own int) int {
	if m.aggregator(own) == nil {
		return own
	}
	best := 0
	for _, p := range m.ports {
		if n := int(p.number); m.aggregator(n) == nil && (best == 0 || n < best) {
			best = n
		}
	}
	if best != 0 {
		return best
	}
	for best = 1; m.aggregator(best) != nil; best++ {
	}
	return best
}

func (m *Machine) leaveAggregator(p *port) {
	a := p.agg
	p.agg = nil
	a.ports = slices.DeleteFunc(a.ports, func(q *port) bool { return q == p })
	if len(a.ports) == 0 {
		m.aggs = slices.DeleteFunc(m.aggs, func(b *aggregator) bool { return a == b })
	}
}

// assign tells SELECTED from STANDBY; it reports whether anything changed.
func (m *Machine) assign() bool {
	changed := false
	for _, a := range m.aggs {
		usable := a == m.active && a.partnered()
		if usable && m.cfg.MaxLinks > 0 {
			m.seat(a)
		}
		for i, p := range a.ports {
			want := standby
			if usable && (m.cfg.MaxLinks <= 0 || i < m.cfg.MaxLinks) {
				want = chosen
			}
			if p.selected == unselected || p.selected == want {
				continue
			}
			p.selected = want
			changed = true
			switch {
			case a != m.active:
				p.muxWhy = "its aggregator isn't the active one"
			case want == standby:
				p.muxWhy = "better ports have all the seats of max_links"
			}
		}
	}
	return changed
}

// seat sorts a's ports so that those which max_links has room for come first:
// by priority and number, our ports' if we are the lower system, else the
// partner's (6.4.14.2, 6.7.1). Only a port that could attach now may take the
// place of another, and only one that hears its partner.
func (m *Machine) seat(a *aggregator) {
	ours := m.cfg.System.Less(a.lag.partner)
	class := func(p *port) int {
		switch {
		case !m.enabled(p) || p.rx != rxCurrent || p.leaving:
			return 2
		case p.mux >= muxAttached || p.readyN:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(a.ports, func(p, q *port) int {
		c := cmp.Compare(class(p), class(q))
		if ours {
			return cmp.Or(c, cmp.Compare(p.priority, q.priority), cmp.Compare(p.number, q.number))
		}
		return cmp.Or(c, cmp.Compare(p.partner.PortPriority, q.partner.PortPriority), cmp.Compare(p.partner.Port, q.partner.Port))
	})
}
