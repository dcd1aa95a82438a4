package bond

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/relations"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
)

// Enslave makes the named interface a slave, with the kernel's checks, order
// and errors (spec 2.6). When it returns nil the slave is open, its link
// evaluated and visible in State. On an error everything is as it was.
func (b *Bond) Enslave(ctx context.Context, name string) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	return b.enslaveAs(ctx, name, joining{})
}

// EnslaveConfigured is Enslave for a slave that configuration has: with option readd
// auto it is taken again when its NIC was unplugged and returns.
func (b *Bond) EnslaveConfigured(ctx context.Context, name string) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	return b.enslaveAs(ctx, name, joining{configured: true})
}

// enslaveAs is Enslave for who holds the bond's lock.
func (b *Bond) enslaveAs(ctx context.Context, name string, how joining) error {
	e := enslaving{b: b, joining: how}
	if err := b.call(func() { e.situation() }); err != nil {
		return err
	}
	info, err := e.reserve(name)
	if err == nil {
		err = e.prepare(info)
	}
	if err == nil {
		err = b.call(e.join)
	}
	if err != nil {
		e.undo.run()
		_ = b.call(func() { b.coming = nil })
		_ = b.engine.keep.flush()
		e.giveUp()
		return err
	}
	if err := b.engine.keep.flush(); err != nil {
		return errors.Join(e.fail("keep its record", err), b.release(true, e.s))
	}
	go b.reportClients(e.s)
	b.refresh()
	return b.inForce(ctx)
}

func (e *enslaving) fail(what string, err error) error {
	return fmt.Errorf("%s: (slave %s): %s: %w", e.sit.Bond, e.name, what, err)
}

// noteComing has the record tell how a NIC was, before anything is done to it.
func (b *Bond) noteComing(r *SlaveRecord) error {
	_ = b.call(func() { b.coming = r })
	return b.engine.keep.flush()
}

// done returns when what a request changed is in force, and kept if it can be.
func (b *Bond) done(ctx context.Context) error {
	_ = b.engine.keep.flush()
	return b.inForce(ctx)
}

// enslaving is one enslave under way.
type enslaving struct {
	b    *Bond
	sit  link.Situation
	name string
	joining
	mac  [6]byte // the bond's
	take bool    // the bond takes the slave's address
	mtu  int

	primary      string // the interface that primary names
	activeBackup bool
	balanced     bool   // balance-tlb or -alb: addresses are unique
	fom          uint32 // fail_over_mac in force
	others       bool   // the bond has slaves
	forced       bool   // fail_over_mac must become active
	devices      *relations.Map
	slaveMAC     [6]byte // the slave's, from now on

	undo    undoList
	claimed int // interface index that is reserved for the bond, 0 for none

	s   *slave
	was *SlaveRecord // taken over from a process that is no more
}

// undoList holds what takes back the steps done so far.
type undoList []func()

func (u *undoList) add(fn func()) { *u = append(*u, fn) }

func (u undoList) run() {
	for i := len(u) - 1; i >= 0; i-- {
		u[i]()
	}
}

// situation runs on the control goroutine.
func (e *enslaving) situation() {
	b := e.b
	e.sit = link.Situation{Bond: b.name, BondIndex: b.index, InUse: func(index int) bool { return index != e.claimed }}
	e.mac, e.mtu, e.primary = b.mac, b.mtu, b.vals.Primary
	e.take = b.ownMAC && len(b.slaves) == 0
	e.balanced = b.bal != nil
	e.activeBackup, e.fom, e.others = b.vals.Mode == option.ActiveBackup, b.failOverMAC(), len(b.slaves) > 0
}

// prepare does everything that touches the host, in the kernel's order, and
// leaves in undo how to take it back.
func (e *enslaving) prepare(info link.Info) error {
	b := e.b
	if err := e.relate(info.Index); err != nil {
		return fmt.Errorf("%s: (slave %s): %w", e.sit.Bond, info.Name, err)
	}
	if err := link.EnslaveChecks(info, e.sit); err != nil {
		return err
	}
	if err := e.driven(info); err != nil {
		return err
	}
	r, err := e.found(info)
	if err != nil {
		return e.fail("save state", err)
	}
	held := unmanage.Held{NIC: info.Name, Managers: r.Managers}
	e.s = &slave{
		index: info.Index, name: info.Name, saved: r.Saved, permMAC: r.PermMAC, identity: r.Identity, mtu: e.mtu,
		managers: held.Managers, prompt: info.Prompt(),
		portPrio: lacp.DefaultPortPriority, configured: e.configured,
	}
	if e.again != nil {
		e.again.options(e)
	}
	if err := b.noteComing(&r); err != nil {
		return e.fail("keep its record", err)
	}
	e.undo.add(func() { b.letGo(held) })
	b.hold(held)
	// The filter is a mark, too: what has none needs no undoing.
	if err := e.isolate(); err != nil {
		return e.fail("isolate", err)
	}
	return e.change(info)
}

// found is the NIC's record as it is before anything is done to it. One that an
// earlier release could not restore was found as it is noted there.
func (e *enslaving) found(info link.Info) (SlaveRecord, error) {
	b := e.b
	saved, err := b.sys.SaveSlave(info.Index)
	if err != nil {
		return SlaveRecord{}, err
	}
	hooked, err := b.sys.Hooked(info.Index)
	if err != nil {
		return SlaveRecord{}, err
	}
	r := SlaveRecord{
		Name: info.Name, Index: info.Index, Phase: Coming, Saved: saved, PermMAC: info.MAC,
		Managers: b.sys.Managers().Look(b.ctx, info.Name),
		Identity: &Identity{HWAddr: info.PermMAC, Kind: info.Kind, Hooked: hooked},
	}
	if a := e.again; a != nil && info.MAC == a.MAC && a.MAC != a.Saved.MAC {
		r.Saved, r.PermMAC = a.Saved, a.Saved.MAC
	}
	if before, ok := b.engine.inherit(info); ok {
		r.Saved, r.PermMAC, r.Identity = before.Saved, before.PermMAC, before.Identity
	}
	return r, nil
}

// change does to the host what makes the NIC a slave, in the kernel's order.
func (e *enslaving) change(info link.Info) error {
	b, fail := e.b, e.fail
	e.undo.add(func() {
		if err := b.sys.RestoreSlave(info.Index, e.s.saved); err != nil {
			_ = b.call(func() {
				b.warn(nil, "restore", err.Error())
				r := *b.coming
				r.Phase = Going
				b.pending = append(b.pending, r)
			})
		}
	})
	if e.take {
		old := e.mac
		if err := b.sys.SetMAC(b.index, info.MAC); err != nil {
			return fail("give its address to the bond", err)
		}
		e.mac = info.MAC
		e.undo.add(func() { _ = b.sys.SetMAC(b.index, old) })
	}
	if info.MTU != e.mtu {
		if err := b.sys.SetMTU(info.Index, e.mtu); err != nil {
			return fail(fmt.Sprintf("set MTU %d", e.mtu), err)
		}
	}
	if err := e.setMAC(info); err != nil {
		if _, asKernel := err.(*link.EnslaveError); asKernel {
			return err
		}
		return fail("set MAC address", err)
	}
	if err := b.sys.PrepareSlave(info.Index); err != nil {
		return fail("turn IPv6 off", err)
	}
	e.s.mac = e.slaveMAC
	if err := e.open(); err != nil {
		return fail("open", err)
	}
	b.passVLANs(e.devices, e.s, b.vlans(e.devices))
	b.mirrorFilter([]*slave{e.s})
	if err := b.sys.SetUp(info.Index); err != nil {
		return fail("set up", err)
	}
	e.s.carrier = b.sys.Carrier(info.Index)
	e.s.speed = b.sys.Speed(info.Index)
	return nil
}

func (e *enslaving) open() error {
	b, s := e.b, e.s
	var err error
	if s.port, err = b.sys.OpenPort(s.index, nic.Options{Offload: b.dev.Offload(), LeaveIP: s.seat != nil, LeaveLACP: b.lag != nil}); err != nil {
		return err
	}
	e.undo.add(func() { _ = s.port.Close() })
	if s.control, err = b.sys.OpenControl(s.index); err != nil {
		return err
	}
	e.undo.add(func() { _ = s.control.Close() })
	if err = b.openSlow(s); err != nil {
		return err
	}
	filter, err := b.tapFilter()
	if err != nil {
		return err
	}
	return s.port.SetMembership(filter)
}

// join runs on the control goroutine: the slave becomes part of the bond.
func (e *enslaving) join() {
	b, s := e.b, e.s
	b.coming = nil
	b.dropPending(s.index)
	b.nextID++
	s.id = b.nextID
	s.slot = b.takeSlot()
	b.mac = e.mac
	for range b.tx {
		s.addWriter()
	}
	s.rx = newRxWorker(s.slot, s.port, b.rxQueues[s.slot%len(b.rxQueues)], &b.snap)
	s.rx.notes.wake = b.noteWake
	s.rxDone = make(chan struct{})
	s.slow = newSlowInbox(func() { b.box.post(func() { b.hear(s) }) })
	s.rx.slow = s.slow
	s.fresh = true
	b.slaves, b.byModule = append(b.slaves, s), false
	if b.bal != nil {
		b.joinMACs(s)
	}
	b.dirty = true
	s.since = b.now()
	if e.forced {
		b.forceActive(s)
	}

	b.watchLink(s)
	s.why = map[monitor.Link]string{
		monitor.LinkUp: "carrier when enslaved", monitor.LinkDown: "no carrier when enslaved", monitor.LinkBack: "carrier when enslaved, waiting for updelay",
	}[s.link]
	if e.again != nil {
		e.rejoined()
	}
	if e.was != nil {
		e.resume()
	} else {
		e.welcome()
	}
	b.forgetAway(s.name, s.hwAddr())
	s.fresh = false
	s.addrLook = true
	b.joinLACP(s)
	b.stepMII(monitor.Tick{}) // a lone slave doesn't wait for updelay
	go b.runRx(s)
	if b.lag != nil {
		go b.runSlow(s)
	} else {
		go b.runProbes(s)
	}
	if err := b.sys.WatchCarrier(s.index, s.prompt, s.busyFrames, func(up bool) {
		b.box.post(func() { b.setCarrier(s, up) })
	}); err != nil {
		b.warn(s, "carrier_watch", "carrier is followed by events alone: "+err.Error())
	}
}

// watchLink puts a new slave under the link monitor.
func (b *Bond) watchLink(s *slave) {
	ev := monitor.Added{ID: s.id, Carrier: s.carrier}
	if b.probing != nil {
		b.listen(s)
		b.stepProber(ev)
		s.link = b.probing.prober.Link(s.id)
		return
	}
	b.effects = b.mii.Step(b.now(), ev, b.miiContext(), b.effects[:0])
	s.link = b.mii.Link(s.id)
}

// welcome gives a new slave its role.
func (e *enslaving) welcome() {
	b, s := e.b, e.s
	if s.name == e.primary { // it may have been set by another name of the interface
		b.vals.Primary, b.forcePrimary = s.name, true
	}
	// The kernel raises the carrier without a word here; a word is for changes.
	b.updateCarrier()
	if b.primaryMode() || b.active == nil && b.lag == nil {
		b.reselect("slave added")
	}
	b.event(Event{Slave: s.name, Kind: "enslave", Message: enslaveText(b.backup(s), s.link), To: s.link.String()})
}

// backup is the kernel's word for a slave that doesn't carry the bond's frames.
func (b *Bond) backup(s *slave) bool {
	if b.lag != nil {
		return !s.distributing
	}
	return b.hasBackups() && s != b.active
}

func enslaveText(backup bool, l monitor.Link) string {
	text := "Enslaving as an active"
	if backup {
		text = "Enslaving as a backup"
	}
	if l == monitor.LinkDown {
		return text + " interface with a down link"
	}
	return text + " interface with an up link"
}

// takeSlot returns the lowest free slot.
func (b *Bond) takeSlot() int {
	for i, used := range b.slots {
		if !used {
			b.slots[i] = true
			return i
		}
	}
	b.slots = append(b.slots, true)
	return len(b.slots) - 1
}

// runRx is the life of a receive worker. A port that ends by itself is a NIC
// that is gone.
func (b *Bond) runRx(s *slave) {
	err := s.rx.run()
	close(s.rxDone)
	b.box.post(func() {
		if !s.leaving && err != nil {
			go b.vanished(s)
		}
	})
}
