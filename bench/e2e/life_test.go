package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
)

// TestReleaseAndEnslaveUnderTraffic: over and over; every frame goes where it
// should, and nothing grows.
func TestReleaseAndEnslaveUnderTraffic(t *testing.T) {
	b := start(t, lab.Topology{Slaves: 3, Wire: true, PeerOffloads: true}, "mode balance-xor miimon 100 xmit_hash_policy layer3+4")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for i, e := range [][2]*lab.Host{{b.lab.A, b.lab.B}, {b.lab.B, b.lab.A}} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// No more than the TAP holds, should the bond be held up by the machine.
				r, err := traffic.Run(t.Context(), traffic.FlowConfig{
					From: e[0], To: e[1], Src: ends[0][i], Dst: ends[0][1-i], Flows: 8, Size: 200, Rate: 3000, Count: 900, Patience: stragglers,
				})
				if err != nil {
					t.Error(err)
					return
				}
				if sum := r.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || r.Receive.Corrupted > 0 {
					t.Errorf("traffic %d: %s; the bond dropped %v", i, r, b.state().Drops)
				}
			}
		})
	}
	round := func(i int) {
		slave := fmt.Sprintf("eth%d", i%3)
		b.do("release", "bond0", slave)
		b.enslave(i % 3)
	}
	for i := range 6 {
		round(i)
	}
	fds := b.descriptors()
	rounds := 6
	for end := time.Now().Add(pick(4*time.Second, time.Minute)); time.Now().Before(end); rounds++ {
		round(rounds)
	}
	close(stop)
	wg.Wait()
	if now := b.descriptors(); now > fds+4 { // one or two connections of ours may be closing
		t.Errorf("%d descriptors, %d after the first rounds", now, fds)
	}
	t.Logf("%d rounds, %d descriptors", rounds, fds)
}

func (b *bed) descriptors() int {
	b.t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.proc.PID()))
	b.must(err)
	return len(list)
}

// TestFollowsTheHost: what people do to bond0 and its slaves with ip.
func TestFollowsTheHost(t *testing.T) {
	waits(t)
	b := start(t, lab.Topology{Slaves: 2, PeerOffloads: true}, "mode active-backup miimon 100")
	h := b.lab.A.Handle
	link := func(name string) netlink.Link {
		t.Helper()
		l, err := h.LinkByName(name)
		b.must(err)
		return l
	}
	eventually := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(5 * time.Second); !ok(); {
			if time.Now().After(deadline) {
				t.Fatalf("not so: %s", what)
			}
			pause(t, 5*time.Millisecond)
		}
	}
	b.must(h.LinkSetMTU(link("bond0"), 1400))
	eventually("slaves have the MTU", func() bool { return link("eth0").Attrs().MTU == 1400 && link("eth1").Attrs().MTU == 1400 })
	mac := lab.SlaveMAC(9)
	b.must(h.LinkSetHardwareAddr(link("bond0"), mac))
	eventually("slaves have the address", func() bool {
		return link("eth0").Attrs().HardwareAddr.String() == mac.String() && link("eth1").Attrs().HardwareAddr.String() == mac.String()
	})
	b.must(h.SetPromiscOn(link("bond0")))
	eventually("slaves are promiscuous", func() bool { return link("eth0").Attrs().Promisc == 1 })
	b.must(h.SetPromiscOff(link("bond0")))
	eventually("slaves are not promiscuous", func() bool { return link("eth0").Attrs().Promisc == 0 })

	b.must(h.LinkSetHardwareAddr(link("eth1"), lab.SlaveMAC(5)))
	eventually("a slave's address is put back", func() bool { return link("eth1").Attrs().HardwareAddr.String() == mac.String() })

	b.must(h.LinkSetDown(link("bond0")))
	b.until("the bond is down", func(st bond.State) bool { return !st.Up })
	b.must(h.LinkSetUp(link("bond0")))
	b.until("the bond is up", func(st bond.State) bool { return st.Up })

	b.must(h.LinkSetDown(link("eth0")))
	b.until("eth1 took over", func(st bond.State) bool { return st.Active == "eth1" })
	b.must(h.LinkDel(link("eth1")))
	b.until("eth1 is gone", func(st bond.State) bool { return len(st.Slaves) == 1 && st.Active == "" && !st.Carrier })
	b.must(h.LinkSetUp(link("eth0")))
	b.until("eth0 is back", func(st bond.State) bool { return st.Active == "eth0" && st.Carrier })
	eventually("the kernel says that bond0 is up", func() bool { return link("bond0").Attrs().OperState == netlink.OperUp })
}

// TestTAPDeletedEndsTheBond: a TAP deleted by somebody is a bond deleted.
func TestTAPDeletedEndsTheBond(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 2})
	var err error
	b.proc, err = b.lab.Start(t.Context(), b.lab.A, binary, strings.Fields("run bond0 mode active-backup slaves eth0 eth1"), nil)
	b.must(err)
	b.said("is running")
	l, err := b.lab.A.Handle.LinkByName("bond0")
	b.must(err)
	b.must(b.lab.A.Handle.LinkDel(l))
	b.said("bond0 was deleted")
	if err := b.proc.Wait(t.Context()); err == nil {
		t.Error("a bond that was deleted under it is no success")
	}
	for _, k := range b.lab.Links() {
		s, err := b.lab.A.Handle.LinkByName(k.Slave())
		b.must(err)
		if s.Attrs().HardwareAddr.String() != lab.SlaveMAC(k.Index()).String() || s.Attrs().RawFlags&1 != 0 {
			t.Errorf("%s is left with %s, %s", k.Slave(), s.Attrs().HardwareAddr, s.Attrs().Flags)
		}
	}
}

// TestAnswers: what goes wrong is said in one line, as the kernel would, and
// changes nothing.
func TestAnswers(t *testing.T) {
	waits(t)
	b := start(t, lab.Topology{Slaves: 2}, "mode active-backup miimon 100")
	before := b.state()
	for _, tt := range []struct{ args, want string }{
		{"enslave bond0 eth0", "bond0: (slave eth0): Device is in use and cannot be enslaved"},
		{"enslave bond0 lo", "bond0: (slave lo): Device can not be enslaved while up"},
		{"enslave bond0 eth9", "bond0: (slave eth9): interface does not exist"},
		{"enslave bond0 bond0", "bond0: (slave bond0): Cannot enslave bond to itself."},
		{"release bond0 lo", "bond0: (slave lo): interface not a slave of this bond"},
		{"release bond7 eth0", "bond bond7 does not exist; there is bond0"},
		{"set bond0 miimon abc", "bond0: option miimon: invalid value (abc); it takes 0 to 2147483647 ms (tapbond options miimon)"},
		{"set bond0 mode balance-rr", "bond0: option mode: unable to set because the bond device has slaves"},
		{"set bond0 packets_per_slave 2", "bond0: option packets_per_slave: mode dependency failed, not supported in mode active-backup(1)"},
		{"set bond0 num_grat_arp 7 miimon abc", "bond0: option miimon: invalid value (abc); it takes 0 to 2147483647 ms (tapbond options miimon)"},
		{"run bond1", "another tapbond serves this network namespace; make the bond there: tapbond ip link add bond1 type bond"},
	} {
		out, err := b.tapbond(strings.Fields(tt.args)...)
		if want := "tapbond: " + tt.want + "\n"; err == nil || out != want {
			t.Errorf("tapbond %s: %v, %q, want %q", tt.args, err, out, want)
		}
	}
	after := b.state()
	if fmt.Sprint(before.Settings) != fmt.Sprint(after.Settings) || len(after.Slaves) != 2 || before.Active != after.Active {
		t.Errorf("changed:\n%+v\n%+v", before, after)
	}
}

// TestRunRefuses: a bond that can't be is not begun, and nothing is left.
func TestRunRefuses(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 2, SlavesUp: true})
	for _, tt := range []struct{ args, want string }{
		{"run bond0 mode active-backup slaves eth0", "bond0: (slave eth0): Device can not be enslaved while up"},
		{"run eth0", "eth0: file exists"},
		{"run bond0 mode 7", "bond0: option mode: invalid value (7); it takes balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb (tapbond options mode)"},
		{"run a-name-much-too-long", "tap: invalid interface name (a-name-much-too-long): invalid argument"},
		{"show bond0", "bond bond0 does not exist: no bonds in this network namespace; make it: tapbond ip link add bond0 type bond"},
	} {
		out, err := b.tapbond(strings.Fields(tt.args)...)
		if last := out[strings.LastIndex(strings.TrimSuffix(out, "\n"), "\n")+1:]; err == nil || last != "tapbond: "+tt.want+"\n" {
			t.Errorf("tapbond %s: %v, %q, want %q", tt.args, err, out, tt.want)
		}
		if _, err := b.lab.A.Stats("bond0"); err == nil {
			t.Errorf("tapbond %s leaves a bond0", tt.args)
		}
	}
}
