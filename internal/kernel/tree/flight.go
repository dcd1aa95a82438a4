package tree

import (
	"context"
	"sync"
	"time"

	"github.com/tapbond/tapbond/bond"
)

// askTimeout bounds a question to the daemon: a reader must not hang with it.
const askTimeout = 5 * time.Second

// flights lets any number of readers share questions to the daemon. A reader
// shares one that began after the reader asked, so nobody is told what was so
// before.
type flights struct {
	src Source

	mu       sync.Mutex
	flying   bool
	boarding *flight // begins when the one under way is over
}

type flight struct {
	landed chan struct{}
	bonds  []bond.State
	err    error
}

func (f *flights) bonds() ([]bond.State, error) {
	f.mu.Lock()
	if f.boarding == nil {
		f.boarding = &flight{landed: make(chan struct{})}
	}
	mine := f.boarding
	if !f.flying {
		f.flying = true
		go f.fly()
	}
	f.mu.Unlock()
	<-mine.landed
	return mine.bonds, mine.err
}

func (f *flights) fly() {
	for {
		f.mu.Lock()
		next := f.boarding
		f.boarding, f.flying = nil, next != nil
		f.mu.Unlock()
		if next == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
		next.bonds, next.err = f.src.Brief(ctx)
		cancel()
		close(next.landed)
	}
}
