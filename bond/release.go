package bond

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/monitor"
)

// Release takes the named slave out of the bond and leaves the NIC as it was
// found, but down, as the kernel does (spec 2.7). Nothing in flight is lost:
// the others transmit from the first moment on, and what still arrives on the
// slave is delivered for a short while. When it returns the NIC is free.
func (b *Bond) Release(ctx context.Context, name string) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	return b.releaseByName(ctx, name)
}

// releaseByName is Release for who holds the bond's lock.
func (b *Bond) releaseByName(ctx context.Context, name string) error {
	var s *slave
	var bond string
	if err := b.call(func() { s, bond = b.slaveByName(name), b.name }); err != nil {
		return err
	}
	if info, err := b.sys.LinkByName(name); s == nil && err == nil { // an alternative name
		_ = b.call(func() { s = b.memberByIndex(info.Index) })
	}
	forgotten := false
	if s == nil { // one that is away needn't be taken again
		_ = b.call(func() { forgotten = b.forgetAway(name, [6]byte{}) })
	}
	if forgotten {
		return b.done(ctx)
	}
	if s == nil {
		return &ReleaseError{Bond: bond, Slave: name}
	}
	err := b.release(true, s)
	b.steerQueues()
	return errors.Join(err, b.done(ctx))
}

// ReleaseError says that an interface is not a slave of the bond.
type ReleaseError struct{ Bond, Slave string }

func (e *ReleaseError) Error() string {
	return fmt.Sprintf("%s: (slave %s): interface not a slave of this bond", e.Bond, e.Slave)
}

// Unwrap returns EINVAL, the kernel's answer.
func (e *ReleaseError) Unwrap() error { return unix.EINVAL }

// release takes slaves out; the caller holds the bond's lock. A NIC that is
// gone (present false) is not waited for and not restored.
func (b *Bond) release(present bool, slaves ...*slave) error {
	var readers []*reader
	var gen uint64
	var wait time.Duration
	var drained []<-chan struct{}
	if err := b.call(func() {
		drain := present && b.up
		for _, s := range slaves {
			b.leave(s)
		}
		for _, s := range slaves {
			if ch := b.leaveLACP(s, drain); ch != nil {
				drained = append(drained, ch)
			}
		}
		gen = b.publish()
		for _, w := range b.tx {
			readers = append(readers, w.reader)
		}
		if present && b.up && len(b.members()) > 0 {
			wait = drainTime
		}
	}); err != nil {
		return err
	}
	_ = b.engine.keep.flush() // it is undone whether or not that can be noted
	awaitGrace(readers, gen)  // from here on nobody writes to the ports
	time.Sleep(wait)
	awaitDrained(drained)
	_ = b.call(func() {
		if len(drained) > 0 {
			for _, s := range slaves {
				b.leaveLACP(s, false)
			}
		}
	})
	errs := []error{forEach(len(slaves), func(i int) error {
		s := slaves[i]
		err := b.free(s, present)
		if err != nil {
			err = fmt.Errorf("(slave %s): release: %w", s.name, err)
			_ = b.call(func() { b.pending = append(b.pending, b.recordOf(s)) })
		}
		return err
	})}
	var held []unmanage.Held
	_ = b.call(func() {
		for _, s := range slaves {
			held = append(held, unmanage.Held{NIC: s.name, Managers: s.managers})
		}
	})
	b.letGo(held...)
	var empty, ending bool
	var mac [6]byte
	if err := b.call(func() {
		empty, mac = b.drop(slaves)
		ending = b.ending
	}); err != nil {
		return err
	}
	if empty && !ending {
		// The kernel gives an empty bond a new random address, even where the
		// old one had been set by hand.
		errs = append(errs, b.sys.SetMAC(b.index, mac))
	}
	return errors.Join(errs...)
}

// drainLimit is how long a port waits for its partner to stop sending. LACP
// gives up after a second by itself.
const drainLimit = 2 * time.Second

func awaitDrained(ports []<-chan struct{}) {
	limit := time.After(drainLimit)
	for _, ch := range ports {
		select {
		case <-ch:
		case <-limit:
			return
		}
	}
}

// free closes a slave's sockets and leaves its NIC as it was found, but down.
func (b *Bond) free(s *slave, present bool) error {
	b.sys.UnwatchCarrier(s.index)
	s.shield.retire()
	// The kernel waits for its processors at each: side by side.
	errs := []error{forEach(2, func(i int) error { return []io.Closer{s.port, s.control}[i].Close() })}
	<-s.rxDone
	if present {
		b.jobs.wait(b.ctx) // one of them may give it an address
		errs = append(errs, b.giveBack(s))
	}
	s.leaveSeat()
	return errors.Join(errs...)
}

// giveBack leaves a slave's NIC as it was found, but down, unless somebody else
// has taken it meanwhile.
func (b *Bond) giveBack(s *slave) error {
	var r SlaveRecord
	_ = b.call(func() { r = b.recordOf(s) })
	r.Saved = b.restored(s)
	info, err := b.sys.LinkByIndex(s.index)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	f := finding{Info: info}
	if err == nil {
		f.why, err = r.taken(b.sys, &f)
	}
	if err != nil || f.why == "" {
		return r.restore(b.sys)
	}
	how, err := r.restoreInUse(b.sys, &f)
	b.box.post(func() { b.warn(s, "release", how) })
	return err
}

// restored is how a slave's NIC is to be left: as it was found, but for an
// address that was its own to change.
func (b *Bond) restored(s *slave) link.Saved {
	saved := s.saved
	_ = b.call(func() {
		if b.failOverMAC() == option.FailOverMACActive {
			saved.MAC = s.mac
		}
	})
	return saved
}

// leave runs on the control goroutine: s transmits no more, what still arrives
// on it is delivered as before.
func (b *Bond) leave(s *slave) {
	s.leaving = true
	b.dirty = true
	role := "active"
	if b.backup(s) {
		role = "backup"
	}
	b.event(Event{Slave: s.name, Kind: "release", Message: "Releasing " + role + " interface", From: s.link.String()})
	b.stillInUse(s)
	if b.probing != nil {
		b.stepProber(monitor.Removed{ID: s.id})
	} else {
		b.effects = b.mii.Step(b.now(), monitor.Removed{ID: s.id}, b.miiContext(), b.effects[:0])
		for _, e := range b.effects {
			b.linkChanged(e)
		}
	}
	if b.active == s {
		b.reselect("active slave released")
	} else {
		b.updateCarrier()
	}
	if b.bal != nil {
		b.leaveMACs(s)
	}
	if !b.primaryMode() && b.lag == nil && b.up && b.vals.NumGratArp > 0 {
		b.speakElsewhere()
	}
}

// speakElsewhere has another slave send an announcement: a switch without a
// static LAG sends to the port that spoke last, and that one is about to leave.
func (b *Bond) speakElsewhere() {
	for _, s := range b.members() {
		if s.carrier && s.link == monitor.LinkUp {
			b.announceOn(s)
			return
		}
	}
}

// drop runs on the control goroutine: the slaves are forgotten. If none is
// left the bond gets a new address.
func (b *Bond) drop(slaves []*slave) (empty bool, mac [6]byte) {
	for _, s := range slaves {
		b.slaves = slices.DeleteFunc(b.slaves, func(x *slave) bool { return x == s })
		b.engine.disclaim(s.index, b)
		b.slots[s.slot] = false
		b.past.add(s.traffic())
		b.lanePast.add(s.laneTraffic())
		b.retired.add(&s.rx.drops)
		b.retired.addSeat(s.seat)
		b.retired.addPort(s.port.Stats())
	}
	b.dirty = true
	if len(b.slaves) > 0 {
		return false, mac
	}
	mac = randomMAC()
	b.mac, b.ownMAC = mac, true
	b.configureLACP()
	return true, mac
}

// randomMAC is a locally administered unicast address.
func randomMAC() (mac [6]byte) {
	_, _ = rand.Read(mac[:]) // documented never to fail
	mac[0] = mac[0]&^1 | 2
	return mac
}

// vanished releases a slave whose NIC went away by itself.
func (b *Bond) vanished(s *slave) {
	if b.lock(b.ctx) != nil {
		return
	}
	defer b.unlock()
	b.dropVanished(s)
}

// dropVanished is vanished for who holds the bond's lock.
func (b *Bond) dropVanished(s *slave) {
	var gone, away bool
	var r leaver
	_ = b.call(func() {
		gone = b.slaveByID(s.id) == s && !s.leaving
		if !gone {
			return
		}
		r = leaver{b.recordOf(s), b.name, s.mtu}
		text := "interface is gone"
		if away = b.readds(s.configured); away {
			text += ", it is taken again when it returns"
		}
		b.warn(s, "vanished", text)
	})
	if !gone {
		return
	}
	_ = b.release(false, s)
	b.engine.slaveLeft(&r)
	if away {
		_ = b.call(func() { b.goAway(&r.SlaveRecord) })
	}
	b.steerQueues()
}
