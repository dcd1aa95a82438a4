package lockfile

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Take(path); !errors.Is(err, ErrHeld) {
		t.Errorf("a second time: %v", err)
	}
	// One that a killed process left is nobody's.
	f.Close()
	f, err = Take(path)
	if err != nil {
		t.Fatal(err)
	}
	// The name is another file's by now: that is the lock.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	g, err := Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Take(path); !errors.Is(err, ErrHeld) {
		t.Errorf("beside the new one: %v", err)
	}
	f.Close()
	g.Close()
	if _, err := Take(filepath.Join(path, "no folder")); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("nowhere: %v", err)
	}
}

// Never two at once, although the file comes and goes.
func TestTakeExcludes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	var inside, turns atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := 0; n < 50; {
				f, err := Take(path)
				if errors.Is(err, ErrHeld) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have it")
				}
				inside.Add(-1)
				turns.Add(1)
				n++
				if err := errors.Join(os.Remove(path), f.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if turns.Load() != 400 {
		t.Errorf("%d turns", turns.Load())
	}
}
