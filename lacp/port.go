package lacp

import "time"

// selected is the Selected variable: 6.4.8.
type selected uint8

const (
	unselected selected = iota // no aggregator yet, or no longer the right one
	chosen                     // the standard's SELECTED
	standby                    // has an aggregator, but must not attach to it
)

func (s selected) String() string {
	return [...]string{"unselected", "selected", "standby"}[s]
}

// port holds the variables of one port: 6.4.7 and 6.4.8. A timer is the time it
// ends at, zero when it is stopped.
type port struct {
	id       PortID
	name     string
	number   uint16 // Actor_Port_Number
	priority uint16 // Actor_Port_Priority
	key      uint16 // Actor_Oper_Port_Key

	link    bool
	upSince time.Time // of the link, the last time it came
	mbps    uint32
	half    bool // half duplex: not LACP_Enabled

	// The partner's operational parameters, and what the last PDU said of us.
	partner      Info
	version      uint8
	partnerSince time.Time
	echo         Info
	matched      bool      // echo is what we are
	crossed      time.Time // when echo was another port of ours
	mismatched   time.Time // since when not
	outOfSync    time.Time // since when a partner that was in sync isn't; zero else

	// The bits of Actor_Oper_Port_State that aren't settings.
	defaulted, expired, sync, collecting, distributing bool

	rx           receiveState
	rxSince      time.Time
	currentWhile time.Time
	lastRx       time.Time
	gap          time.Duration // between the last two PDUs
	gapFrom      time.Time     // where the next gap begins; zero if it can't be told
	slowGaps     int           // how many in a row were longer than slowGap
	moved        bool          // port_moved
	shared       bool          // another port heard the same partner port at the same time
	early        LACPDU        // heard while the link was still thought to be down
	earlyAt      time.Time

	selected selected
	agg      *aggregator

	periodic   periodicState
	periodicAt time.Time // periodic_timer

	mux       muxState
	muxSince  time.Time
	muxWhy    string
	waitWhile time.Time
	readyN    bool
	heard     bool      // the partner has been collecting since we distribute
	stopAt    time.Time // when we stop because it no longer is
	stopped   bool

	ntt        bool               // NTT, for something new
	repeat     bool               // NTT, for the partner has something wrong about us
	sent       [txLimit]time.Time // a ring; next is the oldest
	next       int
	deferred   bool
	retryAt    time.Time
	lastTx     time.Time
	lastRepeat time.Time
	goodbye    bool      // the last PDU is still to be sent, whatever else holds
	said       bool      // it was
	syncSaid   time.Time // when the PDU that first said Sync left; zero while the last one didn't

	actorChurn, partnerChurn churn

	markers [markerLimit]time.Time // answered, a ring
	marker  int

	memory  *PortMemory // of another process, until the bond is set up
	resumed bool        // goes on where it was, without waiting

	leaving, drained bool
	leaveBy          time.Time

	// What the caller was told.
	collectsNow, distributesNow bool

	turns     turns
	dropped   dropped
	unreadAt  time.Time // a LACPDU came while half duplex
	ownEcho   Info
	ownEchoAt time.Time
	why       Why
	whyAt     time.Time
	whySaid   bool
	lastLook  time.Time // of the diagnosis
	logs      budget

	count Counters
}

// enabled is port_enabled: 6.4.7.
func (m *Machine) enabled(p *port) bool { return m.up && p.link }

// actor returns the actor's operational parameters as a PDU has them.
func (m *Machine) actor(p *port) Info {
	up := m.enabled(p)
	var b Bits
	b = b.With(Activity, m.cfg.Active).With(ShortTimeout, m.cfg.Fast).With(Aggregation, !p.half)
	// A port without link may stay attached, so that it is back at once, but it
	// isn't in sync with anybody.
	b = b.With(Synchronization, p.sync && up).With(Collecting, p.collecting && up).With(Distributing, p.distributing && up)
	b = b.With(Defaulted, p.defaulted).With(Expired, p.expired)
	return Info{
		SystemPriority: m.cfg.System.Priority, System: m.cfg.System.MAC,
		Key: p.key, PortPriority: p.priority, Port: p.number, State: b,
	}
}

// partnerAdmin is the partner's part while there is none, by the driver's
// numbers. Synchronization is off: a port isn't used for want of a partner but
// by lacp_fallback.
var partnerAdmin = Info{SystemPriority: 0xffff, Key: 1, PortPriority: 255, Port: 1}

// partnered: the port knows a partner, if only from before.
func (p *port) partnered() bool { return p.partner.System != (MAC{}) }

func (m *Machine) port(id PortID) *port {
	for _, p := range m.ports {
		if p.id == id {
			return p
		}
	}
	return nil
}

// number returns the port number for a new port: want if it is free.
func (m *Machine) number(want uint16) uint16 {
	used := make(map[uint16]bool, len(m.ports))
	for _, p := range m.ports {
		used[p.number] = true
	}
	if want != 0 && !used[want] {
		return want
	}
	n := uint16(1)
	for used[n] {
		n++
	}
	return n
}

// setKey makes the port's key follow its settings and link. A changed key is
// another aggregator (6.4.14.1).
func (m *Machine) setKey(p *port) {
	k := Key(m.cfg.UserKey, p.mbps, p.half)
	if k == p.key {
		return
	}
	p.key = k
	m.identityChanged(p, "our key changed")
}

// identityChanged has a port selected anew because what we are has changed, and
// tells the partner.
func (m *Machine) identityChanged(p *port, why string) {
	m.unselect(p, why)
	p.ntt = true
	p.count.ActorChangeCount++
}

// unselect sets Selected to UNSELECTED; the Mux machine acts on it.
func (m *Machine) unselect(p *port, why string) {
	if p.selected != unselected {
		p.selected = unselected
		p.muxWhy = why
	}
}
