package bond

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/nic"
)

// TestOneBondGetsTheNIC has several bonds ask for one NIC at the moment when the
// first of them begins to change it, over both ways a request may come.
func TestOneBondGetsTheNIC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSystem("eth0"), "mode active-backup", nil)
		bonds := []*Bond{r.b}
		for i := 1; i < 4; i++ {
			b, err := r.e.Create(t.Context(), Config{Name: fmt.Sprintf("bond%d", i), Options: []option.Assign{{Option: "mode", Value: "802.3ad"}}})
			r.must(err)
			bonds = append(bonds, b)
		}
		eth0 := r.sys.index("eth0")
		found := r.link(eth0)
		errs := make([]error, len(bonds))
		var wg sync.WaitGroup
		r.sys.before = func() {
			r.sys.before = nil
			for i, b := range bonds[1:] {
				wg.Go(func() {
					if i == 0 {
						errs[i+1] = b.Set(t.Context(), option.ViaSysfs, []option.Assign{{Option: "slaves", Value: "+eth0"}})
						return
					}
					errs[i+1] = b.Enslave(t.Context(), "eth0")
				})
			}
			r.sys.mu.Unlock() // the hook is called with the lock held
			wg.Wait()
			r.sys.mu.Lock()
		}
		errs[0] = bonds[0].Enslave(t.Context(), "eth0")
		r.must(errs[0])
		for i, err := range errs[1:] {
			if !errors.Is(err, unix.EBUSY) {
				t.Errorf("bond%d: %v", i+1, err)
			}
			st, err := bonds[i+1].State()
			r.must(err)
			expect(t, st.Name+": slaves", len(st.Slaves), 0)
		}
		expect(t, "bond0: slaves", len(r.state().Slaves), 1)
		r.must(r.b.Release(t.Context(), "eth0"))
		found.Up = false
		expect(t, "the NIC after release", r.link(eth0), found)
		r.must(bonds[3].Enslave(t.Context(), "eth0")) // it is free again
		r.must(r.e.CloseAll(context.Background()))
	})
}

// TestFailedEnslaveGivesTheNICUp: what was claimed for an enslave that is undone
// is another bond's to have.
func TestFailedEnslaveGivesTheNICUp(t *testing.T) {
	for _, op := range []string{"prepare", "shield", "port", "up"} {
		run(t, "mode active-backup", []string{"eth0"}, func(r *rig) {
			other, err := r.e.Create(r.t.Context(), Config{Name: "bond1"})
			r.must(err)
			eth1 := r.sys.addLink("eth1", [6]byte{2, 0, 0, 0, 0, 9})
			r.failing(fmt.Sprintf("%s %d", op, eth1), unix.EIO)
			if err := r.b.Enslave(r.t.Context(), "eth1"); !errors.Is(err, unix.EIO) {
				t.Fatalf("%s: %v", op, err)
			}
			r.failing(fmt.Sprintf("%s %d", op, eth1), nil)
			r.must(other.Enslave(r.t.Context(), "eth1"))
			if err := r.b.Enslave(r.t.Context(), "eth1"); !errors.Is(err, unix.EBUSY) {
				t.Errorf("%s: a slave of bond1: %v", op, err)
			}
		})
	}
}

// A NIC that another process of ours drives stays as it is.
func TestDrivenNICIsRefused(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth7 := r.sys.addLink("eth7", [6]byte{2, 0, 0, 0, 0, 7})
		r.failing(fmt.Sprintf("driven %d", eth7), nic.ErrDriven)
		found, calls := r.link(eth7), len(r.sys.calls)
		if err := r.b.Enslave(r.t.Context(), "eth7"); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "another tapbond") {
			t.Errorf("%v", err)
		}
		expect(t, "the NIC", r.link(eth7), found)
		expect(t, "changes to the host", strings.Join(r.sys.calls[calls:], ", "), "")
		r.failing(fmt.Sprintf("driven %d", eth7), nil)
		r.must(r.b.Enslave(r.t.Context(), "eth7"))
	})
}
