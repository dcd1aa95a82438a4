package ifup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// undoTimeout bounds the way back of one step.
const undoTimeout = 30 * time.Second

// Undo takes a step back.
type Undo func(context.Context) error

// Doer does single steps. Undo is nil where nothing was changed. A *Wish is the
// error of a step that the others can do without.
type Doer interface {
	Do(ctx context.Context, s ifcfg.Step) (Undo, error)
}

// Wish is why something could not be done that isn't needed.
type Wish struct{ Err error }

// Error returns what went wrong.
func (w *Wish) Error() string { return w.Err.Error() }

// Apply does the steps in order. If one fails, or ctx ends between two, those
// done are undone in reverse order: the error says so, and what could not be
// undone. note is told of wishes that were not fulfilled.
func Apply(ctx context.Context, d Doer, steps []ifcfg.Step, note func(string)) error {
	var undos []Undo
	for _, s := range steps {
		err := ctx.Err()
		if err == nil {
			var undo Undo
			// A request that is under way is finished: nobody could tell else whether
			// it was done.
			undo, err = d.Do(context.WithoutCancel(ctx), s)
			if undo != nil {
				undos = append(undos, undo)
			}
		}
		var wish *Wish
		if errors.As(err, &wish) {
			note(place(s, err))
			err = nil
		}
		if err != nil {
			return back(ctx, fmt.Errorf("%s", place(s, err)), undos)
		}
	}
	return nil
}

// place says where in the files, or else at which step, something went wrong.
func place(s ifcfg.Step, err error) string {
	if s.At.File != "" {
		return fmt.Sprintf("%s: %v (%s)", s.At, err, s)
	}
	return fmt.Sprintf("%s: %v", s, err)
}

// back undoes what was done.
func back(ctx context.Context, why error, undos []Undo) error {
	errs := []error{why}
	for i := len(undos) - 1; i >= 0; i-- {
		c, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		if err := undos[i](c); err != nil {
			errs = append(errs, fmt.Errorf("undo: %w", err))
		}
		cancel()
	}
	switch {
	case len(errs) > 1:
		errs = append(errs, errors.New("not all could be undone"))
	case len(undos) > 0:
		errs = append(errs, errors.New("what was done is undone"))
	default:
		errs = append(errs, errors.New("nothing was done"))
	}
	return errors.Join(errs...)
}
