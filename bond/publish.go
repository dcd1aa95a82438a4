package bond

import (
	"time"

	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// publish hands the workers a snapshot of the present state, which is soon kept
// too. It returns the new generation.
func (b *Bond) publish() uint64 {
	b.dirty = false
	b.engine.keep.kick()
	return b.view()
}

// view is publish for what another process would not have to know.
func (b *Bond) view() uint64 {
	b.gen++
	b.stale = false
	mode := policy.Mode(b.vals.Mode)
	now := b.now()
	if b.bal != nil {
		b.balanceSlaves(now)
	}
	s := &snapshot{
		gen:      b.gen,
		up:       b.up,
		mac:      b.mac,
		sel:      b.selector,
		offload:  b.dev.Offload(),
		takeSlow: b.lag != nil,
		rx:       make([]rxRule, len(b.slots)),
		pol: policy.Snapshot{
			Active:          -1,
			Hash:            policy.HashPolicy(b.vals.XmitHashPolicy),
			PacketsPerSlave: uint32(b.vals.PacketsPerSlave),
			MAC:             b.mac,
		},
	}
	s.fanout, _ = b.selector.(policy.Fanout)
	if b.lag != nil && b.up && now.Before(b.lag.holdUntil) {
		s.hold = b.lag.holdUntil
	}
	var here []*slave
	for _, sl := range b.slaves {
		s.rx[sl.slot] = b.rxRuleOf(sl, now)
		if sl.leaving {
			continue
		}
		i := len(s.slaves)
		can := sl.canTx(mode)
		if can {
			s.pol.Usable = append(s.pol.Usable, i)
		}
		if sl == b.active {
			s.pol.Active = i
		}
		s.pol.Slaves = append(s.pol.Slaves, policy.Slave{
			CanTx:   can,
			Up:      sl.carrier && sl.link == monitor.LinkUp,
			QueueID: sl.queueID,
		})
		here = append(here, sl)
		s.slaves = append(s.slaves, slaveView{slot: sl.slot, index: sl.index, writers: sl.writers, tx: sl.tx, seat: sl.seatNumber()})
	}
	b.windowView(s, now)
	s.steer = b.steerTable(here, s.pol.Slaves)
	if b.bal != nil {
		b.balanceView(s)
	}
	s.lane = b.lane
	b.snap.Store(s) // first: what the lane leaves finds it
	b.publishLane(s)
	return b.gen
}

// rxRuleOf applies spec 2.3: in modes with one active slave the others hear
// nothing for the bond, unless all_slaves_active is set, and in 802.3ad neither
// do those that don't collect, but for a moment. A slave that is being
// released goes on delivering as before until its socket is closed.
func (b *Bond) rxRuleOf(s *slave, now time.Time) rxRule {
	if s.looped {
		return rxInactive
	}
	if b.lag != nil && !s.collecting && !now.Before(s.drain) && b.vals.AllSlavesActive == 0 {
		return rxInactive
	}
	if !b.primaryMode() || s == b.active || b.trying(s) || b.vals.AllSlavesActive != 0 {
		return rxActive
	}
	if policy.Mode(b.vals.Mode) == policy.BalanceALB {
		return rxUnicast
	}
	if now.Before(s.drain) {
		return rxDrain
	}
	return rxInactive
}
