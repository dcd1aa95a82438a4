package bond

import (
	"errors"
	"fmt"
	"log/slog"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/internal/link"
)

// Whose address is whose in active-backup (fail_over_mac, bonding.rst):
//
//	none     all slaves have the bond's
//	active   slaves keep their own; the bond has the active slave's
//	follow   the active slave has the bond's; the others have others
//
// In all other modes it is as with none.

// failOverMAC is the rule in force.
func (b *Bond) failOverMAC() uint32 {
	if b.vals.Mode != option.ActiveBackup {
		return option.FailOverMACNone
	}
	return b.vals.FailOverMAC
}

// macMove is one address to be programmed.
type macMove struct {
	s   *slave // nil: the bond's TAP
	mac [6]byte
}

// planMACs gives the addresses their new owners after the active role went from
// old (nil: from nobody) to next, and returns what is to be programmed for it,
// in the kernel's order.
func (b *Bond) planMACs(old, next *slave) []macMove {
	if next == nil {
		return nil
	}
	if b.bal != nil {
		return b.activateMACs(next)
	}
	var moves []macMove
	move := func(s *slave, mac [6]byte) {
		s.mac = mac
		moves = append(moves, macMove{s, mac})
	}
	switch b.failOverMAC() {
	case option.FailOverMACActive:
		if b.mac != next.mac {
			b.mac = next.mac
			moves = append(moves, macMove{nil, b.mac})
		}
	case option.FailOverMACFollow:
		if next.mac == b.mac {
			break
		}
		if old == nil || old.leaving {
			old = b.holder(next)
		}
		given := next.mac
		move(next, b.mac)
		if old != nil && old != next {
			move(old, given)
		}
	}
	if len(moves) > 0 {
		b.dirty = true
	}
	return moves
}

// partMACs plans other addresses for backups that have the bond's where only the
// active slave may: a process that ended in the middle of an exchange left it so.
func (b *Bond) partMACs() []macMove {
	if b.failOverMAC() != option.FailOverMACFollow || b.active == nil {
		return nil
	}
	var moves []macMove
	for s := b.holder(b.active); s != nil; s = b.holder(b.active) {
		if s.mac = s.permMAC; s.mac == b.mac {
			s.mac = randomMAC()
		}
		moves = append(moves, macMove{s, s.mac})
	}
	return moves
}

// holder is the slave beside next that has the bond's address.
func (b *Bond) holder(next *slave) *slave {
	for _, s := range b.members() {
		if s != next && s.mac == b.mac {
			return s
		}
	}
	return nil
}

// moveMACs programs what was planned beside the control goroutine, and then has
// done run on it. The frames to announce are those of the new addresses by then.
func (b *Bond) moveMACs(moves []macMove, done func()) {
	b.jobs.do(func() {
		for _, m := range moves {
			if err := b.programMAC(m); err != nil {
				b.box.post(func() { b.macRefused(m, err) })
				break
			}
		}
		targets, err := announce.Targets(b.sys, b.index)
		b.box.post(func() {
			if err == nil {
				b.targets = targets
			}
			done()
		})
	})
}

func (b *Bond) programMAC(m macMove) error {
	if m.s == nil {
		return b.sys.SetMAC(b.index, m.mac)
	}
	return b.sys.SetMAC(m.s.index, m.mac)
}

// macRefused reports a failure in the kernel's words. What is left to program
// is left: the slave's address is looked at again with its next event.
func (b *Bond) macRefused(m macMove, err error) {
	var errno unix.Errno
	errors.As(err, &errno)
	role := "new active"
	if m.s == nil {
		b.warn(nil, "mac", "address "+link.MACString(m.mac)+" refused: "+err.Error())
		return
	}
	if m.s != b.active {
		role = "old active"
	}
	b.warn(m.s, "slave_mac", fmt.Sprintf("Error %d setting MAC of %s slave", -int(errno), role))
}

// setMAC gives a NIC that is being enslaved the address it shall have, and
// finds out whether it can have any but its own.
func (e *enslaving) setMAC(info link.Info) error {
	b := e.b
	if e.balanced {
		return e.uniqueMAC(info)
	}
	e.slaveMAC = info.MAC
	switch e.fom {
	case option.FailOverMACActive:
		return nil
	case option.FailOverMACFollow:
		// Freed and taken again while the bond goes on using its address: two
		// would have the same.
		if e.others && info.MAC == e.mac {
			e.slaveMAC = randomMAC()
		}
	default:
		e.slaveMAC = e.mac
	}
	if e.slaveMAC == info.MAC && !e.activeBackup {
		return nil
	}
	// Setting the address that is there already asks whether it can be set.
	err := b.sys.SetMAC(info.Index, e.slaveMAC)
	if !errors.Is(err, unix.EOPNOTSUPP) || !e.activeBackup {
		return err
	}
	if e.others {
		return &link.EnslaveError{
			Bond: e.sit.Bond, Slave: info.Name, Errno: unix.EOPNOTSUPP,
			Message: "Slave device does not support setting the MAC address, but fail_over_mac is not set to active",
		}
	}
	e.forced, e.slaveMAC = true, info.MAC
	return nil
}

// forceActive: the first slave can't have the bond's address, so from now on
// the bond has the active slave's.
func (b *Bond) forceActive(s *slave) {
	b.vals.FailOverMAC = option.FailOverMACActive
	b.event(Event{Slave: s.name, Kind: "fail_over_mac", Level: slog.LevelWarn, Message: "The slave device specified does not support setting the MAC address"})
	b.event(Event{Slave: s.name, Kind: "fail_over_mac", Level: slog.LevelWarn, Message: "Setting fail_over_mac to active for active-backup mode"})
}

// stillInUse warns of a slave that leaves with the address the bond goes on
// using: two devices will have it.
func (b *Bond) stillInUse(s *slave) {
	if b.failOverMAC() != option.FailOverMACNone || b.ending || s.permMAC != b.mac || len(b.members()) == 0 {
		return
	}
	b.warn(s, "slave_mac", "the permanent HWaddr of slave - "+link.MACString(s.permMAC)+
		" - is still in use by bond - set the HWaddr of slave to a different address to avoid conflicts")
}
