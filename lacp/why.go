package lacp

import (
	"fmt"
	"time"
)

// Why says in a word why a port carries traffic or doesn't. The words are
// stable: JSON, events and metrics have them.
type Why string

// The words, roughly from the ground up: the first that holds is it.
const (
	WhyBondDown    Why = "bond_down"
	WhyLinkDown    Why = "link_down"
	WhyLeaving     Why = "leaving"
	WhyHalfDuplex  Why = "half_duplex"
	WhyFallback    Why = "fallback"          // carries traffic although it has no partner
	WhySelfLoop    Why = "self_loop"         // hears itself, or another port of this bond
	WhySameSystem  Why = "same_system"       // another system has our identifier
	WhyIllegal     Why = "illegal"           // hears only LACPDUs that must be dropped
	WhyRate        Why = "rate"              // the partner speaks less often than was asked for
	WhyNoPDU       Why = "no_pdu"            // hears no LACPDU (any more)
	WhyNoEcho      Why = "no_echo"           // the partner doesn't hear us
	WhyWrongEcho   Why = "wrong_echo"        // the partner hears somebody else
	WhyDuplicate   Why = "duplicate_port_id" // two ports hear the same partner port
	WhySpeed       Why = "speed_mismatch"    // our key differs from the active aggregator's
	WhyKeyMismatch Why = "key_mismatch"      // the partner's key does
	WhyTwoPartners Why = "two_partners"      // its partner does
	WhyIndividual  Why = "individual"        // the partner won't aggregate, and another port is in use
	WhyStandby     Why = "standby"           // max_links
	WhyWaiting     Why = "waiting"           // aggregate_wait_time, or ports that wait with it
	WhyPartnerOOS  Why = "partner_oos"       // the partner isn't in sync
	WhyPartnerNotC Why = "partner_not_collecting"
	WhyOK          Why = "ok"
)

const (
	// settleTime is how long a mismatch may be what a handshake looks like, and
	// how long a diagnosis must last to be told.
	settleTime = time.Second
	// slowGap is between PDUs of a partner that was asked for one a second.
	slowGap = 1500 * time.Millisecond
)

// diagnose finds the word for a port.
func (m *Machine) diagnose(p *port) Why {
	switch {
	case p.leaving:
		return WhyLeaving
	case !m.up:
		return WhyBondDown
	case !p.link:
		return WhyLinkDown
	case p == m.fallback:
		return WhyFallback
	case p.half:
		return WhyHalfDuplex
	}
	if p.rx != rxCurrent {
		return m.diagnoseSilence(p)
	}
	if p.distributing {
		if m.cfg.Fast && m.tooSlow(p) {
			return WhyRate
		}
		return WhyOK
	}
	switch {
	case m.mirrored(p):
		return WhyDuplicate
	case m.inTurn(p):
		return WhyTwoPartners
	}
	if !p.matched && p.partner.State.Has(Aggregation) && m.now.Sub(p.mismatched) >= settleTime {
		if p.echo.System == (MAC{}) {
			return WhyNoEcho
		}
		return WhyWrongEcho
	}
	if a := m.active; a != nil && p.agg != a && a.partnered() {
		return m.diagnoseOutside(p, a)
	}
	switch {
	case p.selected == standby:
		return WhyStandby
	case p.mux < muxAttached:
		return WhyWaiting
	case !p.partner.State.Has(Synchronization):
		return WhyPartnerOOS
	}
	return WhyPartnerNotC
}

// tooSlow reports whether the partner sends less often than every slowGap, twice in a
// row. One long gap is an outage, or a lost PDU.
func (m *Machine) tooSlow(p *port) bool {
	return p.slowGaps > 1 || p.slowGaps == 1 && m.now.Sub(p.lastRx) > slowGap
}

// mirrored reports whether the port receives LACPDUs that name another port of ours,
// which receives them too: a hub connects them, or one mirrors the other. Equal port
// numbers alone prove nothing: the switches of a multihomed LAG may number alike.
func (m *Machine) mirrored(p *port) bool {
	if p.crossed.IsZero() || m.now.Sub(p.crossed) >= m.timeout() {
		return false
	}
	for _, q := range m.ports {
		if q != p && q.rx == rxCurrent && q.partner.identity() == p.partner.identity() {
			return true
		}
	}
	return false
}

// diagnoseSilence: the port has heard nothing in time.
func (m *Machine) diagnoseSilence(p *port) Why {
	switch {
	case m.dropsLACPDUs(p):
		return WhyIllegal
	case m.foreign(p):
		return WhySameSystem
	case m.receivesOwn(p):
		return WhySelfLoop
	case m.cfg.Fast && p.gap > shortTimeout && m.now.Sub(p.lastRx) <= slowPeriodicTime+shortTimeout:
		return WhyRate
	}
	return WhyNoPDU
}

// diagnoseOutside: the port isn't in the active aggregator a.
func (m *Machine) diagnoseOutside(p *port, a *aggregator) Why {
	switch {
	case p.partner.ID() != a.lag.partner:
		return WhyTwoPartners
	case p.partner.Key != a.lag.partnerKey:
		return WhyKeyMismatch
	case p.key != a.lag.key:
		return WhySpeed
	case !p.partner.State.Has(Aggregation) || a.lag.alone != 0:
		return WhyIndividual
	}
	return WhyWaiting
}

func (m *Machine) numbered(n uint16) *port {
	for _, p := range m.ports {
		if p.number == n {
			return p
		}
	}
	return nil
}

// trouble: the word is worth a message of its own.
func (w Why) trouble() bool {
	switch w {
	case WhyHalfDuplex, WhySelfLoop, WhySameSystem, WhyIllegal, WhyRate, WhyNoPDU, WhyNoEcho, WhyWrongEcho, WhyDuplicate,
		WhySpeed, WhyKeyMismatch, WhyTwoPartners, WhyIndividual, WhyPartnerOOS, WhyPartnerNotC:
		return true
	}
	return false
}

// runWhy follows the diagnosis, and tells of trouble that lasts.
func (m *Machine) runWhy(p *port) {
	p.lastLook = m.now
	if w := m.diagnose(p); w != p.why {
		p.why, p.whyAt, p.whySaid = w, m.now, !w.trouble()
	}
	if p.whySaid || m.now.Before(p.whyAt.Add(p.why.patience())) {
		return
	}
	p.whySaid = true
	m.log(p, Log{Warn: true, Kind: "diagnosis", Message: m.sentence(p), To: string(p.why), Why: string(p.why)})
}

// patience is how long trouble lasts before it is told.
func (w Why) patience() time.Duration {
	if w == WhyNoPDU || w == WhyPartnerOOS || w == WhyPartnerNotC {
		return 2 * shortTimeout // every handshake has some of it
	}
	return settleTime
}

// whyDue is when the diagnosis is to be looked at again without an event.
func (p *port) whyDue() time.Time {
	var at time.Time
	if !p.whySaid {
		at = p.whyAt.Add(p.why.patience())
	}
	if p.rx == rxCurrent && p.slowGaps == 1 && p.why == WhyOK {
		if t := p.lastRx.Add(slowGap + time.Millisecond); t.After(p.lastLook) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if p.rx == rxCurrent && !p.matched && p.why != WhyNoEcho && p.why != WhyWrongEcho && !p.mismatched.IsZero() {
		if t := p.mismatched.Add(settleTime); t.After(p.lastLook) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	return at
}

// sentence explains a port's word.
func (m *Machine) sentence(p *port) string {
	partner := describe(&p.partner)
	switch p.why {
	case WhyBondDown:
		return "the bond is down"
	case WhyLinkDown:
		return "no link"
	case WhyLeaving:
		return "is being released: " + p.muxWhy
	case WhyHalfDuplex:
		return "half duplex: LACP is for full duplex"
	case WhyFallback:
		return "no partner answers; used without LACP (lacp_fallback " + m.cfg.Fallback.String() + ")"
	case WhySelfLoop:
		if q := m.numbered(p.ownEcho.Port); q != nil && q != p {
			return "hears our own port " + q.name + ": two ports of this bond are connected to each other"
		}
		return "hears its own LACPDUs: a loop, or a device that echoes"
	case WhySameSystem:
		return fmt.Sprintf("another system has our identifier %s, it says port %d: set ad_actor_system", m.cfg.System, p.ownEcho.Port) + m.fallbackNote()
	case WhyIllegal:
		return p.dropped.sentence(m.now) + m.fallbackNote()
	case WhyRate:
		return fmt.Sprintf("partner %s was asked for a LACPDU a second, the last two were %s apart", partner, round(p.gap))
	case WhyNoPDU:
		return m.silence(p)
	case WhyNoEcho:
		return "partner " + partner + " doesn't hear us: a link that works one way, or LACPDUs are filtered"
	case WhyWrongEcho:
		return "partner " + partner + " means " + describe(&p.echo) + ", not us: cross-cabled, or two systems on one link"
	case WhyDuplicate:
		return "another port hears the same partner port " + partner + ": a hub or a mirror port"
	case WhyIndividual:
		return "partner " + partner + " won't aggregate, and another port is in use"
	case WhyStandby:
		return fmt.Sprintf("stands by: max_links is %d", m.cfg.MaxLinks)
	case WhyWaiting:
		return "waits for the ports of its aggregator to be ready"
	case WhyPartnerOOS:
		return m.outOfSync(p)
	case WhyPartnerNotC:
		return "partner " + partner + " is in sync but doesn't collect"
	case WhyOK:
		return "in sync with partner " + partner
	}
	if p.why == WhyTwoPartners && m.inTurn(p) {
		return "receives LACPDUs of two partners in turn, " + partner + " and " + describe(&p.turns.before) + ": a hub, or a device that forwards LACPDUs"
	}
	return m.otherAggregator(p)
}

// otherAggregator explains what keeps a port out of the active aggregator.
func (m *Machine) otherAggregator(p *port) string {
	a := m.active
	if a == nil {
		return string(p.why)
	}
	switch p.why {
	case WhyTwoPartners:
		return fmt.Sprintf("partner is %s, but the active aggregator %d has %s (chosen: %s)", p.partner.ID(), a.id, a.lag.partner, m.activeWhy)
	case WhyKeyMismatch:
		return fmt.Sprintf("partner %s has key %d here, but %d in the active aggregator %d: another channel group", a.lag.partner, p.partner.Key, a.lag.partnerKey, a.id)
	case WhySpeed:
		return fmt.Sprintf("has key %d (%d Mb/s), but the active aggregator %d has %d: speeds differ", p.key, p.mbps, a.id, a.lag.key)
	}
	return string(p.why)
}

// silence explains what was not heard.
func (m *Machine) silence(p *port) string {
	passive := ""
	if !m.cfg.Active {
		passive = "; lacp_active is off, so the partner has to speak first"
	}
	if p.lastRx.IsZero() {
		return "no LACPDU since the link came up " + round(m.now.Sub(p.upSince)) + " ago: is the switch's port in a channel group?" + passive
	}
	return "no LACPDU for " + round(m.now.Sub(p.lastRx)) + passive
}

// outOfSync explains why the partner doesn't count as in sync.
func (m *Machine) outOfSync(p *port) string {
	partner := describe(&p.partner)
	switch {
	case !p.matched && p.partner.State.Has(Aggregation):
		return "partner " + partner + " hasn't taken note of us yet"
	case !p.partner.State.Has(Activity) && !m.cfg.Active:
		return "partner " + partner + " and we are both passive"
	}
	text := "partner " + partner + " isn't in sync"
	if m.holds(p.agg) && len(m.aggs) > 1 {
		text += "; its aggregator stays active for " + round(m.heldUntil().Sub(m.now)) + " (ad_select_hold)"
	}
	return text
}

// round is a duration for people.
func round(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
