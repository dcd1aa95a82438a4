package bond

import (
	"time"

	"github.com/tapbond/tapbond/internal/prefer"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
)

// run is the control goroutine: the one place where the bond's state changes.
// Nothing in it waits for the host.
func (b *Bond) run() {
	defer close(b.stopped)
	prefer.Goroutine()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for !b.ended {
		b.arm(timer)
		select {
		case <-b.box.ready:
			for _, fn := range b.box.take() {
				fn()
				b.settle()
			}
		case <-b.noteChan():
			b.readNotes()
			b.settle()
		case <-timer.C:
			b.tick()
			b.settle()
		}
	}
	for _, fn := range b.box.close() {
		fn() // somebody may be waiting for it
	}
}

// settle lets the workers see what changed.
func (b *Bond) settle() {
	switch {
	case b.ended:
	case b.dirty:
		b.publish()
	case b.stale:
		b.view()
	}
	b.switched()
}

// call runs fn on the control goroutine and returns when it has run and its
// changes are in force.
func (b *Bond) call(fn func()) error {
	done := make(chan struct{})
	if !b.box.post(func() {
		fn()
		b.settle()
		close(done)
	}) {
		return ErrGone
	}
	<-done
	return nil
}

// arm sets the timer to the earliest deadline.
func (b *Bond) arm(timer *time.Timer) {
	at := b.wake
	earlier := func(t time.Time, ok bool) {
		if ok && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if b.lag != nil {
		earlier(b.lag.machine.Next())
	}
	if b.up {
		earlier(b.mii.Next())
		earlier(b.proberNext())
		earlier(b.notifier.Next())
		earlier(b.settling.Next())
		earlier(b.rejoin.Next())
		if b.bal != nil {
			earlier(b.balanceNext(), true)
		}
	}
	wait := time.Hour
	if !at.IsZero() {
		wait = max(at.Sub(b.now()), 0)
	}
	timer.Reset(wait)
}

// wakeAt has the loop look again at t at the latest.
func (b *Bond) wakeAt(t time.Time) {
	if b.wake.IsZero() || t.Before(b.wake) {
		b.wake = t
	}
}

// tick serves the deadlines that have passed.
func (b *Bond) tick() {
	now := b.now()
	if next, ok := b.mii.Next(); ok && !next.After(now) {
		b.stepMII(monitor.Tick{})
	}
	if b.lag != nil {
		if next, ok := b.lag.machine.Next(); ok && !next.After(now) {
			b.stepLACP(lacp.Tick{})
		}
	}
	b.tickProber(now)
	b.tickWindow(now)
	b.stepNotify(now)
	b.stepSettling(now)
	b.stepRejoin(now)
	if b.bal != nil && b.up {
		b.balanceTick(now)
	}
	if !b.wake.IsZero() && !b.wake.After(now) {
		b.wake = time.Time{}
		for _, s := range b.slaves {
			for _, t := range []time.Time{s.drain, s.oldUntil, b.window.until, b.window.switchAt} {
				if t.After(now) {
					b.wakeAt(t)
				}
			}
		}
		if b.lag != nil && b.lag.holdUntil.After(now) {
			b.wakeAt(b.lag.holdUntil)
		}
		b.dirty = true // a drain is over: the snapshot's receive rules change
	}
}
