package lacp

import (
	"fmt"
	"time"
)

// LACPDUs that are dropped are no partner, but they are not silence either:
// somebody speaks LACP there, and the reason why it is dropped is the diagnosis.

// droppedLife is how long a dropped LACPDU is remembered: a slow partner's next
// one comes before that.
const droppedLife = slowPeriodicTime + shortTimeout

// dropped is what a port heard of LACP since the last good LACPDU.
type dropped struct {
	at     time.Time // of the last one
	n      uint64
	reason [illegalCount]uint64 // of the illegal ones among them
}

// illegal counts a frame that must be dropped.
func (m *Machine) illegal(p *port, kind slow, why Illegal) {
	p.count.IllegalRx++
	p.count.Illegal[why]++
	if kind == slowLACP {
		p.dropped.at = m.now
		p.dropped.n++
		p.dropped.reason[why]++
	}
}

// hearsDropped reports whether LACP is spoken on the port that can't be used.
func (m *Machine) hearsDropped(p *port) bool {
	return p.dropped.n > 0 && m.now.Before(p.dropped.at.Add(droppedLife))
}

// foreign: the port hears a system that has our identifier and isn't us.
func (m *Machine) foreign(p *port) bool {
	return m.hearsOwn(p) && m.numbered(p.ownEcho.Port) == nil
}

// hearsOwn: PDUs of our own system come back.
func (m *Machine) hearsOwn(p *port) bool {
	return !p.ownEchoAt.IsZero() && m.now.Before(p.ownEchoAt.Add(droppedLife))
}

// spokenOn: somebody speaks LACP on the port, though there is no partner. Data
// would be sent to where the other end keeps its port out of a LAG.
func (m *Machine) spokenOn(p *port) bool { return !m.spokenUntil(p).IsZero() }

// spokenUntil is when that is forgotten, zero if it is by now.
func (m *Machine) spokenUntil(p *port) time.Time {
	last := p.unreadAt
	if p.dropped.n > 0 && p.dropped.at.After(last) {
		last = p.dropped.at
	}
	if m.foreign(p) && p.ownEchoAt.After(last) {
		last = p.ownEchoAt
	}
	until := last.Add(droppedLife)
	if last.IsZero() || !m.now.Before(until) {
		return time.Time{}
	}
	return until
}

// forgetDropped: a good LACPDU came, or the link did.
func (p *port) forgetDropped() {
	p.dropped, p.unreadAt, p.ownEchoAt = dropped{}, time.Time{}, time.Time{}
}

// withheld says what a port that hears LACP isn't used for.
func (m *Machine) withheld() string {
	if m.cfg.Fallback == FallbackNone {
		return ""
	}
	return "; lacp_fallback doesn't use a port where LACP is spoken"
}

// remedies say what is wrong with the frames that are dropped for a reason.
var remedies = [illegalCount]string{
	IllegalRunt:         "shorter than a LACPDU",
	IllegalTagged:       "in a VLAN: LACP must be untagged",
	IllegalAddress:      "not sent to 01:80:c2:00:00:02",
	IllegalActorLen:     "with a wrong length of the actor",
	IllegalPartnerLen:   "with a wrong length of the partner",
	IllegalCollectorLen: "with a wrong length of the collector",
	IllegalActorSystem:  "with an all-zero system identifier",
	IllegalActorPort:    "with port number 0",
}

// sentence says how many were dropped, why, and when the last one was.
func (d *dropped) sentence(now time.Time) string {
	text := "LACP is spoken here, but all of it is dropped"
	sep := ": "
	for why, n := range d.reason {
		if n > 0 {
			text += fmt.Sprintf("%s%d %s (%s)", sep, n, remedies[why], Illegal(why))
			sep = ", "
		}
	}
	return text + "; the last one " + round(now.Sub(d.at)) + " ago"
}
