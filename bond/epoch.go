package bond

import (
	"math"
	"sync/atomic"
	"time"
)

// idle is the generation of a worker that uses no snapshot.
const idle = math.MaxUint64

// reader is a worker's side of the snapshot hand-over: it says which
// generation it is using, so that nothing a snapshot refers to is closed under it.
type reader struct {
	_     [64]byte
	using atomic.Uint64
	_     [64]byte
}

func newReader() *reader {
	r := new(reader)
	r.using.Store(idle)
	return r
}

// enter returns the current snapshot and marks its generation as in use until
// leave. Reading again after marking closes the gap in which the writer could
// have published a newer one and found this reader idle.
func (r *reader) enter(p *atomic.Pointer[snapshot]) *snapshot {
	s := p.Load()
	for {
		r.using.Store(s.gen)
		again := p.Load()
		if again == s {
			return s
		}
		s = again
	}
}

func (r *reader) leave() { r.using.Store(idle) }

// graceStep is how often a retiring resource looks whether it is out of use.
// A worker's batch lasts tens of microseconds.
const graceStep = 100 * time.Microsecond

// awaitGrace returns when every reader is idle or uses generation gen or later.
// It must not be called on the control goroutine.
func awaitGrace(readers []*reader, gen uint64) {
	for _, r := range readers {
		for r.using.Load() < gen {
			time.Sleep(graceStep)
		}
	}
}
