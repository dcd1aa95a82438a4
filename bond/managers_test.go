package bond

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/monitor"
)

// callsOf are what was done to a link, in order, of the kinds named.
func (r *rig) callsOf(index int, kinds ...string) []string {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	var out []string
	for _, c := range r.sys.calls {
		f := strings.Fields(c)
		if slices.Contains(kinds, f[0]) && f[1] == strconv.Itoa(index) {
			out = append(out, f[0])
		}
	}
	return out
}

// said counts the lines of the log that have all of the words.
func (r *rig) said(words ...string) int {
	n := 0
	for _, line := range r.log() {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			n++
		}
	}
	return n
}

// A manager is told before the NIC comes up, and told otherwise when it is as
// it was before.
func TestManagersAreTold(t *testing.T) {
	run(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig) {
		i := r.sys.index("eth1")
		if d := cmp.Diff([]string{"hold", "up"}, r.callsOf(i, "hold", "up", "free")); d != "" {
			t.Error(d)
		}
		if got := r.state().Slaves[1].Managers; !slices.Equal(got, []string{"manager"}) {
			t.Errorf("state tells of %v", got)
		}
		r.must(r.b.Release(r.t.Context(), "eth1"))
		if d := cmp.Diff([]string{"hold", "restore", "unshield", "free"}, r.callsOf(i, "hold", "restore", "unshield", "free")); d != "" {
			t.Error(d)
		}
		r.unplugNIC(r.sys.index("eth0"))
		r.e.linkEvent(monitor.LinkEvent{Index: r.state().Slaves[0].Index, Name: "eth0", Deleted: true})
		if st := r.state(); len(st.Slaves) > 0 || len(r.sys.holds()) > 0 {
			t.Errorf("a NIC that vanished: slaves %v, still held %v", st.Slaves, r.sys.holds())
		}
	})
}

// A bond that is gone has nobody told of its slaves: nobody would take it back.
func TestManagersAfterTheBond(t *testing.T) {
	run(t, "mode active-backup miimon 100", []string{"eth0"}, func(r *rig) {
		var s *slave
		r.must(r.b.call(func() { s = r.b.members()[0] }))
		r.must(r.e.CloseAll(r.t.Context()))
		r.b.holdAgain(s)
		if held := r.sys.holds(); len(held) > 0 {
			t.Errorf("still held: %q", held)
		}
	})
}

// What a manager doesn't do is a warning; the NIC is a slave all the same.
func TestManagerRefuses(t *testing.T) {
	run(t, "mode active-backup miimon 100", nil, func(r *rig) {
		i := r.sys.addLink("eth0", [6]byte{2, 0, 0, 0, 0, 9})
		r.failing("hold "+strconv.Itoa(i), errors.New("manager: doesn't answer"))
		r.failing("free "+strconv.Itoa(i), errors.New("manager: doesn't answer"))
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		if n := r.said("bond0: (slave eth0): another program may configure the slave: manager: doesn't answer"); n != 1 {
			t.Errorf("%d warnings: %v", n, r.log())
		}
		r.must(r.b.Release(r.t.Context(), "eth0"))
		if n := r.said("eth0", "doesn't know that the NIC is free again"); n != 1 {
			t.Errorf("%d warnings: %v", n, r.log())
		}
	})
}

// An enslave that fails leaves a NIC managed as it was.
func TestManagersAfterAFailedEnslave(t *testing.T) {
	run(t, "mode active-backup miimon 100", nil, func(r *rig) {
		i := r.sys.addLink("eth0", [6]byte{2, 0, 0, 0, 0, 9})
		r.failing("up "+strconv.Itoa(i), errors.New("no"))
		if err := r.b.Enslave(r.t.Context(), "eth0"); err == nil {
			t.Fatal("enslaved")
		}
		if got := r.sys.holds(); len(got) > 0 {
			t.Errorf("still held: %v", got)
		}
	})
}

// An address on a slave is told when it comes and when it goes, with whoever may
// have put it there, and the managers are told once more.
func TestAddressOnASlave(t *testing.T) {
	run(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig) {
		i := r.sys.index("eth1")
		r.state() // by now nothing was found that runs on it
		addresses := func(list ...string) {
			r.sys.mu.Lock()
			r.sys.addrs[i] = nil
			for _, a := range list {
				r.sys.addrs[i] = append(r.sys.addrs[i], netip.MustParsePrefix(a))
			}
			r.sys.clients["eth1"] = []unmanage.Client{{Program: "dhclient", PID: 77}}
			r.sys.mu.Unlock()
			r.e.dispatch(monitor.WatchEvent{Addr: &monitor.AddrEvent{Index: i}})
		}
		addresses("fe80::1/64")
		if got := r.state().Slaves[1].Addresses; len(got) > 0 || r.said("address") > 0 {
			t.Errorf("a link-local address is told of: %v, %v", got, r.log())
		}
		addresses("fe80::1/64", "10.0.0.5/24")
		if got := r.state().Slaves[1].Addresses; !slices.Equal(got, []string{"10.0.0.5/24"}) {
			t.Errorf("state has %v", got)
		}
		addresses("10.0.0.5/24", "2001:db8::5/64")
		for line, want := range map[string]int{
			"(slave eth1): address 10.0.0.5/24 is on a slave, where it can't work; it belongs on bond0":    1,
			"(slave eth1): address 2001:db8::5/64 is on a slave, where it can't work; it belongs on bond0": 1,
			"(slave eth1): dhclient (pid 77) runs on the slave":                                            2,
		} {
			if n := r.said(line); n != want {
				t.Errorf("%d times %q: %v", n, line, r.log())
			}
		}
		if n := len(r.callsOf(i, "hold")); n != 3 {
			t.Errorf("managers were told %d times", n)
		}
		addresses()
		if got := r.state().Slaves[1].Addresses; len(got) > 0 || r.said("is no longer on the slave") != 2 {
			t.Errorf("both are gone: state has %v, %v", got, r.log())
		}
	})
}

// Managers know a NIC by its name.
func TestManagersFollowAName(t *testing.T) {
	run(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig) {
		i := r.sys.index("eth1")
		l := r.link(i)
		r.must(r.sys.change("name", i, func(l *link.Info) { l.Name = "lan1" }))
		r.e.linkEvent(monitor.LinkEvent{Index: i, Name: "lan1", MAC: l.MAC, MTU: l.MTU, Up: true, Carrier: true})
		r.state()
		if d := cmp.Diff([]string{"eth0", "lan1"}, r.sys.holds()); d != "" {
			t.Error(d)
		}
	})
}
