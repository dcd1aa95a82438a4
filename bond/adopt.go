package bond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// Adopt goes on with the bonds that a process left which is no more: the same
// TAPs, so that addresses, routes and connections go on, the same slaves, and
// the same active one if its link is good. What was being made or undone then
// is undone. The error tells of what could not be taken over; the rest was.
func (e *Engine) Adopt(ctx context.Context, records []Record) error {
	var errs []error
	for i := range records {
		r := &records[i]
		var err error
		if info, found := e.ownTAP(r); !found || r.Phase != Steady {
			err = Undo(e.sys, r)
		} else {
			err = e.adopt(ctx, r, info.Name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("adopt %s: %w", r.Name, err))
		}
	}
	e.keep.flush()
	errs = append(errs, e.sys.Managers().Sweep(ctx, e.slaveNames())...)
	return errors.Join(errs...)
}

// ownTAP finds the TAP of a record. One that was being made is known by its
// name alone: the record was written when there was none of that name.
func (e *Engine) ownTAP(r *Record) (link.Info, bool) { return ownTAP(e.sys, r) }

func ownTAP(sys System, r *Record) (link.Info, bool) {
	info, err := sys.LinkByIndex(r.Index)
	if r.Index == 0 {
		info, err = sys.LinkByName(r.Name)
	}
	return info, err == nil && info.Kind == "tun"
}

func (e *Engine) adopt(ctx context.Context, r *Record, name string) error {
	e.mu.Lock()
	e.bonds[name] = reserved
	e.mu.Unlock()
	b, err := openBond(e, tap.Options{Name: name, Adopt: true}, r.Values)
	if err != nil {
		e.register(name, nil)
		return err
	}
	b.ownMAC, b.failovers = r.OwnMAC, r.Failovers
	if b.lag != nil {
		b.lag.numbers = r.PortNumbers
	}
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	b.start()
	e.register(name, b)
	_ = b.call(func() {
		b.event(Event{Kind: "adopt", Message: "taken over from a process that ended without releasing it", Why: "state file"})
	})
	var errs []error
	for i := range r.Slaves {
		if err := b.adoptSlave(&r.Slaves[i]); err != nil {
			errs = append(errs, fmt.Errorf("slave %s: %w", r.Slaves[i].Name, err))
			b.box.post(func() { b.warn(nil, "adopt", "slave "+r.Slaves[i].Name+" is left out: "+err.Error()) })
		}
	}
	b.followTAP() // up first: the link monitor stands still while the bond is down
	_ = b.call(func() { b.resumeActive(r) })
	b.steerQueues()
	if err := b.takeLane(); err != nil {
		errs = append(errs, err)
	}
	b.refresh()
	return errors.Join(append(errs, b.tapSync.wait(ctx))...)
}

// adoptSlave takes one slave over, or leaves its NIC as it was before the bond
// if it was coming or going.
func (b *Bond) adoptSlave(r *SlaveRecord) error {
	info, err := b.sys.LinkByIndex(r.Index)
	switch {
	case err != nil:
		return err
	case r.Phase != Steady:
		return undoSlave(b.sys, r)
	case info.MasterIndex != 0:
		return fmt.Errorf("belongs to another link now: %w", unix.EBUSY)
	}
	if !b.engine.claim(info.Index, b) {
		return fmt.Errorf("belongs to another bond: %w", unix.EBUSY)
	}
	e := enslaving{b: b, was: r, mac: b.mac, mtu: b.mtu, claimed: info.Index}
	e.s = &slave{
		index: info.Index, name: info.Name, saved: r.Saved, permMAC: r.PermMAC, mac: info.MAC, mtu: info.MTU, managers: r.Managers,
		failures: r.Failures, outages: slices.Clone(r.Outages), prio: r.Prio, queueID: r.QueueID,
		portPrio: r.PortPrio, prompt: info.Prompt(), assume: r.AssumedMbps, number: r.PortNumber,
	}
	if tap, err := b.sys.LinkByIndex(b.index); err == nil && tap.Up {
		e.s.memory = r.LACP // else the bond was set down meanwhile, and said goodbye
	}
	// With other rules the active slave's address is seen to once it is known.
	if info.MAC != b.mac && b.failOverMAC() == option.FailOverMACNone && b.bal == nil {
		err = b.sys.SetMAC(info.Index, b.mac)
		e.s.mac = b.mac
	}
	if err == nil {
		err = e.open()
	}
	if err == nil {
		e.s.carrier = b.sys.Carrier(info.Index)
		e.s.speed = b.sys.Speed(info.Index)
		err = b.call(e.join)
	}
	if err != nil {
		e.undo.run()
		e.giveUp()
		return err
	}
	b.holdAgain(e.s)
	return nil
}

// resume gives a slave that was taken over what it had. It waits for no updelay
// that it has waited for already.
func (e *enslaving) resume() {
	b, s := e.b, e.s
	if s.link == monitor.LinkBack && e.was.Link == monitor.LinkUp {
		b.mii.Promote(s.id)
		s.link = monitor.LinkUp
	}
	if s.link == e.was.Link {
		s.since, s.why = e.was.Since, e.was.Why
	}
	b.event(Event{Slave: s.name, Kind: "adopt_slave", Message: "taken over with its link " + s.link.String(), To: s.link.String(), Level: slog.LevelInfo})
}

// resumeActive puts the active slave in its role again, without a change to
// announce; if it can't have it any more, another one is chosen as ever.
func (b *Bond) resumeActive(r *Record) {
	if s := b.slaveByName(r.Active); s != nil && s.link == monitor.LinkUp && s.carrier {
		b.active, b.activeSince, b.activeWhy = s, r.ActiveAt, r.ActiveWhy
		b.dirty = true
		b.tellProber()
	}
	if b.lag != nil {
		b.wantTAP()
		return
	}
	b.reselect("taken over")
	if moves := append(b.planMACs(nil, b.active), b.partMACs()...); len(moves) > 0 {
		b.moveMACs(moves, func() {})
	}
}

// Undo leaves the host as it was before the bond of a record that no process
// runs: the slaves as they were found, but down, the filters and the TAP gone.
// What can be undone is, whatever else fails.
func Undo(sys System, r *Record) error {
	var errs []error
	for i := range r.Slaves {
		if err := undoSlave(sys, &r.Slaves[i]); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("slave %s: %w", r.Slaves[i].Name, err))
		}
	}
	if info, found := ownTAP(sys, r); found {
		dev, err := sys.OpenTAP(tap.Options{Name: info.Name, Adopt: true})
		if err == nil {
			err = dev.Delete()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func undoSlave(sys System, r *SlaveRecord) error {
	if _, err := sys.LinkByIndex(r.Index); err != nil {
		return err
	}
	// Down first: the filter goes when the host's stack has nothing to hear.
	err := sys.RestoreSlave(r.Index, r.Saved)
	serr := removeShield(sys, r.Index)
	free := sys.Managers().Free(context.Background(), unmanage.Held{NIC: r.Name, Managers: r.Managers})
	return errors.Join(append(free, err, serr)...)
}

// removeShield takes away a shield that is there, whoever put it there.
func removeShield(sys System, index int) error {
	shield, err := sys.Shield(index, nil)
	if err != nil {
		return err
	}
	return shield.Remove()
}
