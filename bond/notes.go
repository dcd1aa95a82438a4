package bond

import (
	"sync/atomic"

	"github.com/tapbond/tapbond/alb"
)

// noteRingLen is how many notes wait for the control goroutine, for each
// worker. In a flood of ARP the rest is not for it to decide.
const noteRingLen = 64

// noteFrame is the longest frame in octets that a worker hands over: a tagged
// neighbour discovery message is 90.
const noteFrame = 96

// note is what a worker has seen of address resolution.
type note struct {
	x        alb.Exchange
	incoming bool
	// frame is one that the control goroutine has to send; empty if it has
	// gone its way.
	n     int
	frame [noteFrame]byte
}

// noteRing takes notes from one worker to the control goroutine. Neither waits
// for the other, and what doesn't fit is the worker's own business.
type noteRing struct {
	_    [64]byte
	put  atomic.Uint64 // the worker's
	_    [64]byte
	got  atomic.Uint64 // the control goroutine's
	_    [64]byte
	all  [noteRingLen]note
	wake func()
}

// free returns the next note to fill in, nil if there is none; done hands it on.
func (r *noteRing) free() *note {
	at := r.put.Load()
	if at-r.got.Load() == noteRingLen {
		return nil
	}
	return &r.all[at%noteRingLen]
}

func (r *noteRing) done() {
	r.put.Store(r.put.Load() + 1)
	r.wake()
}

// take calls fn for each note and returns how many there were.
func (r *noteRing) take(fn func(*note)) int {
	first, end := r.got.Load(), r.put.Load()
	for at := first; at < end; at++ {
		fn(&r.all[at%noteRingLen])
		r.got.Store(at + 1)
	}
	return int(end - first)
}
