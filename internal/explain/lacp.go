package explain

import (
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// lacp is what 802.3ad adds: the port's own diagnosis, and what it is made from.
func (e *Slave) lacp(st *bond.State, s *bond.SlaveState, now time.Time) {
	p := &s.AD.PortState
	since := func(t time.Time) time.Duration { return now.Sub(t).Truncate(time.Millisecond) }
	if p.Why != lacp.WhyLinkDown && p.Why != lacp.WhyBondDown { // said already
		e.Reasons = append([]string{string(p.Why) + ": " + p.Reason}, e.Reasons...)
	}
	switch a := st.AD.ActiveAggregator(); {
	case a == nil:
		e.say("no aggregator is active")
	case a.ID == p.Aggregator:
		e.say("it is in aggregator %d, the active one", a.ID)
	default:
		e.say("it is in aggregator %d, but %d is the active one (ad_select %s)", p.Aggregator, a.ID, st.Settings["ad_select"])
	}
	switch {
	case p.LastRx.IsZero() && p.Counters.IllegalRx > 0:
		e.say("it has received no LACPDU that is legal; it has dropped %d and sent %d", p.Counters.IllegalRx, p.Counters.LACPDUsTx)
	case p.LastRx.IsZero():
		e.say("it has heard no LACPDU; it has sent %d", p.Counters.LACPDUsTx)
	case p.Partner.System == (lacp.MAC{}):
		e.say("its last LACPDU came %v ago; that partner is given up", since(p.LastRx))
	default:
		e.say("its last LACPDU came %v ago from system %s; the partner's port says: %s", since(p.LastRx), p.Partner.ID(), orNothing(p.Partner.State))
	}
	e.say("it says: %s", orNothing(p.Actor.State))
	if p.ActorChurn == "churned" || p.PartnerChurn == "churned" {
		e.say("it churns: a minute has passed without both ends in sync")
	}
}

func orNothing(b lacp.Bits) string {
	if b == 0 {
		return "nothing"
	}
	return b.String()
}
