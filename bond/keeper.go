package bond

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// keeper writes the records of all bonds to the store: before anything is done
// that could not be undone without them, before a request is answered, and
// soon after what happens by itself.
type keeper struct {
	engine *Engine
	store  Store

	gate sync.Mutex
	next *saving // one that has not begun yet: it includes what is asked for now

	mu     sync.Mutex // held while saving: the file is never older than the last save
	making map[string]Record
	left   []Record // of bonds that this process has not taken over, or not removed wholly
	failed bool
	kicked chan struct{}
}

// saving is one writing of the records.
type saving struct {
	done chan struct{}
	err  error
}

func newKeeper(e *Engine, s Store) *keeper {
	return &keeper{engine: e, store: s, making: make(map[string]Record), kicked: make(chan struct{}, 1)}
}

// note notes a bond that is about to be made, or that it is made or given up.
func (k *keeper) note(name string, making bool) error {
	k.mu.Lock()
	if making {
		k.making[name] = Record{Name: name, Phase: Coming}
	} else {
		delete(k.making, name)
	}
	k.mu.Unlock()
	return k.flush()
}

// kick has the records saved soon; it never waits.
func (k *keeper) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

// keepAfter is how long what happens by itself waits to be saved: in the moment of
// a failover the processor has better things to do. A process killed before that
// has a LAG that was just formed begin anew, so it isn't long. Where one thing
// comes after the other (a link that flaps) it doubles up to keepMost, so that the
// disk isn't kept busy, until there was nothing for keepQuiet.
const (
	keepAfter = 10 * time.Millisecond
	keepMost  = 80 * time.Millisecond
	keepQuiet = 500 * time.Millisecond
)

// run saves what was kicked for, until ctx ends.
func (k *keeper) run(ctx context.Context) {
	var wait time.Duration
	var saved time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.kicked:
		}
		wait = min(2*wait, keepMost)
		if time.Since(saved) > keepQuiet {
			wait = keepAfter
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		_ = k.flush() // it has been told
		saved = time.Now()
	}
}

// flush saves now and returns when it is done: who comes while another saving
// waits for its turn shares it. It must not be called on a control goroutine,
// which is asked for its record.
func (k *keeper) flush() error {
	if k.store == nil {
		return nil
	}
	k.gate.Lock()
	if s := k.next; s != nil {
		k.gate.Unlock()
		<-s.done
		return s.err
	}
	s := &saving{done: make(chan struct{})}
	k.next = s
	k.gate.Unlock()
	k.mu.Lock()
	k.gate.Lock()
	k.next = nil
	k.gate.Unlock()
	s.err = k.save()
	k.mu.Unlock()
	close(s.done)
	return s.err
}

// save writes every record; the caller holds the lock.
func (k *keeper) save() error {
	records := slices.Clone(k.left)
	for _, r := range k.making {
		records = append(records, r)
	}
	for _, b := range k.engine.Bonds() {
		var r Record
		if b.call(func() { r = b.record() }) == nil {
			records = append(records, r)
		}
	}
	err := k.store.Save(records)
	k.tell(err)
	return err
}

// module keeps the loaded module, nil for none.
func (k *keeper) module(r *ModuleRecord) {
	if k.store == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tell(k.store.SaveModule(r))
}

// tell reports the first of errors that come one after the other; the caller
// holds the lock.
func (k *keeper) tell(err error) {
	if err != nil && !k.failed {
		k.engine.bus.publish(Event{
			Time: time.Now(), Kind: "state_file", Level: slog.LevelError,
			Message: "state can't be saved, a restart would not find the bonds: " + err.Error(),
		})
	}
	k.failed = err != nil
}

// KeepAgain saves everything that is kept: it may have been removed.
func (e *Engine) KeepAgain() error {
	if e.loading.TryLock() { // else the module is about to be saved anyway
		e.mu.Lock()
		m := e.moduleLocked()
		e.mu.Unlock()
		if m != nil {
			e.keep.module(m.record(Steady))
		}
		e.loading.Unlock()
	}
	return e.keep.flush()
}
