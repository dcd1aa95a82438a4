package lacp

import "time"

// The Receive machine: 6.4.12, figure 6-18.
//
//	BEGIN -> INITIALIZE -> PORT_DISABLED <- any, when the port is disabled
//	             ^  port_moved |   |
//	             '-------------'   | enabled, not LACP_Enabled
//	                   | enabled   '-----> LACP_DISABLED
//	                   v
//	                EXPIRED --- 3 s ---> DEFAULTED
//	                 |   ^                  |
//	             PDU |   | 3 s or 90 s      | PDU
//	                 v   |                  |
//	                CURRENT <---------------'
type receiveState uint8

const (
	rxInitialize receiveState = iota
	rxPortDisabled
	rxExpired
	rxLACPDisabled
	rxDefaulted
	rxCurrent
)

func (s receiveState) String() string {
	return [...]string{"initialize", "port_disabled", "expired", "lacp_disabled", "defaulted", "current"}[s]
}

// 802.1AX-2014 6.4.4.
const (
	shortTimeout = 3 * time.Second  // Short_Timeout_Time
	longTimeout  = 90 * time.Second // Long_Timeout_Time
)

// earlyLife is how long a PDU is kept that came before its link did.
const earlyLife = time.Second

// receiveNext is the state that follows by itself, ok if there is one.
func (m *Machine) receiveNext(p *port) (receiveState, bool) {
	up := m.enabled(p)
	switch p.rx {
	case rxInitialize:
		return rxPortDisabled, true
	case rxPortDisabled:
		switch {
		case p.moved:
			return rxInitialize, true
		case up && !p.half:
			return rxExpired, true
		case up:
			return rxLACPDisabled, true
		}
		return 0, false
	}
	switch {
	case !up, p.half != (p.rx == rxLACPDisabled):
		return rxPortDisabled, true
	case p.rx == rxCurrent && m.over(p.currentWhile):
		return rxExpired, true
	case p.rx == rxExpired && m.over(p.currentWhile):
		return rxDefaulted, true
	}
	return 0, false
}

// receiveEnter is the state's entry action.
func (m *Machine) receiveEnter(p *port, s receiveState) {
	from := p.rx
	p.rx, p.rxSince = s, m.now
	switch s {
	case rxInitialize:
		m.unselect(p, "begins anew")
		m.recordDefault(p)
		p.expired, p.moved = false, false
	case rxPortDisabled:
		m.partnerSync(p, false)
		p.currentWhile = time.Time{}
		p.gapFrom, p.gap, p.slowGaps = time.Time{}, 0, 0
	case rxLACPDisabled:
		m.unselect(p, "half duplex")
		m.recordDefault(p)
		p.partner.State &^= Aggregation
		p.expired = false
	case rxExpired:
		m.partnerSync(p, false)
		p.partner.State |= ShortTimeout
		p.currentWhile = m.now.Add(shortTimeout)
		p.expired = true
		if from == rxCurrent {
			p.count.ExpiredCount++
			m.log(p, Log{Warn: true, Kind: "partner_expired", Message: "no LACPDU in time from partner " + p.partner.ID().String(), From: from.String(), To: s.String(), Why: string(WhyNoPDU)})
			return
		}
		p.ntt = true // the link is up: speak at once
		if early := p.earlyAt; !early.IsZero() && m.now.Sub(early) < earlyLife {
			m.current(p, &p.early)
		}
	case rxDefaulted:
		if m.updateDefaultSelected(p) {
			m.log(p, Log{Warn: true, Kind: "partner_lost", Message: "partner " + p.partner.ID().String() + " is gone", From: p.partner.ID().String(), Why: string(WhyNoPDU)})
		}
		m.recordDefault(p)
		p.expired = false
		p.currentWhile = time.Time{}
	}
}

// pdu takes a LACPDU that arrived.
func (m *Machine) pdu(p *port, pdu *LACPDU) {
	p.count.LACPDUsRx++
	if pdu.Actor.System == m.cfg.System.MAC {
		// Our own, or a system's that has our name: no partner in either case. It
		// must not be answered, and must not count as a sign of life.
		p.count.OwnEchoRx++
		if p.ownEchoAt.IsZero() {
			m.log(p, Log{Warn: true, Kind: "loopback", Message: "An illegal loopback occurred on slave", Why: string(WhySelfLoop)})
		}
		p.ownEcho, p.ownEchoAt = pdu.Actor, m.now
		return
	}
	switch p.rx {
	case rxExpired, rxDefaulted, rxCurrent:
		m.current(p, pdu)
		return
	case rxPortDisabled:
		if !p.half {
			// The PDU proves that the link is up. It can be ahead of the news, or of
			// the bond. What the partner thought of the link before that is another
			// matter.
			p.early, p.earlyAt = *pdu, m.now
			p.early.Actor.State &^= Synchronization | Collecting | Distributing
		}
	}
	if p.rx == rxLACPDisabled {
		p.unreadAt = m.now
	}
	p.count.DisabledRx++
}

// current is the entry action of CURRENT. The first two compare with the old
// record, so the order matters.
func (m *Machine) current(p *port, pdu *LACPDU) {
	if p.rx != rxCurrent {
		p.rxSince = m.now
	}
	p.rx = rxCurrent
	p.earlyAt = time.Time{}
	p.forgetDropped()
	m.updateSelected(p, pdu)
	m.updateNTT(p, pdu)
	p.version = pdu.Version
	m.recordPDU(p, pdu)
	p.currentWhile = m.now.Add(m.timeout())
	p.expired = false
	m.noteGap(p)
	p.lastRx = m.now
	m.noteMoved(p)
}

// noteGap measures the time since the last PDU. While the link was down nobody
// could speak.
func (m *Machine) noteGap(p *port) {
	p.gap = 0
	if !p.gapFrom.IsZero() {
		p.gap = m.now.Sub(p.gapFrom)
	}
	p.gapFrom = m.now
	if p.gap <= slowGap {
		p.slowGaps = 0
	} else if p.slowGaps < 2 {
		p.slowGaps++
	}
}

// identity is the parts of Info that tell one port from another;
// Aggregation is in its state.
func (i *Info) identity() Info {
	id := *i
	id.State &= Aggregation
	return id
}

// updateSelected is update_Selected: another partner, another aggregator.
func (m *Machine) updateSelected(p *port, pdu *LACPDU) {
	if pdu.Actor.identity() == p.partner.identity() {
		return
	}
	l := Log{Kind: "partner_found", Message: "partner is " + describe(&pdu.Actor), To: pdu.Actor.ID().String()}
	why := "a new partner"
	if p.partnered() {
		l.Kind, l.Warn = "partner_changed", true
		l.From = p.partner.ID().String()
		l.Why = "was " + describe(&p.partner)
		why = "the partner changed"
		m.noteTurn(p, &pdu.Actor)
	}
	m.log(p, l)
	m.unselect(p, why)
	p.partnerSince = m.now
	p.count.PartnerChangeCount++
}

// updateNTT is update_NTT: the partner must hear what it has wrong about us.
// What we do (Collecting and so on) is none of it. If a later PDU shows that it
// has it right by now, nothing is left to say.
func (m *Machine) updateNTT(p *port, pdu *LACPDU) {
	const compared = Activity | ShortTimeout | Synchronization | Aggregation
	us := m.actor(p)
	us.State &= compared
	echo := pdu.Partner
	echo.State &= compared
	p.repeat = echo != us
	// One that has begun anew has forgotten what we said: telling it is news.
	if anew := pdu.Actor.State & (Expired | Defaulted); p.repeat && anew&^p.partner.State != 0 {
		p.ntt = true
	}
}

// recordPDU is recordPDU. The partner is in sync only if it says so of us, and
// somebody keeps the conversation going.
func (m *Machine) recordPDU(p *port, pdu *LACPDU) {
	us := m.actor(p)
	match := pdu.Partner.identity() == us.identity()
	maintained := pdu.Actor.State.Has(Activity) || m.cfg.Active && pdu.Partner.State.Has(Activity)
	in := pdu.Actor.State.Has(Synchronization) && maintained && (match || !pdu.Actor.State.Has(Aggregation))
	was := p.partner.State.Has(Synchronization)
	p.partner = pdu.Actor
	p.partner.State = p.partner.State.With(Synchronization, was)
	m.partnerSync(p, in)
	p.defaulted = false
	p.echo = pdu.Partner
	if match {
		p.mismatched = time.Time{}
	} else if p.matched || p.mismatched.IsZero() {
		p.mismatched = m.now
	}
	p.matched = match
	if q := m.numbered(p.echo.Port); !match && q != nil && q != p && p.echo.System == m.cfg.System.MAC {
		p.crossed = m.now
	}
}

// recordDefault is recordDefault, with the driver's defaults.
func (m *Machine) recordDefault(p *port) {
	m.partnerSync(p, false)
	p.partner = partnerAdmin
	p.defaulted = true
	p.matched, p.mismatched, p.crossed, p.echo = false, time.Time{}, time.Time{}, Info{}
	p.partnerSince, p.outOfSync = time.Time{}, time.Time{}
	p.shared, p.turns = false, turns{}
}

// updateDefaultSelected is update_Default_Selected; it reports whether there
// was a partner.
func (m *Machine) updateDefaultSelected(p *port) bool {
	if p.partner.identity() == partnerAdmin.identity() {
		return false
	}
	m.unselect(p, "no partner any more")
	return p.partnered()
}

// partnerSync sets the partner's Synchronization.
func (m *Machine) partnerSync(p *port, on bool) {
	if p.partner.State.Has(Synchronization) != on {
		p.count.PartnerSyncCount++
		p.outOfSync = time.Time{}
		if !on {
			p.outOfSync = m.now
			if p.rx == rxExpired {
				p.outOfSync = p.lastRx
			}
		}
	}
	p.partner.State = p.partner.State.With(Synchronization, on)
}

// noteMoved sets port_moved of a disabled port whose partner is received on p now:
// somebody moved the cable. It has to forget, or both would claim the partner. The
// switches of a multihomed LAG may number their ports alike: if two ports received
// the same number at the same time, it proves nothing.
func (m *Machine) noteMoved(p *port) {
	for _, q := range m.ports {
		if q == p || !q.partnered() || q.partner.System != p.partner.System || q.partner.Port != p.partner.Port {
			continue
		}
		switch {
		case q.rx == rxCurrent:
			p.shared, q.shared = true, true
		case q.rx == rxPortDisabled && !q.shared && !q.moved:
			q.moved = true
			m.log(q, Log{Kind: "port_moved", Message: "partner's port is at " + p.name + " now", To: p.name})
		}
	}
}
