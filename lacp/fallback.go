package lacp

import "time"

// lacp_fallback: what carries traffic while no port has a partner. The port of
// the active aggregator does, then; it is the driver's behaviour, and none of
// the standard's machines has a part in it. A port that any partner has spoken
// on is never used before it is in sync. A port that receives LACPDUs which must be
// dropped is not used either.

// fallbackAt returns the port that may be used without partner, and from when
// on; nil if there is none.
func (m *Machine) fallbackAt() (*port, time.Time) {
	a := m.active
	if m.cfg.Fallback == FallbackNone || a == nil || a.partnered() {
		return nil, time.Time{}
	}
	p := a.ports[0]
	if !m.enabled(p) || p.leaving || p.rx != rxDefaulted && p.rx != rxLACPDisabled || m.receivesLACP(p) {
		return nil, time.Time{}
	}
	return p, p.rxSince.Add(m.cfg.FallbackDelay)
}

func (m *Machine) runFallback() {
	p, at := m.fallbackAt()
	if p != nil && m.fallback != p && (m.now.Before(at) || m.leaving()) {
		p = nil
	}
	if p == m.fallback {
		return
	}
	m.fallback = p
	if p != nil {
		m.out = append(m.out, Log{
			Bond: true, Warn: true, Kind: "fallback", To: p.name, Why: m.cfg.Fallback.String(),
			Message: "Warning: No 802.3ad response from the link partner for any adapters in the bond",
		})
	}
}

// leaving: a port is on its way out. It may be the first of all of them, and
// then it is not the time to fall back.
func (m *Machine) leaving() bool {
	for _, p := range m.ports {
		if p.leaving {
			return true
		}
	}
	return false
}
