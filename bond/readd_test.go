package bond

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/monitor"
)

// burnt gives a NIC a permanent address.
func (r *rig) burnt(index int, last byte) {
	r.must(r.sys.change("outside", index, func(l *link.Info) { l.PermMAC = [6]byte{2, 0xbb, 0, 0, 0, last} }))
}

// pull has a NIC vanish as an unplugged one does.
func (r *rig) pull(name string) {
	r.t.Helper()
	index := r.sys.index(name)
	r.unplugNIC(index)
	r.port(index).die(nic.ErrGone)
	r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: index, Name: name, Deleted: true}})
	synctest.Wait()
}

// appear has a NIC come, with its event.
func (r *rig) appear(name string, perm byte) (index int) {
	index = r.sys.addLink(name, [6]byte{2, 0xbb, 0, 0, 0, perm})
	if perm != 0 {
		r.burnt(index, perm)
	}
	r.sys.mu.Lock()
	r.sys.carrier[index] = true
	r.sys.mu.Unlock()
	r.changed(index)
	return index
}

// changed has the event of a link's change come.
func (r *rig) changed(index int) {
	l := r.link(index)
	r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: index, Name: l.Name, Up: l.Up, MTU: l.MTU}})
	synctest.Wait()
}

func (r *rig) slaves() string {
	var names []string
	for _, s := range r.state().Slaves {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestUnpluggedNICIsTakenAgain(t *testing.T) {
	run(t, "mode active-backup readd on primary eth1", two, func(r *rig) {
		r.burnt(r.sys.index("eth0"), 1)
		r.must(r.b.Release(r.t.Context(), "eth0"))
		r.must(r.b.Enslave(r.t.Context(), "eth0")) // with the address it has now
		r.must(r.b.Set(r.t.Context(), option.ViaNetlink, []option.Assign{{Option: "prio", Value: "7", Slave: "eth1"}, {Option: "queue_id", Value: "2", Slave: "eth1"}}))
		expect(t, "active", r.state().Active, "eth1")
		pass(housekeepEvery / 2)
		r.pull("eth1")
		expect(t, "slaves", r.slaves(), "eth0")
		expect(t, "active without it", r.state().Active, "eth0")
		st := r.state()
		expect(t, "verdict", st.Verdict.Word, WordDegraded)
		expect(t, "away", st.Away[0].Name, "eth1")
		r.appear("eth7", 7) // a stranger
		r.appear("eth1", 0)
		pass(2 * lookPace)
		expect(t, "slaves when it is back", r.slaves(), "eth0 eth1")
		st = r.state()
		expect(t, "active when it is back", st.Active, "eth1")
		expect(t, "prio", st.Slaves[1].Prio, 7)
		expect(t, "queue_id", st.Slaves[1].QueueID, 2)
		expect(t, "away when it is back", len(st.Away), 0)

		r.pull("eth0")
		eth5 := r.appear("eth5", 1) // by its address; perhaps it is about to be renamed
		expect(t, "slaves in the first moment", r.slaves(), "eth1")
		pass(renameTime / 2)
		r.must(r.sys.change("outside", eth5, func(l *link.Info) { l.Name, l.Up = "lan0", true }))
		r.changed(eth5)
		pass(renameTime - time.Millisecond)
		expect(t, "slaves before the name is old enough", r.slaves(), "eth1")
		pass(2 * lookPace)
		expect(t, "slaves when it is", r.slaves(), "eth1 lan0")
		r.pull("lan0")
		r.must(r.b.Release(r.t.Context(), "lan0"))
		if err := r.b.Release(r.t.Context(), "lan0"); !errors.Is(err, unix.EINVAL) {
			t.Errorf("given up twice: %v", err)
		}
		r.appear("lan0", 1)
		pass(3 * housekeepEvery)
		expect(t, "slaves after it was given up", r.slaves(), "eth1")
	})
}

// A NIC that others use when it returns stays theirs until they let it go.
func TestReturningNICOfOthers(t *testing.T) {
	run(t, "mode active-backup readd on", two, func(r *rig) {
		r.pull("eth1")
		eth1 := r.sys.addLink("eth1", [6]byte{2, 0xbb, 0, 0, 0, 1})
		r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.MasterIndex, l.Up = 99, true }))
		r.changed(eth1)
		pass(5 * housekeepEvery)
		expect(t, "slaves", r.slaves(), "eth0")
		expect(t, "its state", r.link(eth1).Up, true)
		if why := r.state().Away[0].Why; !strings.Contains(why, "in use") {
			t.Errorf("why: %q", why)
		}
		expect(t, "told", strings.Count(strings.Join(r.log(), "\n"), "can't be taken"), 1)
		r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.MasterIndex = 0 }))
		pass(2 * housekeepEvery)
		expect(t, "slaves when it is free", r.slaves(), "eth0 eth1")
	})
}

// Whose slaves are taken again: those of configuration, or all, or none.
func TestReadd(t *testing.T) {
	for _, tt := range []struct {
		options    string
		configured bool
		want       string
	}{
		{"mode active-backup", false, "eth0"},
		{"mode active-backup", true, "eth0 eth1"},
		{"mode active-backup readd off", true, "eth0"},
		{"mode active-backup readd on", false, "eth0 eth1"},
	} {
		run(t, tt.options, []string{"eth0"}, func(r *rig) {
			enslave := r.b.Enslave
			if tt.configured {
				enslave = r.b.EnslaveConfigured
			}
			r.sys.addLink("eth1", [6]byte{2, 0, 0, 0, 0, 1})
			r.must(enslave(r.t.Context(), "eth1"))
			r.pull("eth1")
			r.appear("eth1", 0)
			pass(2 * housekeepEvery)
			expect(t, tt.options, r.slaves(), tt.want)
		})
	}
}

// A NIC that went while no process ran, and perhaps came back, is taken by the next.
func TestReaddByTheNextProcess(t *testing.T) {
	for _, back := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, newFakeSystem(two...), "mode active-backup readd on", two)
			r.must(r.b.SetUp(t.Context()))
			var records []Record
			r.must(r.b.call(func() { records = []Record{r.b.record()} }))
			left := r.sys.host("", nil)
			r.must(r.e.CloseAll(context.Background())) // as far as this process is concerned
			next := &rig{t: t, sys: left.after(two...), tap: r.tap}
			next.e = NewEngine(next.sys, NewBus(), nil)
			next.unplugNIC(next.sys.index("eth1"))
			if back {
				next.appear("eth1", 0)
			}
			r = next
			r.must(r.e.Adopt(t.Context(), records))
			r.b = r.e.Bond("bond0")
			if !back {
				expect(t, "away", r.state().Away[0].Name, "eth1")
				r.appear("eth1", 0)
			}
			pass(2 * lookPace)
			expect(t, "slaves", r.slaves(), "eth0 eth1")
			r.must(r.e.CloseAll(context.Background()))
		})
	}
}
