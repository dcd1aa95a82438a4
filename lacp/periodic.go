package lacp

import "time"

// The Periodic Transmission machine: 6.4.13, figure 6-19.
//
//	NO_PERIODIC <- any: disabled, not LACP_Enabled, or both ends passive
//	   |
//	   v           1 s                partner wants
//	FAST_PERIODIC -----> PERIODIC_TX ----short----> FAST_PERIODIC
//	   | partner wants long   ^   |
//	   v                      |   '------long-----> SLOW_PERIODIC
//	SLOW_PERIODIC ------------' 30 s, or the partner wants short
//
// PERIODIC_TX is passed in no time and isn't a state here.
type periodicState uint8

const (
	noPeriodic periodicState = iota
	fastPeriodic
	slowPeriodic
)

func (s periodicState) String() string {
	return [...]string{"no_periodic", "fast_periodic", "slow_periodic"}[s]
}

// 802.1AX-2014 6.4.4.
const (
	fastPeriodicTime = 1 * time.Second  // Fast_Periodic_Time
	slowPeriodicTime = 30 * time.Second // Slow_Periodic_Time
)

// mayTalk: the machine isn't held in NO_PERIODIC.
func (m *Machine) mayTalk(p *port) bool {
	return m.enabled(p) && !p.half && (m.cfg.Active || p.partner.State.Has(Activity))
}

// runPeriodic brings the machine to where it belongs.
func (m *Machine) runPeriodic(p *port) {
	if !m.mayTalk(p) {
		p.periodic, p.periodicAt = noPeriodic, time.Time{}
		return
	}
	short := p.partner.State.Has(ShortTimeout)
	switch {
	case p.periodic == noPeriodic:
		p.periodic, p.periodicAt = fastPeriodic, m.now.Add(fastPeriodicTime)
	case m.over(p.periodicAt), p.periodic == slowPeriodic && short: // PERIODIC_TX
		p.ntt = true
		p.startPeriodic(m.now, short)
	case p.periodic == fastPeriodic && !short:
		p.periodic, p.periodicAt = slowPeriodic, m.now.Add(slowPeriodicTime)
	}
}

// startPeriodic starts the next period. A late wake-up shortens it: the partner
// counts from PDU to PDU, and lateness must not add up.
func (p *port) startPeriodic(now time.Time, short bool) {
	period, from := slowPeriodicTime, now
	if short {
		period = fastPeriodicTime
		if p.periodic == fastPeriodic && now.Sub(p.periodicAt) < period/2 {
			from = p.periodicAt
		}
	}
	p.periodic = slowPeriodic
	if short {
		p.periodic = fastPeriodic
	}
	p.periodicAt = from.Add(period)
}
