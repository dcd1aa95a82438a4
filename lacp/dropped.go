package lacp

import (
	"fmt"
	"time"
)

// A LACPDU that is dropped establishes no partner, but the port is not without LACP
// either: the reason for the drop is the diagnosis, and lacp_fallback does not use
// the port.

// droppedLife is how long a dropped LACPDU is remembered. It is longer than the
// period of a slow partner.
const droppedLife = slowPeriodicTime + shortTimeout

// dropped counts the LACPDUs that a port dropped since the last good one.
type dropped struct {
	at     time.Time // of the last one
	n      uint64
	reason [illegalCount]uint64 // by reason
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

// dropsLACPDUs reports whether the port receives LACPDUs that must be dropped.
func (m *Machine) dropsLACPDUs(p *port) bool {
	return p.dropped.n > 0 && m.now.Before(p.dropped.at.Add(droppedLife))
}

// foreign reports whether the port receives LACPDUs of another system that has our
// identifier.
func (m *Machine) foreign(p *port) bool {
	return m.receivesOwn(p) && m.numbered(p.ownEcho.Port) == nil
}

// receivesOwn reports whether LACPDUs with our own identifier come back.
func (m *Machine) receivesOwn(p *port) bool {
	return !p.ownEchoAt.IsZero() && m.now.Before(p.ownEchoAt.Add(droppedLife))
}

// receivesLACP reports whether another system sends LACPDUs to a port that has no
// partner. That system keeps its end of the link out of a LAG, so that data sent on
// the link would be lost or duplicated.
func (m *Machine) receivesLACP(p *port) bool { return !m.receivedUntil(p).IsZero() }

// receivedUntil is when receivesLACP ends, zero if it has ended.
func (m *Machine) receivedUntil(p *port) time.Time {
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

// forgetDropped is for a good LACPDU, and for a link that comes up.
func (p *port) forgetDropped() {
	p.dropped, p.unreadAt, p.ownEchoAt = dropped{}, time.Time{}, time.Time{}
}

// fallbackNote is the part of a sentence that explains why there is no fallback.
func (m *Machine) fallbackNote() string {
	if m.cfg.Fallback == FallbackNone {
		return ""
	}
	return "; lacp_fallback does not use a port that receives LACPDUs"
}

// defects describe the frames that are dropped for a reason.
var defects = [illegalCount]string{
	IllegalRunt:         "shorter than a LACPDU",
	IllegalTagged:       "in a VLAN, LACP must be untagged",
	IllegalAddress:      "not sent to 01:80:c2:00:00:02",
	IllegalActorLen:     "with a wrong length of the actor",
	IllegalPartnerLen:   "with a wrong length of the partner",
	IllegalCollectorLen: "with a wrong length of the collector",
	IllegalActorSystem:  "with an all-zero system identifier",
	IllegalActorPort:    "with port number 0",
}

// sentence gives the counts, the reasons and the age of the last drop.
func (d *dropped) sentence(now time.Time) string {
	text := "receives LACPDUs but must drop all of them"
	sep := ": "
	for why, n := range d.reason {
		if n > 0 {
			text += fmt.Sprintf("%s%d %s (%s)", sep, n, defects[why], Illegal(why))
			sep = ", "
		}
	}
	return text + "; the last one " + round(now.Sub(d.at)) + " ago"
}
