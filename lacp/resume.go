package lacp

import "time"

// PortMemory is what a port needs to go on, in another process, as if nothing
// had happened. If meanwhile the partner has thought better of it, it says so
// when it hears us.
type PortMemory struct {
	// Partner is what the partner said last; zero for a port in fallback.
	Partner Info  `json:"partner"`
	Version uint8 `json:"version,omitempty"`
	// Fallback: the port was used without partner.
	Fallback bool `json:"fallback,omitempty"`
}

// Memory returns what a port that carries traffic must remember; false for
// others, which have nothing to go on with.
func (m *Machine) Memory(id PortID) (PortMemory, bool) {
	p := m.port(id)
	if p == nil || !p.distributesNow || p.leaving {
		return PortMemory{}, false
	}
	if p == m.fallback {
		return PortMemory{Fallback: true}, true
	}
	return PortMemory{Partner: p.partner, Version: p.version}, p.rx == rxCurrent
}

// resume puts a port that has just begun where it was before. It needs no
// Aggregate_Wait_Time: who shares its aggregator has been settled.
func (m *Machine) resume(p *port) {
	mem := p.memory
	p.memory = nil
	if mem == nil || !m.enabled(p) || p.half {
		return
	}
	if mem.Fallback {
		m.recordDefault(p)
		p.rx, p.rxSince = rxDefaulted, m.now.Add(-m.cfg.FallbackDelay)
		return
	}
	p.rx, p.rxSince = rxCurrent, m.now
	p.partner, p.version, p.partnerSince = mem.Partner, mem.Version, m.now
	p.matched, p.echo = true, m.actor(p)
	p.defaulted, p.expired = false, false
	p.currentWhile = m.now.Add(m.timeout())
	p.lastRx = m.now // it may be silent as long as any
	p.resumed, p.ntt = true, true
}

// timeout is how long the partner may be silent.
func (m *Machine) timeout() time.Duration {
	if m.cfg.Fast {
		return shortTimeout
	}
	return longTimeout
}
