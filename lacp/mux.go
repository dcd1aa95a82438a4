package lacp

import "time"

// The Mux machine: 6.4.15, figures 6-21 and 6-22.
//
//	          SELECTED      2 s, all     SELECTED,
//	          or STANDBY    are Ready    partner in sync
//	DETACHED ---------> WAITING ---> ATTACHED <---> COLLECTING_DISTRIBUTING    coupled
//	   ^  UNSELECTED       |            |
//	   |<------------------'            |<--> COLLECTING <---> DISTRIBUTING    independent
//	   '--------------------------------'        partner collects
//	      UNSELECTED or STANDBY
//
// With independent control the receiver is open before the sender starts, and
// stops when the partner's receiver closes. Coupled control has that as an
// extension here: a partner that was collecting and no longer is gets no frames
// after muxStopTime.
type muxState uint8

const (
	muxDetached muxState = iota
	muxWaiting
	muxAttached
	muxCollecting
	muxDistributing
	muxCollectingDistributing
)

func (s muxState) String() string {
	return [...]string{"detached", "waiting", "attached", "collecting", "distributing", "collecting_distributing"}[s]
}

const (
	// aggregateWaitTime is Aggregate_Wait_Time: 6.4.4.
	aggregateWaitTime = 2 * time.Second
	// waitForOthers bounds how long a port that is done waiting waits for the
	// others of its aggregator. The standard has no bound, so that one port whose
	// partner keeps changing could keep out all the rest.
	waitForOthers = 2 * time.Second
	// muxStopTime is how long a partner may be not collecting between two PDUs
	// before a coupled port stops distributing to it.
	muxStopTime = 200 * time.Millisecond
	// muxStartTime is how long a coupled port that may distribute waits for the
	// partner to say that it collects. Two coupled ends go by each other's Sync, and
	// the one that hears it first would send to a receiver that is still closed. It is
	// short: a partner that collects without saying so expects its data.
	muxStartTime = 80 * time.Millisecond
)

// muxNext is the state that follows, ok if there is one.
func (m *Machine) muxNext(p *port) (muxState, bool) {
	inSync := p.selected == chosen && p.partner.State.Has(Synchronization)
	switch p.mux {
	case muxDetached:
		if p.selected != unselected {
			return muxWaiting, true
		}
	case muxWaiting:
		switch {
		case p.selected == unselected:
			return muxDetached, true
		case p.selected == chosen && m.ready(p):
			return muxAttached, true
		}
	case muxAttached:
		switch {
		case p.selected != chosen:
			return muxDetached, true
		case inSync && m.cfg.Coupled:
			return muxCollectingDistributing, true
		case inSync:
			return muxCollecting, true
		}
	case muxCollectingDistributing:
		if !inSync || !m.cfg.Coupled {
			return muxAttached, true
		}
	case muxCollecting:
		switch {
		case !inSync || m.cfg.Coupled:
			return muxAttached, true
		case p.partner.State.Has(Collecting):
			return muxDistributing, true
		}
	case muxDistributing:
		if !inSync || m.cfg.Coupled || !p.partner.State.Has(Collecting) {
			return muxCollecting, true
		}
	}
	return 0, false
}

// ready is Ready: every port that waits for the aggregator has Ready_N.
func (m *Machine) ready(p *port) bool {
	if !p.readyN || p.resumed {
		return p.resumed
	}
	for _, q := range p.agg.ports {
		if q.mux == muxWaiting && !q.readyN {
			return m.over(p.waitWhile.Add(waitForOthers))
		}
	}
	return true
}

// muxEnter is the state's entry action. Collecting and distributing themselves
// are told to the caller when all machines have come to rest.
func (m *Machine) muxEnter(p *port, s muxState) {
	from := p.mux
	p.mux, p.muxSince = s, m.now
	p.stopAt, p.stopped, p.heard = time.Time{}, false, false
	sync := p.sync
	switch s {
	case muxDetached:
		p.sync, p.collecting, p.distributing = false, false, false
		p.readyN, p.waitWhile = false, time.Time{}
	case muxWaiting:
		p.readyN, p.waitWhile = false, m.now.Add(aggregateWaitTime)
		return // nothing to tell the partner
	case muxAttached:
		p.resumed = false
		p.sync, p.collecting, p.distributing = true, false, false
		if from > muxAttached && p.selected == chosen {
			p.muxWhy = m.lossOfSync(p)
		}
	case muxCollecting:
		p.collecting, p.distributing = true, false
		p.muxWhy = "the partner is in sync"
		if from == muxDistributing {
			p.muxWhy = "the partner no longer collects"
		}
	case muxDistributing:
		p.distributing = true
		p.muxWhy = "the partner collects"
	case muxCollectingDistributing:
		p.collecting, p.distributing = true, true
		p.muxWhy = "the partner is in sync"
	}
	if p.sync != sync {
		p.count.ActorSyncCount++
	}
	p.ntt = true
}

// lossOfSync says why the partner no longer counts as in sync.
func (m *Machine) lossOfSync(p *port) string {
	switch {
	case !m.up:
		return "the bond is down"
	case !p.link:
		return "link down"
	case p.rx == rxExpired:
		return "no LACPDU in time"
	case !p.matched:
		return "the partner doesn't mean us"
	}
	return "the partner is out of sync"
}

// startDue is when a coupled port distributes even if its partner has not said
// that it collects; zero if that is not what it waits for.
func (p *port) startDue() time.Time {
	if p.mux != muxCollectingDistributing || p.heard || p.syncSaid.IsZero() {
		return time.Time{}
	}
	at := p.syncSaid
	if p.muxSince.After(at) {
		at = p.muxSince
	}
	return at.Add(muxStartTime)
}

// held: the port may distribute but still waits for its partner's receiver, or
// for our own Sync to have left.
func (m *Machine) held(p *port) bool {
	if p.mux != muxCollectingDistributing || p.heard || p.distributesNow {
		return false
	}
	return p.syncSaid.IsZero() || !m.over(p.startDue())
}

// muxStop runs the extension of coupled control.
func (m *Machine) muxStop(p *port) {
	if p.mux != muxCollectingDistributing {
		return
	}
	stop := false
	switch {
	case p.partner.State.Has(Collecting):
		p.heard, p.stopAt = true, time.Time{}
	case !p.heard:
	case p.stopAt.IsZero():
		p.stopAt = m.now.Add(muxStopTime)
	default:
		stop = m.over(p.stopAt)
	}
	if stop == p.stopped {
		return
	}
	p.stopped = stop
	p.distributing = !stop
	p.muxWhy = "the partner collects again"
	if stop {
		p.muxWhy = "the partner no longer collects"
	}
	p.ntt = true
}
