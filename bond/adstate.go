package bond

import (
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/lacp"
)

// ADState is the LACP of a bond in mode 802.3ad.
type ADState struct {
	System lacp.System `json:"system"`
	// Active is the id of the active aggregator, 0 if there is none.
	Active      int            `json:"active_aggregator"`
	Aggregators []ADAggregator `json:"aggregators"` // those with slaves, by id
}

// ADAggregator is one aggregator, with its slaves by name.
type ADAggregator struct {
	lacp.AggregatorState
	Slaves []string `json:"slaves"`
}

// ActiveAggregator returns the active aggregator, nil if there is none.
func (a *ADState) ActiveAggregator() *ADAggregator {
	for i := range a.Aggregators {
		if a.Aggregators[i].ID == a.Active {
			return &a.Aggregators[i]
		}
	}
	return nil
}

// ADPort is the LACP of one slave.
type ADPort struct {
	lacp.PortState
	// Illegal counts the frames that were dropped, by reason.
	Illegal map[string]uint64 `json:"illegal"`
	// Overrun counts frames that came faster than they were looked at.
	Overrun uint64 `json:"overrun"`
}

// adState adds what LACP has to say to a State of the bond; ports are the
// slaves of st, in order.
func (b *Bond) adState(st *State, ports []*slave) {
	if b.lag == nil {
		return
	}
	m := b.lag.machine.State(b.now())
	ad := &ADState{System: m.System, Active: m.Active, Aggregators: []ADAggregator{}}
	for _, a := range m.Aggregators {
		g := ADAggregator{AggregatorState: a, Slaves: []string{}}
		for _, id := range a.Ports {
			if s := b.slaveByID(int(id)); s != nil && !s.leaving {
				g.Slaves = append(g.Slaves, s.name)
			}
		}
		ad.Aggregators = append(ad.Aggregators, g)
	}
	st.AD = ad
	for i, s := range ports {
		if p := m.Port(lacp.PortID(s.id)); p != nil {
			st.Slaves[i].AD = &ADPort{PortState: *p, Illegal: p.Counters.ByReason(), Overrun: s.slow.lost()}
		}
	}
}

// adInfo is what the driver's files tell of the active aggregator, nil without one.
func (b *Bond) adInfo() *option.ADInfo {
	if b.lag == nil {
		return nil
	}
	m := b.lag.machine.State(b.now())
	a := m.Aggregator(m.Active)
	if a == nil {
		return nil
	}
	return &option.ADInfo{
		Aggregator: uint16(a.ID), NumPorts: uint16(a.NumPorts), ActorKey: a.ActorKey,
		PartnerKey: a.PartnerKey, PartnerMAC: option.MAC(a.Partner.MAC),
	}
}
