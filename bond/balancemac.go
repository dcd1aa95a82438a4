package bond

import (
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/policy"
)

// Whose address is whose in balance-tlb and balance-alb: every slave has one of
// its own, and the active one the bond's. When the role moves, two swap. Frames
// carry the new addresses at once: the NICs receive all of them all the time
// (see tapFilter), and are given theirs when there is time for it.

// uniqueMAC is the address that a NIC gets which is being enslaved.
func (e *enslaving) uniqueMAC(info link.Info) error {
	b := e.b
	var clash error
	_ = b.call(func() {
		m := b.bal.macs
		if !e.others {
			m = alb.NewMacs(e.mac)
		}
		if e.slaveMAC, clash = m.Free(info.MAC); clash == nil && e.slaveMAC != info.MAC {
			b.event(Event{
				Slave: info.Name, Kind: "slave_mac", Level: slog.LevelWarn,
				Message: "the slave hw address is in use by the bond; giving it the hw address of " + b.ownerOf(e.slaveMAC),
			})
		}
	})
	if clash != nil {
		return &link.EnslaveError{
			Bond: e.sit.Bond, Slave: info.Name, Errno: unix.EFAULT,
			Message: "the slave hw address is in use by the bond; couldn't find a slave with a free hw address to give it (this should not have happened)",
		}
	}
	if e.slaveMAC == info.MAC {
		return nil
	}
	return b.sys.SetMAC(info.Index, e.slaveMAC)
}

func (b *Bond) ownerOf(perm [6]byte) string {
	for _, s := range b.members() {
		if s.permMAC == perm {
			return s.name
		}
	}
	return link.MACString(perm)
}

// joinMACs takes a slave's address in; on the control goroutine.
func (b *Bond) joinMACs(s *slave) {
	m := b.bal.macs
	if len(b.members()) == 1 {
		m.SetBond(b.mac, -1)
	}
	if m.Taken(s.mac) {
		// A process that ended in the middle of an exchange left it so.
		var err error
		if s.mac, err = m.Free(s.permMAC); err != nil {
			s.mac = randomMAC()
		}
		b.moveMACs([]macMove{{s, s.mac}}, func() {})
	}
	m.Add(alb.Addr{ID: s.slot, Perm: s.permMAC, Now: s.mac})
}

// swapMACs returns what is to be programmed so that slaves have the addresses
// that the table says.
func (b *Bond) swapMACs() []macMove {
	var moves []macMove
	for _, s := range b.members() {
		if now := b.bal.macs.Of(s.slot); now != s.mac && now != [6]byte{} {
			s.oldMAC, s.oldUntil = s.mac, b.now().Add(drainTime)
			b.wakeAt(s.oldUntil)
			s.mac = now
			moves = append(moves, macMove{s, now})
		}
	}
	b.dirty = b.dirty || len(moves) > 0
	return moves
}

// activateMACs gives next the bond's address.
func (b *Bond) activateMACs(next *slave) []macMove {
	b.bal.macs.Activate(next.slot)
	return b.swapMACs()
}

// goneMAC is the address of a slave that has left. Clients of balance-alb may
// not have heard yet.
type goneMAC struct {
	mac   [6]byte
	until time.Time
}

// goneFor is how long a slave's address is taken after it has left (kernel: the
// active slave is promiscuous for so long).
const goneFor = 10 * time.Second

// ourAddresses are the bond's, the slaves', and those that were until a moment
// ago.
func (b *Bond) ourAddresses(now time.Time) [][6]byte {
	out := b.bal.macs.All()
	for _, s := range b.slaves {
		if s.leaving && !slices.Contains(out, s.mac) {
			out = append(out, s.mac)
		}
	}
	b.bal.gone = slices.DeleteFunc(b.bal.gone, func(g goneMAC) bool { return !now.Before(g.until) })
	for _, g := range b.bal.gone {
		if !slices.Contains(out, g.mac) {
			out = append(out, g.mac)
		}
	}
	return out
}

// leaveMACs has a slave leave. Another one may have its own address.
func (b *Bond) leaveMACs(s *slave) {
	if policy.Mode(b.vals.Mode) == policy.BalanceALB && s.mac != b.mac && b.active != nil && b.up && !b.ending {
		b.bal.gone = append(b.bal.gone, goneMAC{s.mac, b.now().Add(goneFor)})
		b.learn(b.active, s.mac)
	}
	b.bal.macs.Remove(s.slot)
	if moves := b.swapMACs(); len(moves) > 0 {
		b.moveMACs(moves, func() {})
		b.relearn(true)
	}
}

// relearn has the switches learn the slaves' addresses again, as soon as the
// loop comes to it, and again soon after. moved: also those of the devices on
// the bond, for they may be behind another slave now.
func (b *Bond) relearn(moved bool) {
	b.settleOf(moved)
	b.bal.learnAt = b.now()
	b.settling.Start(b.bal.learnAt)
}

// settleOf says what the learning frames soon after are about; what those of a
// moment ago are about isn't forgotten.
func (b *Bond) settleOf(moved bool) {
	_, running := b.settling.Next()
	b.bal.moved = moved || running && b.bal.moved
}

// balanceMAC takes an address that somebody gave the bond: the active slave
// has it from now on.
func (b *Bond) balanceMAC(mac [6]byte) {
	active := -1
	if b.active != nil {
		active = b.active.slot
	}
	b.bal.macs.SetBond(mac, active)
	if moves := b.swapMACs(); len(moves) > 0 {
		b.moveMACs(moves, func() {})
	}
	b.relearn(true)
}

// balanceMoved tells the switches of a new active slave: by each of the two
// that can send, with the address it has now. The address of one that can't is
// learned where its frames can be taken (see learnAll).
func (b *Bond) balanceMoved() {
	if !b.up {
		return
	}
	now := b.now()
	b.learnAll(true)
	b.bal.learnAt = now.Add(time.Duration(b.vals.LPInterval) * time.Second)
	b.settleOf(true)
	b.settling.Start(now)
}
