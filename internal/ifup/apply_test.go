package ifup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

var errFails = errors.New("fails")

// fake does steps to a list; step fail fails.
type fake struct {
	done  []ifcfg.Op
	fail  int
	with  error
	stuck ifcfg.Op // whose undo fails; 255 for none
	each  func(int)
	n     int
}

func (f *fake) Do(ctx context.Context, s ifcfg.Step) (Undo, error) {
	i := f.n
	f.n++
	if f.each != nil {
		f.each(i)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("a step must not be broken off: %w", err)
	}
	if i == f.fail {
		return nil, f.with
	}
	f.done = append(f.done, s.Op)
	if s.Op == ifcfg.SetActive {
		return nil, nil
	}
	return func(ctx context.Context) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.Op == f.stuck {
			return errors.New("stuck")
		}
		i := slices.Index(f.done, s.Op)
		if i != len(f.done)-1 && f.done[i+1] != ifcfg.SetActive {
			return errors.New("undone in the wrong order")
		}
		f.done = slices.Delete(f.done, i, i+1)
		return nil
	}, nil
}

var steps = []ifcfg.Step{
	{Op: ifcfg.Create, Bond: "bond0", At: ifcfg.Pos{File: "ifcfg-bond0", Line: 3}},
	{Op: ifcfg.LinkDown, Link: "eth0"},
	{Op: ifcfg.Enslave, Bond: "bond0", Link: "eth0", At: ifcfg.Pos{File: "ifcfg-eth0", Line: 1}},
	{Op: ifcfg.LinkUp, Link: "bond0"},
	{Op: ifcfg.SetActive, Bond: "bond0", Link: "eth0"},
	{Op: ifcfg.AddAddress, Bond: "bond0"},
}

func none(t *testing.T) func(string) {
	return func(text string) { t.Error("note:", text) }
}

// Whichever step fails, those before it are undone, the last one first.
func TestApplyUndoes(t *testing.T) {
	for fail := range steps {
		f := &fake{fail: fail, with: errFails, stuck: 255}
		err := Apply(t.Context(), f, steps, none(t))
		want := "what was done is undone"
		if fail == 0 {
			want = "nothing was done"
		}
		if err == nil || !strings.Contains(err.Error(), "fails") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("step %d: %v", fail, err)
		}
		f.done = slices.DeleteFunc(f.done, func(o ifcfg.Op) bool { return o == ifcfg.SetActive })
		if len(f.done) > 0 {
			t.Errorf("step %d: left %v", fail, f.done)
		}
	}
	f := &fake{fail: 2, with: errFails, stuck: 255}
	want := "ifcfg-eth0:1: fails (tapbond ip link set eth0 master bond0)\nwhat was done is undone"
	if err := Apply(t.Context(), f, steps, none(t)); err.Error() != want {
		t.Errorf("%q", err)
	}
}

func TestApplyDoesAll(t *testing.T) {
	f := &fake{fail: -1}
	if err := Apply(t.Context(), f, steps, none(t)); err != nil || len(f.done) != len(steps) {
		t.Error(err, f.done)
	}
	// A wish that can't be fulfilled is told, and the rest is done.
	f = &fake{fail: 4, with: &Wish{errFails}}
	var notes []string
	err := Apply(t.Context(), f, steps, func(s string) { notes = append(notes, s) })
	if err != nil || len(f.done) != len(steps)-1 || !slices.Equal(notes, []string{"tapbond ip link set bond0 type bond active_slave eth0: fails"}) {
		t.Error(err, f.done, notes)
	}
}

// What can't be undone is said, and doesn't keep the rest from it.
func TestApplyStuck(t *testing.T) {
	f := &fake{fail: 3, with: errFails, stuck: ifcfg.Enslave}
	err := Apply(t.Context(), f, steps, none(t))
	if err == nil || !strings.Contains(err.Error(), "undo: stuck") || !strings.HasSuffix(err.Error(), "not all could be undone") {
		t.Error(err)
	}
}

// An interrupt between two steps undoes too.
func TestApplyInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{fail: -1, stuck: 255}
	f.each = func(i int) {
		if i == 2 {
			cancel()
		}
	}
	err := Apply(ctx, f, steps, none(t))
	if !strings.Contains(fmt.Sprint(err), context.Canceled.Error()) || len(f.done) > 0 || f.n != 3 {
		t.Error(err, f.done, f.n)
	}
}
