package bond

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Event is one change of state: the log line, the entry of the event stream
// and the reason shown by show are all made from it.
type Event struct {
	Seq     uint64     `json:"seq"` // 1, 2, … over the engine's life
	Time    time.Time  `json:"time"`
	Bond    string     `json:"bond,omitempty"`
	Slave   string     `json:"slave,omitempty"`
	Kind    string     `json:"kind"`    // machine-readable: link_down, active_change, …
	Message string     `json:"message"` // the kernel's wording where it has one
	Level   slog.Level `json:"level"`
	From    string     `json:"from,omitempty"`
	To      string     `json:"to,omitempty"`
	Why     string     `json:"why,omitempty"`
}

// Text is the line an administrator would grep the kernel log for.
func (e *Event) Text() string {
	switch {
	case e.Bond == "":
		return e.Message
	case e.Slave == "":
		return e.Bond + ": " + e.Message
	}
	return e.Bond + ": (slave " + e.Slave + "): " + e.Message
}

// eventBacklog is how many events a reader may lag behind before it loses the
// oldest; a flood of events must not become a flood of memory.
const eventBacklog = 1024

// refusedKind is the kind of an event about a refused option, and refusedBacklog
// how many of them are kept.
const (
	refusedKind    = "option_refused"
	refusedBacklog = eventBacklog / 4
)

// Bus hands events to the log and to any number of readers. Publishing never
// waits for either: the control goroutine is the publisher.
type Bus struct {
	mu   sync.Mutex
	seq  uint64
	ring []Event // the last eventBacklog events, oldest first
	wake chan struct{}
	// refused is how many of ring tell of refused options.
	refused int
}

// NewBus returns a Bus without events.
func NewBus() *Bus { return &Bus{wake: make(chan struct{})} }

func (b *Bus) publish(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	e.Seq = b.seq
	e.cut()
	b.makeRoom(e.Kind)
	b.ring = append(b.ring, e)
	close(b.wake)
	b.wake = make(chan struct{})
}

// makeRoom removes an event for one of that kind. Refusals, of which a client can
// make any number, take the place of other refusals.
func (b *Bus) makeRoom(kind string) {
	refused := func(e Event) bool { return e.Kind == refusedKind }
	i := -1
	if kind == refusedKind {
		if b.refused++; b.refused > refusedBacklog {
			i = slices.IndexFunc(b.ring, refused)
		}
	}
	if i < 0 && len(b.ring) == eventBacklog {
		i = 0
	}
	if i < 0 {
		return
	}
	if refused(b.ring[i]) {
		b.refused--
	}
	b.ring = slices.Delete(b.ring, i, i+1)
}

// Last returns the number of the newest event, 0 if there was none.
func (b *Bus) Last() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.seq
}

// Since returns the events after number seq, oldest first, waiting for one if
// there is none. A reader that lagged sees a gap in Seq. The error is ctx's.
func (b *Bus) Since(ctx context.Context, seq uint64) ([]Event, error) {
	for {
		b.mu.Lock()
		var out []Event
		for i := range b.ring {
			if b.ring[i].Seq > seq {
				out = append(out, b.ring[i:]...)
				break
			}
		}
		wake := b.wake
		b.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-wake:
		}
	}
}

// Log writes events to log until ctx ends, then what is left.
func (b *Bus) Log(ctx context.Context, log *slog.Logger) {
	b.Drain(ctx, func(e *Event, leftOut int) { logEvent(log, e, leftOut) })
}

// Drain hands events to write until ctx ends, then what is left. Of a flapping link
// some are left out: write gets how many before each.
func (b *Bus) Drain(ctx context.Context, write func(e *Event, leftOut int)) {
	d := drain{write: write, quiet: newQuiet()}
	for {
		events, err := b.next(ctx, d.seen, d.quiet.waits())
		if err != nil && ctx.Err() != nil {
			done, cancel := context.WithCancel(context.Background())
			cancel()
			for events, _ = b.Since(done, d.seen); len(events) > 0; events, _ = b.Since(done, d.seen) {
				d.take(events)
			}
			d.quiet.due(time.Now(), true, d.write)
			return
		}
		d.take(events)
		d.quiet.due(time.Now(), false, d.write)
	}
}

// next is Since; if something waits to be written it returns without an event
// after a while.
func (b *Bus) next(ctx context.Context, seen uint64, waits bool) ([]Event, error) {
	if waits {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quietEvery/4)
		defer cancel()
	}
	return b.Since(ctx, seen)
}

// drain is one reader of all events.
type drain struct {
	write func(e *Event, leftOut int)
	quiet *quiet
	seen  uint64
}

func (d *drain) take(events []Event) {
	for i := range events {
		d.seen = events[i].Seq
		if ok, leftOut := d.quiet.admit(&events[i]); ok {
			d.write(&events[i], leftOut)
		}
	}
}

// logEvent writes an event to a log.
func logEvent(log *slog.Logger, e *Event, leftOut int) {
	attrs := make([]slog.Attr, 0, 8)
	add := func(key, v string) {
		if v != "" {
			attrs = append(attrs, slog.String(key, v))
		}
	}
	add("bond", e.Bond)
	add("slave", e.Slave)
	add("kind", e.Kind)
	add("from", e.From)
	add("to", e.To)
	add("why", e.Why)
	if leftOut > 0 {
		attrs = append(attrs, slog.Int("left_out", leftOut))
	}
	log.LogAttrs(context.Background(), e.Level, e.Text(), attrs...)
}
