package bond

import (
	"context"
	"slices"
	"time"

	"github.com/tapbond/tapbond/policy"
)

// A window is the time around a change of the active slave in which frames may
// arrive on two slaves, and each is delivered once. It opens switchDelay before a
// change that can wait, for what the old active slave delivered at the last moment,
// and ends when what that slave delivered, until it has drained, is behind the
// other one, too.
const switchDelay = 10 * time.Millisecond

// switchPatience is how much longer it waits for the worker of the slave that is to
// be active to be done with what arrived before: on a busy machine that takes long.
const (
	switchPatience = 90 * time.Millisecond
	switchStep     = 2 * time.Millisecond
)

// window is a bond's part in it. The control goroutine owns it.
type window struct {
	copies *copies // what was used last, nil before the first one
	until  time.Time
	// next is the change that waits for switchAt: a slave that was asked for, or
	// none for whichever is the best then.
	next      *slave
	nextWhy   string
	coming    *slave // that is expected to have the role then
	behind    uint64 // its worker is to have seen so many frames before
	recorded  bool   // the holder's worker records, and behind was counted after that
	gen       uint64 // the first snapshot with the table
	patience  time.Time
	sides     []int // of copies: the slaves' ids
	switchAt  time.Time
	switching []chan struct{} // closed when it is done
}

// openWindow has the workers look for copies until a drain is over, and a little
// longer.
func (b *Bond) openWindow(drain time.Time) {
	now, w, until := b.now(), &b.window, drain.Add(copyLife*copyTick)
	switch {
	case w.copies == nil:
		w.copies = newCopies(now)
	case !now.Before(w.until):
		w.copies, w.sides, w.gen = w.copies.again(now), nil, 0
	}
	if until.After(w.until) {
		w.until = until
	}
	b.wakeAt(w.until)
	b.dirty = true
}

// mayWait reports whether the active role need not move at once: its holder still
// receives, as it did all the time, and is there to stay.
func (b *Bond) mayWait(next *slave) bool {
	old := b.active
	return old != nil && next != nil && old != next && b.primaryMode() && b.up && b.now().Sub(b.upAt) > switchDelay && old.canTx(policy.Mode(b.vals.Mode)) && next.usable()
}

// delayed puts off a change of the active slave until the workers have looked for
// copies for a while, and reports whether it did. next is nil for whoever is the
// best then.
func (b *Bond) delayed(best, next *slave, why string) bool {
	w := &b.window
	if !b.mayWait(best) {
		w.switchAt, w.next = time.Time{}, nil
		return false
	}
	now := b.now()
	if w.switchAt.IsZero() {
		w.switchAt = now.Add(switchDelay)
		w.patience, w.recorded = w.switchAt.Add(switchPatience), false
		b.openWindow(w.switchAt.Add(drainTime))
	}
	if !now.Before(w.switchAt) {
		w.switchAt, w.next = time.Time{}, nil
		return false
	}
	w.recorded = w.recorded && w.coming == best
	w.next, w.nextWhy, w.coming = next, why, best
	b.wakeAt(w.switchAt)
	return true
}

// ready reports whether the active slave's worker records what it delivers, and the
// next one's has seen what arrived before that. What arrived is counted once the
// former is so: until then its worker may deliver frames that it doesn't record.
func (w *window) ready(active *slave) bool {
	if active.rx.reader.using.Load() < w.gen {
		return false
	}
	if !w.recorded {
		w.recorded, w.behind = true, w.coming.arrived()
	}
	return w.coming.rx.seen.value() >= w.behind
}

// arrived is the number of frames that the slave's socket has taken, to compare
// with rx.seen.
func (s *slave) arrived() uint64 {
	st := s.port.Stats()
	return st.Arrived - min(st.Arrived, st.Truncated+st.Malformed)
}

// tickWindow carries out the change that waited.
func (b *Bond) tickWindow(now time.Time) {
	w := &b.window
	if w.switchAt.IsZero() || now.Before(w.switchAt) {
		return
	}
	if now.Before(w.patience) && b.mayWait(w.coming) && !w.ready(b.active) {
		w.switchAt = now.Add(switchStep)
		b.openWindow(w.switchAt.Add(drainTime))
		return
	}
	switch next := w.next; {
	case next == nil || !next.canTx(policy.Mode(b.vals.Mode)):
		b.reselect(w.nextWhy)
	case next != b.active && !b.delayed(next, next, w.nextWhy):
		b.setActive(next, false, w.nextWhy)
	}
	w.switchAt, w.next = time.Time{}, nil
}

// switched lets go of those who wait for the change, if it is done.
func (b *Bond) switched() {
	if !b.window.switchAt.IsZero() {
		return
	}
	for _, done := range b.window.switching {
		close(done)
	}
	b.window.switching = nil
}

// awaitSwitch returns when no change of the active slave waits. The caller is not
// the control goroutine.
func (b *Bond) awaitSwitch() {
	var done chan struct{}
	if b.call(func() {
		if !b.window.switchAt.IsZero() {
			done = make(chan struct{})
			b.window.switching = append(b.window.switching, done)
		}
	}) != nil || done == nil {
		return
	}
	select {
	case <-done:
	case <-b.stopped:
	}
}

// inForce returns when what a request changed is what the host sees.
func (b *Bond) inForce(ctx context.Context) error {
	b.awaitSwitch()
	return b.tapSync.wait(ctx)
}

// windowView gives a snapshot its part of the window.
func (b *Bond) windowView(s *snapshot, now time.Time) {
	w := &b.window
	if w.copies == nil || !now.Before(w.until) {
		w.sides, w.gen = nil, 0
		return
	}
	if w.gen == 0 {
		w.gen = s.gen
	}
	s.copies = w.copies
	s.sides = make([]int8, len(b.slots))
	for i := range s.sides {
		s.sides[i] = -1
	}
	for _, sl := range b.slaves {
		if b.takesPart(sl, s.rx[sl.slot], now) {
			s.sides[sl.slot] = w.side(sl.id)
		}
	}
	if b.lag != nil { // each frame comes on one of the ports that collect
		for _, sl := range b.slaves {
			if sl.collecting && s.sides[sl.slot] < 0 {
				s.sides[sl.slot] = 0
			}
		}
	}
}

// takesPart reports whether copies may come on a slave, and which slave's side is
// its own: in 802.3ad those that drain, else also the active one and the next.
func (b *Bond) takesPart(s *slave, rule rxRule, now time.Time) bool {
	if b.lag != nil {
		return !s.collecting && now.Before(s.drain)
	}
	return b.primaryMode() && (s == b.active || s == b.window.coming || rule == rxDrain || rule == rxUnicast && now.Before(s.oldUntil))
}

// side returns a slave's number in the table, the same throughout a window; -1 if
// there are too many.
func (w *window) side(id int) int8 {
	i := slices.Index(w.sides, id)
	if i < 0 {
		if len(w.sides) == 0 {
			w.sides = append(w.sides, 0) // of ports that collect; slaves' ids begin with 1
		}
		if len(w.sides) == copySides {
			return -1
		}
		i, w.sides = len(w.sides), append(w.sides, id)
	}
	return int8(i)
}
