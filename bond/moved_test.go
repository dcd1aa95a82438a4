package bond

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// A NIC that is moved to another namespace is restored there, in whatever order the
// reports come.
func TestMovedSlaveIsRestored(t *testing.T) {
	for _, first := range []bool{true, false} {
		run(t, "mode active-backup", two, func(r *rig) {
			eth1 := r.sys.index("eth1")
			r.burnt(eth1, 5)
			r.must(r.b.Release(r.t.Context(), "eth1"))
			r.must(r.b.Enslave(r.t.Context(), "eth1"))
			moved := monitor.WatchEvent{Moved: &monitor.MovedEvent{Index: eth1, NetNS: 3, Then: 77}}
			if first {
				r.e.dispatch(moved)
				synctest.Wait()
			}
			r.pull("eth1")
			if !first {
				expect(t, "restored before it is known where it is", len(r.sys.restored), 0)
				r.e.dispatch(moved)
				synctest.Wait()
			}
			m := r.sys.restored[0]
			expect(t, "namespace", m.NetNS, 3)
			expect(t, "index", m.Index, 77)
			expect(t, "permanent address", m.HWAddr, [6]byte{2, 0xbb, 0, 0, 0, 5})
			expect(t, "the bond's address", m.MAC, r.link(r.sys.index("eth0")).MAC)
			expect(t, "its own", m.Saved.MAC, [6]byte{2, 0, 0, 0, 0, 1})
			expect(t, "told", strings.Count(strings.Join(r.log(), "\n"), "its address and MTU restored there"), 1)
		})
	}
}

// One that can't be reached is said to be so, with what to do; when it returns as it
// left, how it was found before is what counts.
func TestMovedSlaveOutOfReach(t *testing.T) {
	run(t, "mode active-backup readd on", two, func(r *rig) {
		eth1 := r.sys.index("eth1")
		r.failing("moved", link.ErrUnreachable)
		r.e.dispatch(monitor.WatchEvent{Moved: &monitor.MovedEvent{Index: eth1, NetNS: 3, Then: eth1}})
		r.pull("eth1")
		want := "can't restore it (network namespace can't be reached); do it there: ip link set eth1 address 02:00:00:00:00:01 mtu 1500"
		if text := strings.Join(r.log(), "\n"); !strings.Contains(text, want) {
			t.Error(text)
		}
		eth1 = r.sys.addLink("eth1", r.link(r.sys.index("eth0")).MAC)
		r.changed(eth1)
		pass(2 * renameTime)
		expect(t, "slaves", r.slaves(), "eth0 eth1")
		expect(t, "permanent address", r.state().Slaves[1].PermMAC, "02:00:00:00:00:01")
		r.must(r.b.Release(r.t.Context(), "eth1"))
		expect(t, "address after a release", r.link(eth1).MAC, [6]byte{2, 0, 0, 0, 0, 1})
	})
}

// A TAP that isn't here any more ends its bond; where it went is said, and nothing of
// it stays there.
func TestMovedTAP(t *testing.T) {
	for text, elsewhere := range map[string]bool{"moved to another network namespace": true, "was deleted": false} {
		run(t, "mode active-backup", two, func(r *rig) {
			r.tap.elsewhere = elsewhere
			r.unplugNIC(r.tap.index)
			r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: r.tap.index, Name: "bond0", Deleted: true}})
			<-r.b.Done()
			if log := strings.Join(r.log(), "\n"); !strings.Contains(log, text) {
				t.Error(log)
			}
			expect(t, "TAP discarded", r.tap.discarded, true)
			expect(t, "eth1's address", r.link(r.sys.index("eth1")).MAC, [6]byte{2, 0, 0, 0, 0, 1})
			if err := r.b.SetUp(r.t.Context()); !errors.Is(err, ErrGone) {
				t.Error(err)
			}
			r.tap.q.die(tap.ErrGone)
		})
	}
}
