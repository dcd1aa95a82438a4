package bond

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

const (
	// renameTime is how long a NIC must have had its name before it is taken, if it
	// isn't the name and the address that were waited for.
	renameTime = 100 * time.Millisecond
	// lookPace is the least time between two looks at all links, however many of
	// them come and go.
	lookPace = 10 * time.Millisecond
)

// lookBack has the links searched for NICs that are away. It returns at once.
func (b *Bond) lookBack() {
	select {
	case b.back <- struct{}{}:
	default:
	}
}

// linkAppeared has bonds that miss a NIC look for it.
func (e *Engine) linkAppeared() {
	for _, b := range e.Bonds() {
		b.box.post(func() {
			if len(b.away) > 0 {
				b.lookBack()
			}
		})
	}
}

// readding takes NICs again that were away, whenever links came; its goroutine ends
// with the bond. Events only say that it is time to look.
func (b *Bond) readding() {
	named := map[int]naming{}
	var again <-chan time.Time
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-b.back:
		case <-again:
		}
		again = nil
		if wait := b.takeBack(named); wait > 0 {
			again = time.After(wait)
		}
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(lookPace):
		}
	}
}

// naming is since when a link has had its name.
type naming struct {
	name  string
	since time.Time
}

// takeBack takes the NICs that are there again. It returns after what time to look
// again, 0 for not before something happens.
func (b *Bond) takeBack(named map[int]naming) (wait time.Duration) {
	var away []Away
	if b.call(func() {
		if b.vals.Readd == option.ReaddOff {
			b.away = nil
		}
		away = append(away, b.away...)
	}) != nil || len(away) == 0 {
		clear(named)
		return 0
	}
	links, err := b.sys.Links()
	if err != nil {
		return renameTime
	}
	for i := range away {
		a := &away[i]
		l, sure, ok := a.find(links)
		if !ok || b.engine.owns(l.Index) {
			continue
		}
		if n := named[l.Index]; n.name != l.Name {
			named[l.Index] = naming{l.Name, b.now()}
		}
		if left := renameTime - b.now().Sub(named[l.Index].since); !sure && left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		if err := b.readd(a, l); err != nil {
			b.notTakenBack(a, err)
		}
	}
	return wait
}

// readd makes the NIC a slave again.
func (b *Bond) readd(a *Away, l link.Info) error {
	ctx, cancel := context.WithTimeout(b.ctx, drainLimit)
	defer cancel()
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	still := false
	_ = b.call(func() {
		for i := range b.away {
			still = still || b.away[i].Name == a.Name && b.away[i].HWAddr == a.HWAddr
		}
	})
	if !still || b.engine.owns(l.Index) {
		return nil
	}
	if l.Up && l.MasterIndex == 0 { // what set it up doesn't know that it is a slave
		if err := b.sys.SetDown(l.Index); err != nil {
			return err
		}
	}
	if err := b.enslaveAs(b.ctx, l.Name, joining{configured: true, again: a}); err != nil {
		return err
	}
	b.steerQueues()
	return nil
}

// notTakenBack reports why a NIC that is back isn't a slave, once. It is tried again
// with housekeeping.
func (b *Bond) notTakenBack(a *Away, err error) {
	_ = b.call(func() {
		for i := range b.away {
			if x := &b.away[i]; x.Name == a.Name && x.why != err.Error() {
				x.why = err.Error()
				b.warn(nil, "readd", "slave "+a.Name+" is back and can't be taken, tried again: "+err.Error())
			}
		}
	})
}

// joining is what is known of a NIC beside what it is.
type joining struct {
	configured bool  // it is a slave by configuration
	again      *Away // it was one before
}

// options gives a slave that was away its options again.
func (a *Away) options(e *enslaving) {
	s := e.s
	s.prio, s.queueID, s.assume = a.Prio, a.QueueID, a.AssumedMbps
	if a.PortPrio != 0 {
		s.portPrio = a.PortPrio
	}
	if a.Primary && e.primary == a.Name { // under another name it is the primary all the same
		e.primary = s.name
	}
}

// rejoined runs on the control goroutine, before the slave has a role.
func (e *enslaving) rejoined() {
	b, s := e.b, e.s
	for _, o := range b.members() {
		if o != s && s.queueID != 0 && o.queueID == s.queueID {
			b.warn(s, "readd", "its queue_id is another slave's now, it has none: "+unix.EPERM.Error())
			s.queueID = 0
		}
	}
	b.event(Event{Slave: s.name, Kind: "readd", Message: "taken again", Why: e.again.readdedText(s.name, b.now())})
}
