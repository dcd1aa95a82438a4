package bond

import (
	"sync"
	"time"

	"github.com/tapbond/tapbond/lacp"
)

// slowMax is how much of a Slow Protocols frame is kept: what LACP reads.
const slowMax = lacp.MaxFrameLen

// slowBacklog is how many frames of a slave may wait for the control goroutine.
// Beyond, the oldest go: what counts is what the partner says now.
const slowBacklog = 256

// vlanID is the part of a VLAN tag that names the VLAN.
const vlanID = 0xfff

// slowFrame is one frame, cut to what is read of it.
type slowFrame struct {
	data   [slowMax]byte
	n      int
	inVLAN bool
}

// slowInbox takes a slave's Slow Protocols frames to the control goroutine: in
// order, bounded, and with one piece of work in its mailbox however many come.
type slowInbox struct {
	wake func() // has the control goroutine call take; called once until it does

	mu      sync.Mutex
	frames  []slowFrame // a ring of n, from first
	first   int
	n       int
	woken   bool
	dropped uint64
}

func newSlowInbox(wake func()) *slowInbox { return &slowInbox{wake: wake} }

// put copies a frame in.
func (i *slowInbox) put(b []byte, inVLAN bool) {
	i.mu.Lock()
	if i.frames == nil {
		i.frames = make([]slowFrame, slowBacklog)
	}
	if i.n == len(i.frames) {
		i.first = (i.first + 1) % len(i.frames)
		i.n--
		i.dropped++
	}
	f := &i.frames[(i.first+i.n)%len(i.frames)]
	f.n, f.inVLAN = copy(f.data[:], b), inVLAN
	i.n++
	wake := !i.woken
	i.woken = true
	i.mu.Unlock()
	if wake {
		i.wake()
	}
}

// take moves what waits to dst, at most slowBacklog frames, and returns it.
func (i *slowInbox) take(dst []slowFrame) []slowFrame {
	i.mu.Lock()
	defer i.mu.Unlock()
	for ; i.n > 0; i.n-- {
		dst = append(dst, i.frames[i.first])
		i.first = (i.first + 1) % len(i.frames)
	}
	i.woken = false
	return dst
}

// lost is how many frames found no room.
func (i *slowInbox) lost() uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.dropped
}

// A station may send ten frames a second of each Slow Protocol (802.3 Annex
// 57A). Who sends slowBurst in slowPeriod is not read again before the period
// is over: the kernel drops what comes then, for less than it would cost us.
const (
	slowBurst  = 2000
	slowPeriod = 100 * time.Millisecond
)

// runSlow is the life of a slave's control socket as a receiver. Markers aren't
// taken here: they come in the order of the data, with the receive worker.
func (b *Bond) runSlow(s *slave) {
	buf := make([]byte, 2048)
	start, n := b.now(), 0
	for {
		got, err := s.control.Receive(buf)
		if err != nil {
			return // closed, or the interface is gone, which the data socket tells too
		}
		if n++; n >= slowBurst {
			if rest := slowPeriod - b.now().Sub(start); rest > 0 {
				time.Sleep(rest)
			}
			start, n = b.now(), 0
		}
		// A priority tag has VLAN 0 and is none.
		inVLAN := got.Tagged && got.TCI&vlanID != 0
		if inVLAN || !lacp.IsMarker(buf[:got.N]) {
			s.slow.put(buf[:got.N], inVLAN)
		}
	}
}

// hear gives LACP what a slave received. It runs on the control goroutine.
func (b *Bond) hear(s *slave) {
	b.heard = s.slow.take(b.heard[:0])
	if b.lag == nil || b.slaveByID(s.id) != s {
		return
	}
	for i := range b.heard {
		f := &b.heard[i]
		b.stepLACP(lacp.Frame{Port: lacp.PortID(s.id), Data: f.data[:f.n], InVLAN: f.inVLAN})
	}
}
