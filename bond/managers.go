package bond

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"

	"github.com/tapbond/tapbond/internal/unmanage"
)

// A NIC that is a slave looks free to the programs that configure NICs by
// themselves (internal/unmanage). They are told on the goroutine of whoever
// asked for the enslave or release, with a limit, or on one of their own: never
// on the control goroutine, nor among the jobs that a failover waits for.

// hold has managers leave a NIC alone. What can't be done is a warning.
func (b *Bond) hold(h unmanage.Held) {
	for _, err := range b.sys.Managers().Hold(b.ctx, h) {
		b.box.post(func() {
			b.managerTrouble(h.NIC, "another program may configure the slave: "+err.Error())
		})
	}
}

// letGo has managers go on with NICs as before.
func (b *Bond) letGo(held ...unmanage.Held) {
	// Not the bond's context: that may be at its end, and this is to be undone.
	for _, err := range b.sys.Managers().Free(context.Background(), held...) {
		b.box.post(func() {
			b.managerTrouble(held[0].NIC, "another program doesn't know that the NIC is free again: "+err.Error())
		})
	}
}

func (b *Bond) managerTrouble(nic, what string) {
	b.event(Event{Slave: nic, Kind: "manager", Message: what, Level: slog.LevelWarn})
}

// holdAgain tells the managers that run now of a slave, beside those that were
// told before.
func (b *Bond) holdAgain(s *slave) {
	var h unmanage.Held
	if b.call(func() { h = unmanage.Held{NIC: s.name, Managers: s.managers} }) != nil {
		return
	}
	for _, m := range b.sys.Managers().Look(b.ctx, h.NIC) {
		if !slices.Contains(h.Managers, m) {
			h.Managers = append(slices.Clone(h.Managers), m)
		}
	}
	gone, more := true, false // unless a bond that is there still says otherwise
	_ = b.call(func() {
		gone = s.leaving || b.slaveByID(s.id) != s || s.name != h.NIC
		if !gone && len(h.Managers) != len(s.managers) {
			s.managers, more = h.Managers, true
			b.dirty = true
		}
	})
	if gone {
		return
	}
	if more {
		_ = b.engine.keep.flush() // the hold is swept by name if this is lost
	}
	b.hold(h)
	gone = true
	_ = b.call(func() { gone = s.leaving || b.slaveByID(s.id) != s })
	if gone {
		b.letGo(h) // released meanwhile, perhaps before this had been said
	}
}

// holdRenamed follows a slave to another name: managers know NICs by it.
func (b *Bond) holdRenamed(s *slave) {
	b.holdAgain(s)
	for _, err := range b.sys.Managers().Sweep(b.ctx, b.engine.slaveNames()) {
		b.box.post(func() { b.managerTrouble(s.name, "another program doesn't know the slave's new name: "+err.Error()) })
	}
}

// slaveNames are the names of all bonds' slaves.
func (e *Engine) slaveNames() []string {
	var names []string
	for _, b := range e.Bonds() {
		_ = b.call(func() {
			for _, s := range b.members() {
				names = append(names, s.name)
			}
			if b.coming != nil {
				names = append(names, b.coming.Name)
			}
			for _, r := range b.pending {
				names = append(names, r.Name)
			}
		})
	}
	for _, r := range e.keep.remains() {
		for _, s := range r.Slaves {
			names = append(names, s.Name)
		}
	}
	return names
}

// reportClients tells of programs that somebody started for the slave alone.
func (b *Bond) reportClients(s *slave) {
	var name string
	if b.call(func() { name = s.name }) != nil {
		return
	}
	list := b.sys.Managers().Clients(name)
	b.box.post(func() {
		for _, c := range list {
			b.warn(s, "slave_client", fmt.Sprintf("%v runs on the slave and may put an address on it or set it down: it is to be ended", c))
		}
	})
}

// addressEvent has a slave's addresses looked at; 0 stands for all slaves.
func (b *Bond) addressEvent(index int) {
	b.box.post(func() {
		for _, s := range b.slaves {
			s.addrLook = s.addrLook || index == 0 || s.index == index
		}
		b.refresh()
	})
}

// lookAtAddresses reads the addresses of slaves of which something was heard.
func (b *Bond) lookAtAddresses(slaves []*slave) {
	var look []*slave
	_ = b.call(func() {
		for _, s := range slaves {
			if s.addrLook {
				s.addrLook = false
				look = append(look, s)
			}
		}
	})
	for _, s := range look {
		list, err := b.sys.Addresses(s.index)
		if err != nil {
			continue // it is gone, or its next event comes
		}
		came := false
		_ = b.call(func() { came = b.slaveAddresses(s, list) })
		if came {
			go func() {
				b.reportClients(s)
				b.holdAgain(s)
			}()
		}
	}
}

// slaveAddresses compares a slave's addresses with those known, and tells of
// each that came or went: the slave's stack hears nothing, so whoever uses one
// is cut off.
func (b *Bond) slaveAddresses(s *slave, list []netip.Prefix) (came bool) {
	now := make([]string, 0, len(list))
	for _, p := range list {
		if p.Addr().IsLinkLocalUnicast() && p.Addr().Is6() {
			continue // the kernel's own, for a moment
		}
		now = append(now, p.String())
	}
	for _, a := range now {
		if !slices.Contains(s.addrs, a) {
			b.warn(s, "slave_address", "address "+a+" is on a slave, where it can't work; it belongs on "+b.name)
			came = true
		}
	}
	for _, a := range s.addrs {
		if !slices.Contains(now, a) {
			b.event(Event{Slave: s.name, Kind: "slave_address_gone", Message: "address " + a + " is no longer on the slave"})
		}
	}
	s.addrs = now
	return came
}
