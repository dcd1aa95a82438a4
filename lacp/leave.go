package lacp

import "time"

// drainTime bounds how long a port that leaves waits for its partner to stop.
const drainTime = time.Second

// leave begins the departure of a port.
func (m *Machine) leave(p *port) {
	if p.leaving {
		return
	}
	p.leaving = true
	p.leaveBy = m.now.Add(drainTime)
	m.sayGoodbye(p, "is leaving")
}

// sayGoodbye takes the port out of its aggregator for good and has the partner
// told: Sync, Collecting and Distributing are off in the last PDU.
func (m *Machine) sayGoodbye(p *port, why string) {
	talks := m.mayTalk(p)
	m.unselect(p, why)
	for _, s := range []muxState{muxAttached, muxDetached} {
		if p.mux > s {
			m.muxEnter(p, s)
		}
	}
	p.muxWhy = why
	if talks && !p.said {
		p.goodbye, p.ntt = true, true
	}
}

// runLeaving tells when a leaving port is done with: the partner has stopped
// sending on it, or nobody is there to stop.
func (m *Machine) runLeaving(p *port) {
	if !p.leaving || p.drained {
		return
	}
	stopped := !p.partner.State.Has(Distributing) || !p.partner.State.Has(Synchronization)
	done := !p.goodbye && (stopped || !m.enabled(p) || p.rx != rxCurrent)
	if done || m.over(p.leaveBy) {
		p.drained = true
		m.drainedNow = append(m.drainedNow, p.id)
	}
}
