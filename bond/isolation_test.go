package bond

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/monitor"
)

// unshield takes a slave's filter away as somebody else does.
func (r *rig) unshield(index int) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	delete(r.sys.shields, index)
}

func (r *rig) shielded(index int) bool {
	synctest.Wait()
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	return r.sys.shields[index]
}

func TestIsolationIsPutBack(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth0, eth1 := r.sys.index("eth0"), r.sys.index("eth1")
		hook := func(index int) { r.e.dispatch(monitor.WatchEvent{Hook: &monitor.HookEvent{Index: index}}) }
		start := time.Now()
		r.unshield(eth1)
		hook(eth0)
		expect(t, "after an event of another slave", r.shielded(eth1), false)
		hook(eth1)
		expect(t, "after its event", r.shielded(eth1), true)
		r.unshield(eth0)
		r.unshield(eth1)
		hook(0)
		expect(t, "after lost events", r.shielded(eth0) && r.shielded(eth1), true)
		r.unshield(eth0)
		r.must(r.b.lock(r.t.Context())) // a request takes its time
		hook(eth0)
		expect(t, "while a request runs", r.shielded(eth0), true)
		r.b.unlock()
		expect(t, "time that took", time.Since(start), 0)

		r.unshield(eth0)
		pass(2 * housekeepEvery)
		expect(t, "without an event", r.shielded(eth0), true)
		expect(t, "told", strings.Count(strings.Join(r.log(), "\n"), "isolation from the host's stack was removed, put back"), 5)
	})
}

// A program that keeps removing the filter doesn't keep the daemon busy.
func TestIsolationKeepsBeingRemoved(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth0 := r.sys.index("eth0")
		pass(3 * housekeepEvery / 2) // between two turns of housekeeping
		n := 0
		for range 10 * mendsMost {
			r.unshield(eth0)
			r.e.dispatch(monitor.WatchEvent{Hook: &monitor.HookEvent{Index: eth0}})
			if r.shielded(eth0) {
				n++
			}
		}
		expect(t, "put back at once", n, mendsMost)
		pass(housekeepEvery)
		expect(t, "put back by housekeeping", r.shielded(eth0), true)
	})
}

// A filter that was removed on release stays away, and one that can't be put back
// is reported.
func TestIsolationIsNotPutBack(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth0, eth1 := r.sys.index("eth0"), r.sys.index("eth1")
		var s *slave
		r.must(r.b.call(func() { s = r.b.slaveByName("eth1") }))
		r.must(r.b.Release(r.t.Context(), "eth1"))
		r.b.keepShield(s, true)
		expect(t, "after a release", r.shielded(eth1), false)
		r.sys.mu.Lock()
		r.sys.fail["mend "+strconv.Itoa(eth0)] = unix.EPERM
		r.sys.mu.Unlock()
		r.unshield(eth0)
		r.e.dispatch(monitor.WatchEvent{Hook: &monitor.HookEvent{Index: eth0}})
		if text := strings.Join(r.log(), "\n"); !strings.Contains(text, "can't be put back: operation not permitted") {
			t.Error(text)
		}
	})
}
