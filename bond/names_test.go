package bond

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

// alternative names: one that fits into an interface's name, and one that doesn't.
var alternative = map[string]string{"enp1s0": "eth0", "enx020000000001-second-port": "eth1", "uplink": "bond0"}

const longName = "enx020000000001-second-port"

func TestAlternativeNames(t *testing.T) {
	run(t, "mode active-backup queues 4", two, func(r *rig) {
		r.sys.alt = alternative
		set := func(via option.Via, name, value string) {
			t.Helper()
			if err := r.b.Set(r.t.Context(), via, []option.Assign{{Option: name, Value: value}}); err != nil {
				t.Errorf("%s %s: %v", name, value, err)
			}
		}
		set(option.ViaNetlink, "active_slave", longName)
		expect(t, "active_slave", r.state().Active, "eth1")
		set(option.ViaSysfs, "active_slave", "enp1s0\n")
		expect(t, "active_slave by its file", r.state().Active, "eth0")
		set(option.ViaNetlink, "primary", longName)
		expect(t, "primary", r.state().Settings["primary"], "eth1")
		expect(t, "the primary is active", r.state().Active, "eth1")
		set(option.ViaSysfs, "queue_id", longName+":2")
		expect(t, "queue_id", r.state().Slaves[1].QueueID, 2)
		r.must(r.b.Set(r.t.Context(), option.ViaNetlink, []option.Assign{{Option: "queue_id", Value: "3", Slave: "enp1s0"}}))
		expect(t, "queue_id of a slave", r.state().Slaves[0].QueueID, 3)
		set(option.ViaSysfs, "slaves", "-"+longName)
		expect(t, "slaves after a release by the file", len(r.state().Slaves), 1)
		set(option.ViaSysfs, "slaves", "+"+longName)
		expect(t, "the slave's name", r.state().Slaves[1].Name, "eth1")
		r.must(r.b.Release(r.t.Context(), "enp1s0"))
		expect(t, "slaves after a release", len(r.state().Slaves), 1)
		if err := r.b.Release(r.t.Context(), "enp1s0"); !errors.Is(err, unix.EINVAL) {
			t.Errorf("released twice: %v", err)
		}
		r.must(r.b.Enslave(r.t.Context(), "enp1s0"))
		if err := r.b.Enslave(r.t.Context(), "enp1s0"); !errors.Is(err, unix.EBUSY) {
			t.Errorf("enslaved twice: %v", err)
		}
		expect(t, "the bond", r.e.Find("uplink"), r.b)
		expect(t, "no bond", r.e.Find("enp1s0"), nil)
		expect(t, "nothing", r.e.Find("nosuch"), nil)
		if text := strings.Join(r.log(), "\n"); strings.Contains(text, "enp1s0") || strings.Contains(text, longName) {
			t.Errorf("an event has an alternative name:\n%s", text)
		}
	})
}

// TestPrimaryByAnotherName: a name that is nobody's when primary is set may turn
// out to be an alternative one of a slave to come.
func TestPrimaryByAnotherName(t *testing.T) {
	run(t, "mode active-backup primary "+longName, []string{"eth0"}, func(r *rig) {
		r.sys.alt = alternative
		expect(t, "without it", r.state().Settings["primary"], "")
		eth1 := r.sys.addLink("eth1", [6]byte{2, 0, 0, 0, 0, 9})
		r.sys.carrier[eth1] = true
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		expect(t, "primary", r.state().Settings["primary"], "eth1")
		expect(t, "active", r.state().Active, "eth1")
	})
}

// TestPrimaryIsKeptByName through the release and the return of its slave, as the
// driver keeps it.
func TestPrimaryIsKeptByName(t *testing.T) {
	run(t, "mode active-backup primary eth0", two, func(r *rig) {
		r.must(r.b.Release(r.t.Context(), "eth0"))
		expect(t, "shown while it is away", r.state().Settings["primary"], "")
		expect(t, "active while it is away", r.state().Active, "eth1")
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		expect(t, "shown when it is back", r.state().Settings["primary"], "eth0")
		expect(t, "active when it is back", r.state().Active, "eth0")
		r.must(r.set("primary eth1"))
		expect(t, "another one", r.state().Active, "eth1")
		r.must(r.b.Release(r.t.Context(), "eth1"))
		r.must(r.b.Set(r.t.Context(), option.ViaSysfs, []option.Assign{{Option: "primary", Value: "\n"}}))
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		expect(t, "forgotten on request", r.state().Active, "eth0")
		r.must(r.set("primary wan"))
		eth1 := r.sys.index("eth1")
		r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.Name = "wan" }))
		r.must(r.e.Sync(r.t.Context()))
		expect(t, "a slave that gets the name", r.state().Active, "wan")
	})
}
