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
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// Adopt goes on with the bonds that a process left which is no more: the same
// TAPs, so that addresses, routes and connections go on, the same slaves, and
// the same active one if its link is good. What was being made or undone then
// is undone. The error tells of what could not be taken over: its record is kept,
// nothing of it is touched, and it is tried again from time to time.
func (e *Engine) Adopt(ctx context.Context, records []Record) error {
	e.keep.leave(records...) // first: whatever is saved from now on has them all
	err := forEach(len(records), func(i int) error {
		if err := e.takeUp(ctx, &records[i]); err != nil {
			return fmt.Errorf("adopt %s: %w", records[i].Name, err)
		}
		return nil
	})
	_ = e.keep.flush()
	if ctx.Err() != nil {
		return err // told to end: the next process goes on
	}
	return errors.Join(append(e.sys.Managers().Sweep(ctx, e.slaveNames()), err)...)
}

// takeUp takes one bond over, or undoes it if it was being made or removed or its
// TAP is gone.
func (e *Engine) takeUp(ctx context.Context, r *Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, found := ownTAP(e.sys, r)
	if !found || r.Phase != Steady {
		return e.undo(r)
	}
	return e.adopt(ctx, r, info)
}

// ownTAP finds the TAP of a record.
func (e *Engine) ownTAP(r *Record) (link.Info, bool) { return ownTAP(e.sys, r) }

func (e *Engine) adopt(ctx context.Context, r *Record, info link.Info) error {
	e.mu.Lock()
	if e.bonds[info.Name] != nil {
		e.mu.Unlock()
		return fmt.Errorf("%s: %w", info.Name, unix.EEXIST)
	}
	e.bonds[info.Name] = reserved
	e.mu.Unlock()
	b, err := openBond(e, tap.Options{Name: info.Name, Adopt: true}, r.Values)
	if err != nil {
		e.register(info.Name, nil)
		return err
	}
	b.admin <- struct{}{} // nobody else knows of it yet
	defer b.unlock()
	b.was(r, info)
	b.start()
	// At any moment the one record or the other is there.
	e.keep.settled(r, nil, func() { e.register(info.Name, b) })
	_ = b.call(func() {
		b.event(Event{Kind: "adopt", Message: "taken over from a process that ended without releasing it", Why: "state file"})
		if info.Name != r.Name {
			b.event(Event{Kind: "rename", Message: "renamed to " + info.Name, From: r.Name, To: info.Name})
		}
	})
	active := b.takeSlaves(ctx)
	b.followTAP() // up first: the link monitor stands still while the bond is down
	_ = b.call(func() { b.resumeActive(r, active) })
	b.steerQueues()
	err = b.takeLane()
	return errors.Join(err, b.tapSync.wait(ctx))
}

// was gives a bond that doesn't run yet what the record tells, and what the host
// did to its TAP meanwhile: a new MTU is seen as such and followed.
func (b *Bond) was(r *Record, info link.Info) {
	b.byModule = r.ByModule
	b.ownMAC, b.failovers = r.OwnMAC && r.gave(info.MAC), r.Failovers
	if r.MTU != 0 {
		b.mtu = r.MTU
	}
	if b.lag != nil {
		b.lag.numbers = r.PortNumbers
	}
	b.pending, b.before, b.away = slices.Clone(r.Slaves), r, slices.Clone(r.Away)
	b.lookBack()
}

// gave: the bond had the address by itself, whatever it was doing when its process
// ended; another one was set by somebody.
func (r *Record) gave(mac [6]byte) bool {
	return r.MAC == [6]byte{} || mac == r.MAC || slices.ContainsFunc(r.Slaves, func(s SlaveRecord) bool {
		return mac == s.PermMAC || mac == s.Saved.MAC || mac == s.MAC
	})
}

// adoptSlave takes a slave over that is still ours.
func (b *Bond) adoptSlave(r *SlaveRecord, info link.Info) error {
	if !b.engine.claim(info.Index, b) {
		return fmt.Errorf("belongs to another bond: %w", unix.EBUSY)
	}
	e := enslaving{b: b, was: r, mac: b.mac, mtu: b.mtu, claimed: info.Index}
	e.s = &slave{
		index: info.Index, name: info.Name, saved: r.Saved, permMAC: r.PermMAC, mac: info.MAC, mtu: info.MTU, managers: r.Managers, identity: r.Identity,
		failures: r.Failures, outages: slices.Clone(r.Outages), prio: r.Prio, queueID: r.QueueID,
		portPrio: r.PortPrio, prompt: info.Prompt(), assume: r.AssumedMbps, number: r.PortNumber, configured: r.Configured,
	}
	if tap, err := b.sys.LinkByIndex(b.index); err == nil && tap.Up {
		e.s.memory = r.LACP // else the bond was set down meanwhile, and said goodbye
	}
	// With other rules the active slave's address is seen to once it is known.
	var err error
	if info.MAC != b.mac && b.failOverMAC() == option.FailOverMACNone && b.bal == nil {
		err = b.sys.SetMAC(info.Index, b.mac)
		e.s.mac = b.mac
	}
	if err == nil {
		err = e.isolate()
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
// announce; if it can't have it any more, another one is chosen as ever. s is the
// slave that had it, whatever it is called now.
func (b *Bond) resumeActive(r *Record, s *slave) {
	b.before = nil
	if s != nil && s.link == monitor.LinkUp && s.carrier {
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
