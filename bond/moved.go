package bond

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
)

// A NIC that is moved to another network namespace vanishes here. Where it went is
// reported beside that, in no order.

// meetTime is how long the one report waits for the other.
const meetTime = 10 * time.Second

// departures has what is known of links that have left, by their index here.
type departures struct {
	mu    sync.Mutex
	moved map[int]departed[monitor.MovedEvent]
	left  map[int]departed[leaver]
}

// leaver is a slave whose NIC vanished.
type leaver struct {
	SlaveRecord
	bond string
	mtu  int
}

type departed[T any] struct {
	it T
	at time.Time
}

// note takes either report, and returns both once it has both.
func (d *departures) note(index int, moved *monitor.MovedEvent, left *leaver) (monitor.MovedEvent, leaver, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved, d.left = make(map[int]departed[monitor.MovedEvent]), make(map[int]departed[leaver])
	}
	now := time.Now()
	expire(d.moved, now)
	expire(d.left, now)
	if moved != nil {
		d.moved[index] = departed[monitor.MovedEvent]{*moved, now}
	}
	if left != nil {
		d.left[index] = departed[leaver]{*left, now}
	}
	m, ok := d.moved[index]
	l, too := d.left[index]
	if !ok || !too {
		return monitor.MovedEvent{}, leaver{}, false
	}
	delete(d.moved, index)
	delete(d.left, index)
	return m.it, l.it, true
}

func expire[T any](m map[int]departed[T], now time.Time) {
	for i, x := range m {
		if now.Sub(x.at) > meetTime {
			delete(m, i)
		}
	}
}

// linkMoved takes the report that a link was moved.
func (e *Engine) linkMoved(ev monitor.MovedEvent) {
	if m, r, ok := e.departures.note(ev.Index, &ev, nil); ok {
		go e.restoreMoved(m, &r)
	}
}

// slaveLeft takes the report that a slave's NIC vanished.
func (e *Engine) slaveLeft(r *leaver) {
	if m, r, ok := e.departures.note(r.Index, nil, r); ok {
		e.restoreMoved(m, &r)
	}
}

// restoreMoved leaves a NIC as it was found where it is now, or says how to do it.
func (e *Engine) restoreMoved(m monitor.MovedEvent, r *leaver) {
	nic := link.Moved{Was: m.Index, NetNS: m.NetNS, Index: m.Then, MAC: r.MAC, MTU: r.mtu, Saved: r.Saved}
	if r.Identity != nil {
		nic.HWAddr, nic.Kind = r.Identity.HWAddr, r.Identity.Kind
	}
	ev := Event{Time: time.Now(), Bond: r.bond, Slave: r.Name, Kind: "moved", Level: slog.LevelWarn}
	ev.Message = fmt.Sprintf("moved to another network namespace (number %d, see ip netns list-id)", m.NetNS)
	switch err := e.sys.RestoreMoved(nic); {
	case err == nil:
		ev.Message += ", its address and MTU restored there"
	case errors.Is(err, link.ErrUnreachable):
		ev.Message += fmt.Sprintf(", where this process can't restore it (%v); do it there: ip link set %s address %s mtu %d",
			err, r.Name, link.MACString(r.Saved.MAC), r.Saved.MTU)
	default:
		ev.Message += ", and not restored there: " + err.Error()
	}
	e.bus.publish(ev)
}

// tapLeft says why a bond ends whose TAP isn't here any more.
func (b *Bond) tapLeft() {
	text := "its device was deleted"
	if b.dev.Elsewhere() {
		text = "its device was moved to another network namespace, where a bond can't work without its slaves"
	}
	_ = b.call(func() {
		b.warn(nil, "tap_gone", text+": the bond is removed, its slaves are restored")
	})
}
