package bond

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/relations"
	"github.com/tapbond/tapbond/monitor"
)

// stackVLAN puts a VLAN device on a link and tells the engine, as the kernel does.
func (r *rig) stackVLAN(name string, on int, vid uint16) int {
	index := r.sys.addLink(name, [6]byte{2, 0, 0, 0, 0, 0})
	r.sys.mu.Lock()
	l := r.sys.links[index]
	l.Kind, l.ParentIndex = "vlan", on
	r.sys.vlans.tags[index] = link.Tag{TPID: relations.CTag, VID: vid}
	r.sys.mu.Unlock()
	r.e.linkEvent(monitor.LinkEvent{Index: index, Name: name, Kind: "vlan", ParentIndex: on})
	return index
}

// unstack deletes a link and tells the engine.
func (r *rig) unstack(index int) {
	l := r.link(index)
	r.unplugNIC(index)
	r.e.linkEvent(monitor.LinkEvent{Index: index, Name: l.Name, Kind: l.Kind, ParentIndex: l.ParentIndex, Deleted: true})
}

// passes lists the VLANs that a NIC lets pass.
func (r *rig) passes(nic string) string {
	st := r.state()
	for _, s := range st.Slaves {
		if s.Name == nic && s.VLANFilter != nil {
			return s.VLANFilter.VLANs + " by " + s.VLANFilter.By
		}
	}
	return ""
}

// VLANs stacked on the bond, and on what is on the bond, pass the filters of the
// slaves' NICs while they are there.
func TestVLANsPassFilters(t *testing.T) {
	run(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.vlans.filters[r.sys.indexLocked("eth0")] = true // eth1 filters nothing
		r.sys.mu.Unlock()
		want := func(text string) {
			t.Helper()
			if got := r.passes("eth0"); got != text {
				t.Errorf("eth0 lets pass %q, want %q", got, text)
			}
			if got := r.passes("eth1"); got != "" {
				t.Errorf("eth1 is said to filter: %q", got)
			}
		}
		want("")
		v10 := r.stackVLAN("bond0.10", r.b.index, 10)
		want("10 by VLAN devices on it")
		r.stackVLAN("bond0.10.20", v10, 20) // behind the other's tag
		want("10 by VLAN devices on it")
		mv := r.sys.addLink("mv", [6]byte{2, 0, 0, 0, 0, 9})
		r.sys.mu.Lock()
		r.sys.links[mv].Kind, r.sys.links[mv].ParentIndex = "macvlan", r.b.index
		r.sys.mu.Unlock()
		r.e.linkEvent(monitor.LinkEvent{Index: mv, Kind: "macvlan", ParentIndex: r.b.index})
		r.state()
		mv5 := r.stackVLAN("mv.5", mv, 5) // not on the bond itself
		want("5, 10 by VLAN devices on it")
		r.unstack(mv5)
		want("10 by VLAN devices on it")
		r.must(r.set("arp_ip_target 192.0.2.1[30/31] arp_interval 100"))
		want("10, 30 by VLAN devices on it")
		r.unstack(v10)
		want("30 by VLAN devices on it")

		r.must(r.b.Release(r.t.Context(), "eth0"))
		if got := r.sys.vlans.passed[r.sys.index("eth0")]; got != nil {
			t.Errorf("eth0 was released with %v", got)
		}
		r.must(r.b.Enslave(r.t.Context(), "eth0")) // passes them from the first moment
		calls := strings.Join(r.sys.calls, "\n")
		vlans, up := strings.LastIndex(calls, "vlans 2"), strings.LastIndex(calls, "up 2")
		if vlans < 0 || vlans > up {
			t.Errorf("the VLANs come after the NIC is up:\n%s", calls)
		}
		want("30 by VLAN devices on it")
		r.must(r.set("arp_interval 0"))
		want("")
		log := r.log()
		for _, line := range []string{"VLAN filter of the NIC: VLAN 10 passes by VLAN devices on it", "VLAN filter of the NIC is as it was found"} {
			if !slices.ContainsFunc(log, func(l string) bool { return strings.Contains(l, line) }) {
				t.Errorf("nothing said %q: %q", line, log)
			}
		}
	})
}

// Where nothing milder can be had the NIC is promiscuous, while it is needed.
func TestVLANsByPromiscuity(t *testing.T) {
	run(t, "mode balance-xor", []string{"eth0"}, func(r *rig) {
		eth0 := r.sys.index("eth0")
		r.sys.mu.Lock()
		r.sys.vlans.filters[eth0] = true
		r.sys.mu.Unlock()
		r.failing("vlans 2", errors.New("VLAN device for 10: "+unix.EOPNOTSUPP.Error()))
		v := r.stackVLAN("bond0.10", r.b.index, 10)
		if got := r.passes("eth0"); got != "10 by promiscuous mode" || !r.port(eth0).membership().Promisc {
			t.Errorf("%q, promiscuous %v", got, r.port(eth0).membership().Promisc)
		}
		r.unstack(v)
		if got := r.passes("eth0"); got != "" || r.port(eth0).membership().Promisc {
			t.Errorf("without VLANs: %q, promiscuous %v", got, r.port(eth0).membership().Promisc)
		}
	})
}

// A device above the bond is refused at any depth; a slave that gets above it later
// carries nothing until that ends.
func TestLoops(t *testing.T) {
	run(t, "mode balance-xor downdelay 5000 miimon 100", []string{"eth0"}, func(r *rig) {
		v := r.stackVLAN("bond0.5", r.b.index, 5)
		r.stackVLAN("bond0.5.6", v, 6)
		for _, name := range []string{"bond0.5", "bond0.5.6"} {
			if err := r.b.Enslave(r.t.Context(), name); !errors.Is(err, unix.EBUSY) {
				t.Errorf("%s: %v", name, err)
			}
		}
		br := r.sys.addLink("br9", [6]byte{2, 0, 0, 0, 0, 9})
		r.sys.mu.Lock()
		r.sys.links[br].Kind, r.sys.carrier[br] = "bridge", true
		r.sys.mu.Unlock()
		r.must(r.b.Enslave(r.t.Context(), "br9"))
		r.must(r.b.Release(r.t.Context(), "eth0")) // so that br9 is where frames would go
		put := func(master int) State {
			r.sys.mu.Lock()
			r.sys.links[r.b.index].MasterIndex = master
			r.sys.mu.Unlock()
			r.e.linkEvent(monitor.LinkEvent{Index: r.b.index, Name: "bond0", Kind: "tun", MasterIndex: master})
			return r.state()
		}
		if got := r.transmit(toPeer); len(got) != 1 {
			t.Fatalf("before: sent on %v", got)
		}
		st := put(br)
		if got := r.transmit(toPeer); len(got) != 0 || r.receive("br9", flooded) {
			t.Errorf("a loop carries frames: %v", got)
		}
		judged := slices.ContainsFunc(st.Verdict.Causes, func(c Cause) bool { return c.Word == WordLooped && c.Slave == "br9" })
		if s := st.Slaves[0]; !s.Looped || s.Carrier || !judged {
			t.Errorf("%+v, %+v", s, st.Verdict)
		}
		if st = put(0); st.Slaves[0].Looped || !st.Slaves[0].Carrier || st.Verdict.Word != WordNoRedundancy {
			t.Errorf("the loop is undone: %+v, %+v", st.Slaves[0], st.Verdict)
		}
		if got := r.transmit(toPeer); len(got) != 1 {
			t.Errorf("afterwards: sent on %v", got)
		}
	})
}

// A bond of ours is no slave, and what to do instead is said.
func TestBondOverBond(t *testing.T) {
	run(t, "mode active-backup", []string{"eth0"}, func(r *rig) {
		b1, err := r.e.Create(r.t.Context(), Config{Name: "bond1"})
		r.must(err)
		err = r.b.Enslave(r.t.Context(), "bond1")
		if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "bond1): Device is a bond of this host") {
			t.Error(err)
		}
		if l := r.link(b1.Index()); l.Up || r.b.engine.owner(b1.Index()) != b1 {
			t.Errorf("bond1 was touched: %+v", l)
		}
		r.must(b1.Close(r.t.Context()))
	})
}
