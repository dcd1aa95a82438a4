package lacp

import "time"

// Churn Detection: 6.4.17, figures 6-23 and 6-24, one machine for our
// Synchronization and one for the partner's.
//
//	MONITOR <- any: disabled
//	   | in sync              60 s out of sync
//	   v                            |
//	NO_CHURN --out of sync--> MONITOR ---> CHURN --in sync--> NO_CHURN
//
// kernel: stays in MONITOR for 60 s in any case, and in CHURN for ever.
type churnState uint8

const (
	churnMonitor churnState = iota
	noChurn
	churned
)

// String is the word of /proc.
func (s churnState) String() string {
	return [...]string{"monitoring", "none", "churned"}[s]
}

// churnDetectionTime is Churn_Detection_Time: 6.4.4.
const churnDetectionTime = 60 * time.Second

type churn struct {
	state churnState
	until time.Time
}

// run brings the machine to where it belongs; count counts entries to CHURN.
func (c *churn) run(now time.Time, enabled, inSync bool, count *uint64) {
	switch {
	case !enabled:
		*c = churn{}
	case inSync:
		*c = churn{state: noChurn}
	case c.state == noChurn, c.state == churnMonitor && c.until.IsZero():
		*c = churn{until: now.Add(churnDetectionTime)}
	case c.state == churnMonitor && !now.Before(c.until):
		*c = churn{state: churned}
		*count++
	}
}

func (m *Machine) runChurn(p *port) {
	up := m.enabled(p) && !p.half
	p.actorChurn.run(m.now, up, p.sync, &p.count.ActorChurnCount)
	p.partnerChurn.run(m.now, up, p.partner.State.Has(Synchronization), &p.count.PartnerChurnCount)
}
