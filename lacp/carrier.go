package lacp

// runCarrier decides about the bond's carrier. It stays by the driver's rule:
// while the active aggregator has min_links ports with a link, or, with
// lacp_strict, that collect and distribute. But it comes only when as many are
// ready: the driver's comes with the links, seconds before traffic can flow. A
// port in fallback is ready, but with lacp_strict it doesn't count.
func (m *Machine) runCarrier() {
	need := max(m.cfg.MinLinks, 1)
	links, ready, confirmed := 0, 0, 0
	if m.active != nil {
		for _, p := range m.active.ports {
			links += yes(m.enabled(p) && !p.leaving)
			use := p.collectsNow && p.distributesNow
			ready += yes(use)
			confirmed += yes(use && p != m.fallback)
		}
	}
	if links < need {
		m.wasReady = false
	} else if ready >= need {
		m.wasReady = true
	}
	up, why := m.wasReady, "min_links ports are ready"
	if m.cfg.Strict {
		up = confirmed >= need
	}
	if up == m.carrier {
		return
	}
	m.carrier = up
	switch {
	case up && m.fallback != nil:
		why = "a port is used without partner"
	case !up && !m.up:
		why = "the bond is down"
	case !up && m.cfg.Strict:
		why = "fewer than min_links ports collect and distribute"
	case !up:
		why = "fewer than min_links ports have a link"
	}
	m.out = append(m.out, Carrier{Up: up, Why: why})
}
