package lacp

import "time"

// State is a Machine at one moment; it shares nothing with it.
type State struct {
	System  System `json:"system"`
	Up      bool   `json:"up"`      // admin up
	Carrier bool   `json:"carrier"` // the bond's
	// Active is the id of the active aggregator, 0 if there is none.
	Active      int               `json:"active_aggregator"`
	Aggregators []AggregatorState `json:"aggregators"` // those with ports, by id
	Ports       []PortState       `json:"ports"`       // in the order of adding
	Config      Config            `json:"-"`
}

// Aggregator returns the aggregator of that id, nil if there is none.
func (s *State) Aggregator(id int) *AggregatorState {
	for i := range s.Aggregators {
		if s.Aggregators[i].ID == id {
			return &s.Aggregators[i]
		}
	}
	return nil
}

// Port returns the port of that id, nil if there is none.
func (s *State) Port(id PortID) *PortState {
	for i := range s.Ports {
		if s.Ports[i].Port == id {
			return &s.Ports[i]
		}
	}
	return nil
}

// AggregatorState is one aggregator: ports that share both ends and a key.
type AggregatorState struct {
	ID     int  `json:"id"` // 1, 2, …: kernel's number
	Active bool `json:"active"`
	// Individual: its one port can't be aggregated.
	Individual bool   `json:"individual,omitempty"`
	ActorKey   uint16 `json:"actor_key"`
	// Partner and PartnerKey are its ports' partner's. Without a partner the
	// address is zero and the key 1 (kernel).
	Partner    System   `json:"partner"`
	PartnerKey uint16   `json:"partner_key"`
	Ports      []PortID `json:"-"`
	// NumPorts counts the ports with link (kernel's "Number of ports").
	NumPorts int `json:"num_ports"`
	// Distributing counts the ports that carry traffic.
	Distributing int    `json:"distributing"`
	Mbps         uint64 `json:"speed_mbps"` // sum over NumPorts
}

// Info is one end's part of a LACPDU: what 6.4.2.3 calls Actor or Partner
// information.
type Info struct {
	SystemPriority uint16 `json:"system_priority"`
	System         MAC    `json:"system"`
	Key            uint16 `json:"key"`
	PortPriority   uint16 `json:"port_priority"`
	Port           uint16 `json:"port"`
	State          Bits   `json:"state"`
}

// ID is the system part.
func (i *Info) ID() System { return System{i.SystemPriority, i.System} }

// PortState is one port in a State.
type PortState struct {
	Port PortID `json:"-"`
	Name string `json:"name"`

	// Aggregator is the one it belongs to or, unselected, would have alone.
	Aggregator int `json:"aggregator"`
	// Actor and Partner are the operational parameters, as a PDU would say them
	// now. kernel: /proc shows key 0 for the actor of a port without link; here
	// the key stays, as the partner must not think that it changed.
	Actor   Info `json:"actor"`
	Partner Info `json:"partner"`

	Link       bool   `json:"link"` // port_enabled without the bond's admin state
	Mbps       uint32 `json:"speed_mbps"`
	HalfDuplex bool   `json:"half_duplex,omitempty"`

	// Collecting and Distributing are what the last effects said; unlike the
	// actor's bits they are on for a port in fallback.
	Collecting   bool `json:"collecting"`
	Distributing bool `json:"distributing"`
	Fallback     bool `json:"fallback"`
	Leaving      bool `json:"leaving,omitempty"`

	// The machines' states in the standard's words, in lower case.
	Selected string `json:"selected"` // unselected, selected, standby
	Receive  string `json:"receive"`  // initialize, port_disabled, expired, lacp_disabled, defaulted, current
	Periodic string `json:"periodic"` // no_periodic, fast_periodic, slow_periodic
	Mux      string `json:"mux"`      // detached, waiting, attached, collecting, distributing, collecting_distributing
	// The churn machines' states in kernel's words: monitoring, none, churned.
	ActorChurn   string `json:"actor_churn"`
	PartnerChurn string `json:"partner_churn"`

	// When things were; zero if never.
	LastRx       time.Time `json:"last_rx,omitzero"`        // the last LACPDU that was processed
	LastTx       time.Time `json:"last_tx,omitzero"`        // the last LACPDU sent
	Since        time.Time `json:"since,omitzero"`          // Mux is in its state
	ReceiveSince time.Time `json:"receive_since,omitzero"`  // Receive likewise
	PartnerSince time.Time `json:"partner_since,omitzero"`  // the partner is this one
	ExpiresAt    time.Time `json:"expires_at,omitzero"`     // current_while ends
	RxInterval   float64   `json:"rx_interval_s,omitempty"` // between the last two LACPDUs, seconds

	PartnerVersion uint8 `json:"partner_version,omitempty"` // of the last LACPDU

	// Why the port does what it does: a word, and a sentence.
	Why    Why       `json:"why"`
	Reason string    `json:"reason"`
	WhyAt  time.Time `json:"why_since,omitzero"`

	Counters Counters `json:"counters"`
}

// Counters of a port, by the names of the MIB (802.1AX clause 7.3.3, 7.3.4) or,
// where it has none, in its manner. The ones that the driver has too are shown
// under its names by `ip link xstats`.
type Counters struct {
	LACPDUsRx          uint64 `json:"LACPDUsRx"`
	LACPDUsTx          uint64 `json:"LACPDUsTx"`
	MarkerPDUsRx       uint64 `json:"MarkerPDUsRx"`
	MarkerPDUsTx       uint64 `json:"MarkerPDUsTx"` // never: there is no generator
	MarkerResponsesRx  uint64 `json:"MarkerResponsePDUsRx"`
	MarkerResponsesTx  uint64 `json:"MarkerResponsePDUsTx"`
	MarkerUnknownRx    uint64 `json:"MarkerUnknownRx"` // of another type
	UnknownRx          uint64 `json:"UnknownRx"`       // slow protocols that aren't ours
	IllegalRx          uint64 `json:"IllegalRx"`       // the sum of Illegal
	ActorChurnCount    uint64 `json:"ActorChurnCount"`
	PartnerChurnCount  uint64 `json:"PartnerChurnCount"`
	ActorSyncCount     uint64 `json:"ActorSyncTransitionCount"`
	PartnerSyncCount   uint64 `json:"PartnerSyncTransitionCount"`
	ActorChangeCount   uint64 `json:"ActorChangeCount"`   // of our LAG ID
	PartnerChangeCount uint64 `json:"PartnerChangeCount"` // of the partner's

	OwnEchoRx       uint64 `json:"OwnEchoRx"`       // PDUs of our own system, ignored
	DisabledRx      uint64 `json:"DisabledRx"`      // while the port was disabled, ignored
	MarkerLimited   uint64 `json:"MarkerLimited"`   // not answered: more than ten a second
	TxDeferred      uint64 `json:"TxDeferred"`      // PDUs that had to wait for the limit of three a second
	TxFailed        uint64 `json:"TxFailed"`        // sends that failed, and were tried again
	LogsSuppressed  uint64 `json:"LogsSuppressed"`  // messages left out because they were too many
	ExpiredCount    uint64 `json:"ExpiredCount"`    // times that the partner fell silent
	DistributeCount uint64 `json:"DistributeCount"` // times that the port began to distribute

	// Illegal counts dropped PDUs by reason, indexed by Illegal.
	Illegal [illegalCount]uint64 `json:"-"`
}

// ByReason is Illegal by name, without zeros; never nil.
func (c *Counters) ByReason() map[string]uint64 {
	m := make(map[string]uint64)
	for i, n := range c.Illegal {
		if n > 0 {
			m[Illegal(i).String()] = n
		}
	}
	return m
}

// State returns a copy of everything, as it is at now.
func (m *Machine) State(now time.Time) State {
	if now.After(m.now) {
		m.now = now // sentences tell ages
	}
	st := State{
		System: m.cfg.System, Up: m.up, Carrier: m.carrier, Active: m.activeNumber(), Config: m.cfg,
		Aggregators: make([]AggregatorState, 0, len(m.aggs)), Ports: make([]PortState, 0, len(m.ports)),
	}
	for _, a := range m.aggs {
		w := m.worth(a)
		as := AggregatorState{
			ID: a.id, Active: a == m.active, Individual: a.lag.alone != 0, ActorKey: a.lag.key,
			Partner: a.lag.partner, PartnerKey: a.lag.partnerKey, NumPorts: w.links, Mbps: w.bandwidth,
		}
		for _, p := range m.ports {
			if p.agg == a {
				as.Ports = append(as.Ports, p.id)
				as.Distributing += yes(p.distributesNow)
			}
		}
		st.Aggregators = append(st.Aggregators, as)
	}
	for _, p := range m.ports {
		st.Ports = append(st.Ports, m.portState(p))
	}
	return st
}

func (m *Machine) portState(p *port) PortState {
	ps := PortState{
		Port: p.id, Name: p.name, Aggregator: int(p.number), Actor: m.actor(p), Partner: p.partner,
		Link: p.link, Mbps: p.mbps, HalfDuplex: p.half,
		Collecting: p.collectsNow, Distributing: p.distributesNow, Fallback: p == m.fallback, Leaving: p.leaving,
		Selected: p.selected.String(), Receive: p.rx.String(), Periodic: p.periodic.String(), Mux: p.mux.String(),
		ActorChurn: p.actorChurn.state.String(), PartnerChurn: p.partnerChurn.state.String(),
		LastRx: p.lastRx, LastTx: p.lastTx, Since: p.muxSince, ReceiveSince: p.rxSince, PartnerSince: p.partnerSince,
		ExpiresAt: p.currentWhile, RxInterval: p.gap.Seconds(), PartnerVersion: p.version,
		Why: p.why, Reason: m.sentence(p), WhyAt: p.whyAt, Counters: p.count,
	}
	if p.agg != nil {
		ps.Aggregator = p.agg.id
	}
	return ps
}
