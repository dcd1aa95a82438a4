package lacp

// turns detects two partners in turn on one port: a hub, or a device that forwards
// LACPDUs, connects them, and no LAG can form with either.
type turns struct {
	before Info // the partner before the present one
	n      int  // how often in a row the partner before came back soon
}

// noteTurn records that the partner changes to another one.
func (m *Machine) noteTurn(p *port, to *Info) {
	soon := m.now.Sub(p.partnerSince) < m.timeout()
	if soon && to.identity() == p.turns.before.identity() {
		p.turns.n++
	} else {
		p.turns.n = 0
	}
	p.turns.before = p.partner
}

// inTurn reports two partners in turn. One that changed and changed back is a setting
// that was tried; twice is more than that.
func (m *Machine) inTurn(p *port) bool {
	return p.turns.n > 1 && m.now.Sub(p.partnerSince) < m.timeout()
}
