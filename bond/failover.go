package bond

import (
	"fmt"
	"time"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// drainTime is how long a slave that lost the active role by our choice still
// delivers unicast: what the peer sent before it learned the new path.
const drainTime = 50 * time.Millisecond

// primaryMode: the mode keeps one active slave and backups.
func (b *Bond) primaryMode() bool {
	switch policy.Mode(b.vals.Mode) {
	case policy.ActiveBackup, policy.BalanceTLB, policy.BalanceALB:
		return true
	}
	return false
}

// hasBackups: the slaves beside the active one carry nothing.
func (b *Bond) hasBackups() bool { return policy.Mode(b.vals.Mode) == policy.ActiveBackup }

// reselect chooses the active slave anew and makes it so; then the bond's
// carrier follows. Modes without backups keep an active slave too, silently:
// balance-rr sends IGMP on it.
func (b *Bond) reselect(why string) {
	members := b.members()
	c := contest{current: -1, primary: -1, reselect: int(b.vals.PrimaryReselect), force: b.forcePrimary, first: b.vals.PrioTie == option.TieFirst, updelay: ms(b.vals.Updelay())}
	for i, s := range members {
		if s == b.active {
			c.current = i
		}
		if b.primaryMode() && s.name == b.vals.Primary {
			c.primary = i
		}
		c.slaves = append(c.slaves, candidate{
			link: s.link, usable: s.usable(), remaining: b.delayLeft(s), held: s.flaps.wait(b.flapHold()) > 0, prio: s.prio, speed: s.rated(),
		})
	}
	got := c.choose()
	var next *slave
	if got.active >= 0 {
		next = members[got.active]
	}
	if next == b.active || !b.delayed(next, nil, why) {
		b.forcePrimary = b.forcePrimary && !c.forced()
	}
	if next != b.active && b.window.switchAt.IsZero() {
		b.setActive(next, got.early, why)
	}
	if b.updateCarrier() {
		b.carrierEvent(why)
	}
}

func (b *Bond) carrierEvent(why string) {
	e := Event{Kind: "carrier_down", Message: "now running without any active interface!", Why: why}
	if b.carrier {
		e.Kind, e.Message = "carrier_up", "active interface up!"
	}
	b.event(e)
}

// delayLeft is what s still waits for updelay. The kernel counts it in ticks,
// the first of which a new slave has yet to see, and which don't pass while the
// bond is down.
func (b *Bond) delayLeft(s *slave) time.Duration {
	if !b.up || s.fresh {
		return ms(b.vals.Updelay())
	}
	return b.mii.Remaining(b.now(), s.id)
}

// members are the slaves that are here to stay, in list order.
func (b *Bond) members() []*slave {
	out := make([]*slave, 0, len(b.slaves))
	for _, s := range b.slaves {
		if !s.leaving {
			out = append(out, s)
		}
	}
	return out
}

// setActive moves the active role to next (nil: nobody). early: next is still
// waiting for updelay and comes UP now because nothing else is.
func (b *Bond) setActive(next *slave, early bool, why string) {
	old := b.active
	b.active = next
	defer b.tellProber() // who asks at once, behind what is announced
	b.dirty = true
	if old != nil {
		old.drain = b.now().Add(drainTime)
		b.wakeAt(old.drain)
		if b.primaryMode() && next != nil {
			b.openWindow(old.drain)
		}
	}
	if early {
		left := b.mii.Remaining(b.now(), next.id)
		b.mii.Promote(next.id)
		next.link, next.since, next.why = monitor.LinkUp, b.now(), "nothing else is up"
		next.recovered(b.now())
		next.flaps.up(b.now())
		b.activeEvent(old, next, why, fmt.Sprintf("making interface the new active one %d ms earlier", left.Milliseconds()))
	} else if next != nil {
		b.activeEvent(old, next, why, "making interface the new active one")
	}
	if !b.primaryMode() {
		b.startRejoin()
		return
	}
	b.activeSince, b.activeWhy = b.now(), why
	if old != nil && next != nil {
		b.failovers++
	}
	if next == nil {
		b.notifier.Stop()
		b.settling.Stop()
		b.rejoin.Stop()
		return
	}
	// The new path is in force before anything is announced on it.
	moves := b.planMACs(old, next)
	b.publish()
	if b.bal != nil {
		b.balanceMoved()
	}
	if len(moves) == 0 {
		b.startNotify()
		b.startRejoin()
		return
	}
	b.notifier.Stop()
	if b.bal == nil { // else it is about the new addresses already
		b.settling.Stop()
	}
	b.rejoin.Stop()
	b.moveMACs(moves, func() {
		if b.active == next {
			b.startNotify()
			b.startRejoin()
		}
	})
}

func (b *Bond) activeEvent(old, next *slave, why, msg string) {
	if !b.primaryMode() {
		return
	}
	e := Event{Slave: next.name, Kind: "active_change", Message: msg, To: next.name, Why: why}
	if old != nil {
		e.From = old.name
	}
	b.event(e)
}

// updateCarrier makes the TAP's carrier and speed those of the bond, and
// reports whether the carrier changed. Outside 802.3ad the bond has carrier
// while any slave's link is UP; there, LACP says.
func (b *Bond) updateCarrier() bool {
	if b.lag != nil {
		b.wantTAP()
		return false
	}
	up := false
	for _, s := range b.members() {
		up = up || s.link == monitor.LinkUp
	}
	changed := up != b.carrier
	b.carrier = up
	b.wantTAP()
	return changed
}
