package bond

import (
	"context"
	"fmt"
	"time"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
)

// housekeepEvery is how often what has no event of its own is looked at: the
// slaves' filters, and the address lists of the TAP.
const housekeepEvery = time.Second

// mendTries is how often in mendWindow a slave's address is put back before
// we leave it to whoever keeps changing it.
const (
	mendTries  = 3
	mendWindow = 10 * time.Second
)

// housekeeping re-asserts what may be taken away without an event.
func (b *Bond) housekeeping() {
	tick := time.NewTicker(housekeepEvery)
	defer tick.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-tick.C:
			if !b.tryLock() {
				continue
			}
		case <-b.tidy:
			if b.lock(b.ctx) != nil {
				return
			}
		}
		b.retryPending()
		var slaves []*slave
		_ = b.call(func() {
			slaves = b.members()
			b.noteReturned(b.now())
			for _, s := range slaves {
				if s.claimed != "" { // what does so may be in another namespace, and go unseen
					b.refresh()
				}
			}
			if len(b.away) > 0 {
				b.lookBack()
			}
		})
		for _, s := range slaves {
			b.keepShield(s, true)
			b.keepSpeed(s)
		}
		b.mirrorFilter(slaves)
		b.lookForRules(slaves)
		b.keepLane()
		b.findPaths() // routes change without an event of ours
		b.unlock()
	}
}

// keepSpeed reads a slave's speed again: not every driver tells of a change.
func (b *Bond) keepSpeed(s *slave) {
	if speed := b.sys.Speed(s.index); speed.Mbps != 0 {
		b.box.post(func() { b.setSpeed(s, speed) })
	}
}

// mirrorFilter has the slaves receive what the TAP's stack asked for. The
// kernel does this for the active slave alone; here all slaves get it, so that
// a failover has nothing to wait for.
func (b *Bond) mirrorFilter(slaves []*slave) {
	filter, err := b.tapFilter()
	if err != nil {
		return
	}
	for _, s := range slaves {
		own := filter
		own.Promisc = own.Promisc || s.vlans.pass.Promisc
		if err := s.port.SetMembership(own); err != nil {
			b.box.post(func() { b.warn(s, "filter", err.Error()) })
		}
	}
}

// tapFilter reads the TAP's receive filter.
func (b *Bond) tapFilter() (nic.Membership, error) {
	info, err := b.sys.LinkByIndex(b.index)
	if err != nil {
		return nic.Membership{}, err
	}
	unicast, multicast, err := b.sys.AddressLists(b.index)
	if err != nil {
		return nic.Membership{}, err
	}
	// Any slave may be sent what is for another one of them, or for the bond.
	_ = b.call(func() {
		if b.bal != nil {
			unicast = append(unicast, b.ourAddresses(b.now())...)
		}
	})
	return nic.Membership{Unicast: unicast, Multicast: multicast, Promisc: info.Promisc, AllMulti: info.AllMulti}, nil
}

// refresh asks for the TAP to be looked at again: its flags, MTU, address and
// filter, and what is to be announced. It returns at once; requests for it
// that come while one waits are one.
func (b *Bond) refresh() {
	select {
	case b.look <- struct{}{}:
	default:
	}
}

// follow looks at the TAP whenever asked to. Events only say that something
// may have changed: what is true is read, so that late events do no harm.
func (b *Bond) follow() {
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.look:
		}
		if b.lock(b.ctx) != nil {
			return
		}
		b.followTAP()
		b.unlock()
	}
}

// followTAP brings the bond to what somebody did to its TAP. The caller holds
// the bond's lock.
func (b *Bond) followTAP() {
	b.jobs.wait(b.ctx) // what they do is not somebody else's doing
	info, err := b.sys.LinkByIndex(b.index)
	if err != nil {
		return // deleted: another event says so
	}
	b.findPaths() // before the bond is seen to be up, and asks
	targets, err := announce.Targets(b.sys, b.index)
	b.followUppers(info.MAC)
	var slaves []*slave
	var mac [6]byte
	var mtu int
	_ = b.call(func() {
		if err == nil {
			b.targets = targets
		}
		if info.Name != b.name {
			b.event(Event{Kind: "rename", Message: "renamed to " + info.Name, From: b.name, To: info.Name})
			b.engine.renamed(b, b.name, info.Name)
			b.name, b.dirty = info.Name, true
		}
		b.setUp(info.Up)
		slaves, mac, mtu = b.members(), b.mac, b.mtu
	})
	if info.MTU != mtu {
		_ = b.followMTU(slaves, mtu, info.MTU) // an event says so
	}
	if info.MAC != mac {
		_ = b.followMAC(slaves, mac, info.MAC)
	}
	b.followRelations(slaves)
	b.mirrorFilter(slaves)
	b.observe()
	b.lookAtAddresses(slaves)
}

// setUp opens or closes the bond, as the TAP was set up or down. Slaves stay
// up; the link monitor stands still while the bond is down and then starts
// from what the carriers are.
func (b *Bond) setUp(up bool) {
	if b.up == up {
		return
	}
	b.up, b.dirty = up, true
	if b.lag != nil && !up {
		b.stepLACP(lacp.Admin{Up: false})
	}
	if !up {
		if b.probing != nil {
			b.probing.prober.Stop()
			b.probing.candidate = 0
		}
		b.event(Event{Kind: "bond_down", Message: "bond is down"})
		b.notifier.Stop()
		b.settling.Stop()
		b.rejoin.Stop()
		return
	}
	b.upAt, b.byModule = b.now(), false
	b.event(Event{Kind: "bond_up", Message: "bond is up"})
	for _, s := range b.slaves {
		b.stepMII(monitor.Carrier{ID: s.id, Up: s.carrier})
	}
	b.stepMII(monitor.Tick{})
	if b.lag != nil {
		b.stepLACP(lacp.Admin{Up: true})
	}
	if b.probing != nil {
		b.openProber()
	}
}

// slaveEvent takes what the kernel says of a slave's link; on the control
// goroutine.
func (b *Bond) slaveEvent(s *slave, ev monitor.LinkEvent) {
	if ev.Deleted {
		if !s.leaving {
			go b.vanished(s)
		}
		return
	}
	if ev.MasterIndex != s.master {
		s.master = ev.MasterIndex
		b.refresh()
	}
	b.sys.CheckCarrier(s.index)
	if len(s.passes.tags) > 0 {
		b.refresh() // its VLAN filter may have been switched on
	}
	if b.slaveLooks(s, ev.Name, ev.MTU, [6]byte(ev.MAC)) {
		go b.mendMAC(s)
	}
}

// slaveLooks takes a slave's name, MTU and address as they are now, and tells
// whether the address must be put back.
func (b *Bond) slaveLooks(s *slave, name string, mtu int, mac [6]byte) (mend bool) {
	if name != s.name {
		b.event(Event{Slave: s.name, Kind: "slave_rename", Message: "interface is now called " + name, From: s.name, To: name})
		was := s.name
		s.name, b.dirty = name, true
		if b.primaryMode() && (b.vals.Primary == was || b.vals.Primary == name) {
			b.reselect("the primary slave is another one by its name")
		}
		if b.lag != nil {
			b.stepLACP(lacp.PortRenamed{Port: lacp.PortID(s.id), Name: name})
		}
		b.sys.RenameCarrier(s.index, name)
		go b.holdRenamed(s)
	}
	if mtu != s.mtu && mtu != b.mtu {
		b.warn(s, "slave_mtu", fmt.Sprintf("MTU was changed to %d, the bond's is %d", mtu, b.mtu))
		s.mtu = mtu
	}
	switch {
	case mac == s.mac || s.leaving:
		return false
	case b.failOverMAC() == option.FailOverMACActive: // it is the slave's own
		b.slaveMACChanged(s, mac)
		return false
	}
	return true
}

// slaveMACChanged takes the address that somebody gave a slave whose address is
// its own. The bond goes with its active slave.
func (b *Bond) slaveMACChanged(s *slave, mac [6]byte) {
	b.event(Event{Slave: s.name, Kind: "slave_mac", Message: "address is now " + link.MACString(mac), From: link.MACString(s.mac), To: link.MACString(mac)})
	s.mac = mac
	if s != b.active {
		return
	}
	if moves := b.planMACs(nil, s); len(moves) > 0 {
		b.moveMACs(moves, b.startNotify)
	}
}

// mendMAC puts a slave's address back that somebody changed.
func (b *Bond) mendMAC(s *slave) {
	if b.lock(b.ctx) != nil {
		return
	}
	defer b.unlock()
	b.putBackMAC(s)
}

// putBackMAC is mendMAC for who holds the bond's lock.
func (b *Bond) putBackMAC(s *slave) {
	b.jobs.wait(b.ctx)
	info, err := b.sys.LinkByIndex(s.index)
	var want [6]byte
	var try bool
	_ = b.call(func() {
		want = s.mac
		if err != nil || info.MAC == want || s.leaving || b.slaveByID(s.id) == nil {
			return
		}
		if b.now().Sub(s.mendAt) > mendWindow {
			s.mendAt, s.mended = b.now(), 0
		}
		s.mended++
		switch try = s.mended <= mendTries; {
		case try:
			b.warn(s, "slave_mac", "address was changed to "+link.MACString(info.MAC)+", put back")
		case s.mended == mendTries+1:
			b.warn(s, "slave_mac", "address keeps being changed, left at "+link.MACString(info.MAC))
		}
	})
	if try {
		if err := b.sys.SetMAC(s.index, want); err != nil {
			b.box.post(func() { b.warn(s, "slave_mac", err.Error()) })
		}
	}
}

// SetUp sets the bond administratively up, as `ip link set bond0 up` does. When
// it returns the bond carries traffic, if a slave can.
func (b *Bond) SetUp(ctx context.Context) error { return b.setTAP(ctx, b.sys.SetUp) }

// SetDown sets the bond administratively down; its slaves stay up.
func (b *Bond) SetDown(ctx context.Context) error { return b.setTAP(ctx, b.sys.SetDown) }

func (b *Bond) setTAP(ctx context.Context, set func(index int) error) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	if err := set(b.index); err != nil {
		return err
	}
	b.followTAP()
	return b.inForce(ctx)
}
