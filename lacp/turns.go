package lacp

// turns follows whether a port hears two partners in turn: they are on a hub, or
// behind something that forwards LACPDUs, and no LAG can form with either.
type turns struct {
	before Info // the partner before the present one
	n      int  // how often in a row it came back soon
}

// noteTurn takes down that the partner is to be another one.
func (m *Machine) noteTurn(p *port, to *Info) {
	soon := m.now.Sub(p.partnerSince) < m.timeout()
	if soon && to.identity() == p.turns.before.identity() {
		p.turns.n++
	} else {
		p.turns.n = 0
	}
	p.turns.before = p.partner
}

// inTurn: once there and back is a setting that was changed; this is more.
func (m *Machine) inTurn(p *port) bool {
	return p.turns.n > 1 && m.now.Sub(p.partnerSince) < m.timeout()
}
