package bond

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/lacp"
)

// slowBacklog is how many frames of a slave may wait for the control goroutine.
// A station sends ten a second of each Slow Protocol at most (802.3 Annex 57A).
const slowBacklog = 32

// vlanID is the part of a VLAN tag that names the VLAN.
const vlanID = 0xfff

// slowFrame is one frame, cut to what LACP reads of it.
type slowFrame struct {
	data   [lacp.MaxFrameLen]byte
	n      int
	inVLAN bool
	legal  bool
	lacpdu bool // legal, and from this actor:
	actor  [lacp.SourceLen]byte
}

// slowInbox takes a slave's Slow Protocols frames to the control goroutine: in
// order, bounded, and with one piece of work in its mailbox however many come. If
// too many come, it keeps those that matter most to LACP.
type slowInbox struct {
	wake func() // has the control goroutine call take; called once until it does

	mu      sync.Mutex
	frames  []slowFrame          // those that wait, in order
	partner [lacp.SourceLen]byte // the partner that LACP has recorded
	markers pace
	woken   bool
	dropped uint64
}

func newSlowInbox(wake func()) *slowInbox { return &slowInbox{wake: wake} }

// put copies a frame in. It returns without waking anybody.
func (i *slowInbox) put(b []byte, inVLAN bool) {
	f := slowFrame{inVLAN: inVLAN, legal: lacp.IsLegal(b, inVLAN)}
	f.n = copy(f.data[:], b)
	if f.legal {
		f.actor, f.lacpdu = lacp.ActorOf(b)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.frames == nil {
		i.frames = make([]slowFrame, 0, slowBacklog)
	}
	if len(i.frames) == slowBacklog {
		i.dropped++
		at := i.victim(&f)
		if at < 0 {
			return
		}
		i.frames = append(i.frames[:at], i.frames[at+1:]...)
	}
	i.frames = append(i.frames, f)
}

// victim is the frame that f replaces, or -1 if f is dropped: an earlier frame of the
// same sender, else the oldest of those that are only counted, else the oldest of
// those that aren't from the partner. A frame that is only counted replaces only its
// like.
func (i *slowInbox) victim(f *slowFrame) int {
	best, rank := -1, 4
	for at := range i.frames {
		o := &i.frames[at]
		r := 2
		switch {
		case !o.legal:
			r = 1
		case !f.legal:
			continue
		case f.lacpdu && o.lacpdu && o.actor == f.actor:
			r = 0
		case o.lacpdu && o.actor == i.partner:
			r = 3
		}
		if r < rank {
			best, rank = at, r
		}
	}
	return best
}

// flush has the control goroutine see to what was put in.
func (i *slowInbox) flush() {
	i.mu.Lock()
	wake := !i.woken && len(i.frames) > 0
	i.woken = i.woken || wake
	i.mu.Unlock()
	if wake {
		i.wake()
	}
}

// marker puts a Marker in that came with the data. More than a few are not
// answered anyway.
func (i *slowInbox) marker(b []byte, now time.Time) {
	if i.markers.over(now, 1) {
		i.mu.Lock()
		i.dropped++
		i.mu.Unlock()
		return
	}
	i.put(b, false)
	i.flush()
}

// take moves what waits to dst, at most slowBacklog frames, and returns it.
func (i *slowInbox) take(dst []slowFrame) []slowFrame {
	i.mu.Lock()
	defer i.mu.Unlock()
	dst = append(dst, i.frames...)
	i.frames = i.frames[:0]
	i.woken = false
	return dst
}

// keep sets the sender whose frames are kept when there are too many.
func (i *slowInbox) keep(partner [lacp.SourceLen]byte) {
	i.mu.Lock()
	i.partner = partner
	i.mu.Unlock()
}

// lost is how many frames found no room.
func (i *slowInbox) lost() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dropped
}

// A port that receives more than slowBurst frames in slowPeriod is flooded. Then its
// socket is read every slowPause, slowDrain frames at most; the kernel drops what
// does not fit into the socket's buffer.
const (
	slowBurst  = 30
	slowPeriod = 100 * time.Millisecond
	slowPause  = 20 * time.Millisecond
	slowDrain  = 256
)

// pace counts frames in periods.
type pace struct {
	start time.Time
	n     int
}

// over counts n more frames and reports whether they are too many.
func (p *pace) over(now time.Time, n int) bool {
	if now.Sub(p.start) >= slowPeriod {
		p.start, p.n = now, 0
	}
	p.n += n
	return p.n > slowBurst
}

// runSlow is the life of a slave's control socket as a receiver. Markers aren't
// taken here: they come in the order of the data, with the receive worker.
func (b *Bond) runSlow(s *slave) {
	cuts := make([]nic.Cut, slowDrain)
	var p pace
	var warned time.Time
	for {
		n, err := s.control.ReceiveCuts(cuts)
		if err != nil {
			return // closed, or the interface is gone, which the data socket tells too
		}
		for k := range cuts[:n] {
			// A priority tag has VLAN 0 and is none.
			got := &cuts[k]
			inVLAN := got.Tagged && got.TCI&vlanID != 0
			if inVLAN || !lacp.IsMarker(got.Bytes()) {
				s.slow.put(got.Bytes(), inVLAN)
			}
		}
		s.slow.flush()
		s.lacpdus.add(uint64(n))
		now := b.now()
		if !p.over(now, n) {
			continue
		}
		if now.Sub(warned) >= floodSilence {
			warned = now
			b.box.post(func() { b.floodEvent(s) })
		}
		time.Sleep(slowPause)
	}
}

// floodSilence is between two messages about a flood on one port.
const floodSilence = 10 * time.Second

// floodEvent says that a port is flooded. It runs on the control goroutine.
func (b *Bond) floodEvent(s *slave) {
	if b.slaveByID(s.id) != s {
		return
	}
	b.event(Event{
		Kind: "lacp_flood", Slave: s.name, Level: slog.LevelWarn, Why: "flood",
		Message: fmt.Sprintf("receives more than %d Slow Protocols frames a second: a loop or a faulty partner; the socket is read every %d ms",
			slowBurst*int(time.Second/slowPeriod), slowPause.Milliseconds()),
	})
}

// hear gives LACP what a slave received. It runs on the control goroutine.
func (b *Bond) hear(s *slave) {
	b.heard = s.slow.take(b.heard[:0])
	if b.lag == nil || b.slaveByID(s.id) != s {
		return
	}
	id := lacp.PortID(s.id)
	for i := range b.heard {
		f := &b.heard[i]
		b.stepLACP(lacp.Frame{Port: id, Data: f.data[:f.n], InVLAN: f.inVLAN})
	}
	s.slow.keep(b.lag.machine.Sender(id))
}
