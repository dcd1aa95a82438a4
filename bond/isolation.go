package bond

import (
	"sync"

	"github.com/tapbond/tapbond/monitor"
)

// mendsMost is how often in housekeepEvery a slave's filter is put back as soon as
// its removal is reported. Against a program that keeps removing it the next turn
// of housekeeping has to do.
const mendsMost = 20

// isolation is a slave's filter. It may be looked at and put back by any goroutine,
// also while a request holds the bond's lock.
type isolation struct {
	mu     sync.Mutex
	shield Shield // nil while that of another process is there still
	gone   bool   // or about to be removed by us
	mends  int    // since housekeeping was here last
}

// keep puts the filter back if somebody removed it, which mended reports. Without
// force it does so mendsMost times in a while.
func (i *isolation) keep(force bool) (mended bool, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if force {
		i.mends = 0
	} else if i.mends >= mendsMost {
		return false, nil
	}
	if i.gone || i.shield == nil {
		return false, nil
	}
	if ok, err := i.shield.Check(); ok || err != nil {
		return false, nil // a link that is gone has an event of its own
	}
	i.mends++
	return true, i.shield.Mend()
}

// replace takes a filter that has replaced the one there was in the kernel.
func (i *isolation) replace(s Shield) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.shield = s
}

// retire has nobody put the filter back: it is about to be removed.
func (i *isolation) retire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gone = true
}

// isolate gives the slave its filter, before the host's stack could hear what the
// sockets receive later. That of another process stays if this can't go on.
func (e *enslaving) isolate() error {
	b, s := e.b, e.s
	var err error
	if s.seat, err = b.takeSeat(); err != nil {
		return err
	}
	e.undo.add(func() { s.leaveSeat() })
	s.shield = new(isolation)
	e.undo.add(s.shield.retire)
	if e.was != nil && s.seat != nil {
		return nil // that of the process before goes on, for now
	}
	shield, err := b.sys.Shield(s.index, s.seat)
	if err != nil {
		return err
	}
	s.shield.replace(shield)
	if e.was == nil {
		e.undo.add(func() {
			s.shield.retire()
			_ = b.unshield(s)
		})
	}
	return nil
}

// unshield takes a slave's filter away, and the hook if it wasn't there before.
func (b *Bond) unshield(s *slave) error {
	return b.sys.Unshield(s.index, s.identity != nil && s.identity.Hooked)
}

// hookEvent looks after the filters on a device that lost one, or its qdisc: in the
// time without it the host's stack receives the slave's frames, too. Index 0 is any
// device.
func (e *Engine) hookEvent(ev monitor.HookEvent) {
	bonds := e.Bonds()
	if ev.Index != 0 {
		b := e.owner(ev.Index)
		if b == nil {
			return
		}
		bonds = []*Bond{b}
	}
	for _, b := range bonds {
		b.box.post(func() {
			for _, s := range b.members() {
				if ev.Index == 0 || ev.Index == s.index {
					go b.keepShield(s, false)
				}
			}
		})
		if b.lane != nil && (ev.Index == 0 || ev.Index == b.index) {
			b.tidySoon()
		}
	}
}

// keepShield puts a slave's filter back if it is not there.
func (b *Bond) keepShield(s *slave, force bool) {
	mended, err := s.shield.keep(force)
	if !mended {
		return
	}
	msg := "isolation from the host's stack was removed, put back"
	if err != nil {
		msg = "isolation from the host's stack was removed and can't be put back: " + err.Error()
	}
	b.box.post(func() { b.warn(s, "isolation", msg) })
}

// tidySoon has housekeeping done now rather than at its next turn.
func (b *Bond) tidySoon() {
	select {
	case b.tidy <- struct{}{}:
	default:
	}
}
