package bond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Records that are left are those of bonds that this process doesn't run: not
// taken over yet, or not removed wholly. They are kept until everything they tell
// of is taken over or restored, and tried again from time to time.

// retryEvery is how often what is left is tried again.
const retryEvery = 5 * time.Second

// leave keeps records that no bond stands for.
func (k *keeper) leave(records ...Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = append(k.left, records...)
}

// settled replaces the record of a bond by what remains of it, nil for nothing,
// and runs also at the same moment as others see it.
func (k *keeper) settled(r *Record, remains *Record, also func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if also != nil {
		also()
	}
	i := slices.IndexFunc(k.left, func(x Record) bool { return x.Index == r.Index && x.Name == r.Name })
	switch {
	case i < 0:
	case remains == nil:
		k.left = slices.Delete(k.left, i, i+1)
	default:
		k.left[i] = *remains
	}
}

// noted drops the record of a TAP alone, which the module's file tells of.
func (k *keeper) noted(index int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = slices.DeleteFunc(k.left, func(r Record) bool { return r.Index == index && len(r.Slaves) == 0 })
}

// remains returns the records that are left.
func (k *keeper) remains() []Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.left)
}

// holds reports whether a record that is left tells of an interface.
func (k *keeper) holds(index int) bool {
	for _, r := range k.remains() {
		if r.Index == index || slices.ContainsFunc(r.Slaves, func(s SlaveRecord) bool { return s.Index == index }) {
			return true
		}
	}
	return false
}

// atOnce is how many bonds are taken over or removed at the same time. Most of it
// is waiting for the kernel, whose lists are shared by those that ask together.
var atOnce = 256

// forEach does something with each of n bonds, several at once, and joins the
// errors in their order.
func forEach(n int, do func(i int) error) error {
	errs := make([]error, n)
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error {
			errs[i] = do(i)
			return nil
		})
	}
	_ = g.Wait()
	return errors.Join(errs...)
}

// retry tries what is left once more, in the order of the bonds.
func (e *Engine) retry(ctx context.Context) {
	for _, r := range e.keep.remains() {
		if err := e.takeUp(ctx, &r); err == nil {
			e.bus.publish(Event{Time: time.Now(), Bond: r.Name, Kind: "adopt", Message: "what another process left is taken over or undone now", Level: slog.LevelInfo})
		}
	}
	_ = e.keep.flush()
}

// retrying calls retry from time to time, while something is left.
func (e *Engine) retrying(ctx context.Context) {
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if len(e.keep.remains()) > 0 {
			e.retry(ctx)
		}
	}
}

// undoLeft undoes what is left.
func (e *Engine) undoLeft() error {
	left := e.keep.remains()
	return forEach(len(left), func(i int) error { return e.undo(&left[i]) })
}

// undo undoes a record that is left.
func (e *Engine) undo(r *Record) error {
	rest := *r
	rest.Phase, rest.Slaves = Going, slices.Clone(r.Slaves)
	how, err := Undo(e.sys, &rest)
	for _, l := range how {
		if l.How != ReleasedDown {
			e.bus.publish(Event{Time: time.Now(), Bond: r.Name, Slave: l.Slave, Kind: "undo", Message: l.How, Level: slog.LevelWarn})
		}
	}
	if err != nil {
		e.keep.settled(r, &rest, nil)
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	e.keep.settled(r, nil, nil)
	return nil
}
