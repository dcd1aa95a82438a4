package bond

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
)

var (
	mac0 = [6]byte{2, 0, 0, 0, 0, 0}
	mac1 = [6]byte{2, 0, 0, 0, 0, 1}
	user = [6]byte{2, 1, 2, 3, 4, 5}
)

// macs are the addresses of the bond and the named NICs, as programmed.
func (r *rig) macs(nics ...string) string {
	r.t.Helper()
	synctest.Wait()
	words := []string{link.MACString(r.link(r.tap.index).MAC)}
	for _, n := range nics {
		words = append(words, link.MACString(r.link(r.sys.index(n)).MAC))
	}
	return strings.ReplaceAll(strings.Join(words, " "), "02:00:00:00:00:0", "")
}

func TestFailOverMACNone(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		expect(t, "addresses", r.macs(two...), "0 0 0")
		r.sys.plug("eth0", false)
		expect(t, "addresses after a failover", r.macs(two...), "0 0 0")
		r.must(r.b.Release(r.t.Context(), "eth0"))
		expect(t, "addresses after a release", r.macs(two...), "0 0 0")
		log := r.log()
		if want := "bond0: (slave eth0): the permanent HWaddr of slave - 02:00:00:00:00:00 - is still in use by bond - set the HWaddr of slave to a different address to avoid conflicts"; log[len(log)-1] != want {
			t.Errorf("last line %s", log[len(log)-1])
		}
		r.must(r.b.Release(r.t.Context(), "eth1"))
		expect(t, "the other's own", r.link(r.sys.index("eth1")).MAC, mac1)
	})
}

func TestFailOverMACActive(t *testing.T) {
	run(t, "mode active-backup miimon 100 fail_over_mac active num_grat_arp 1", []string{"eth0", "eth1", "eth2"}, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
		r.sys.mu.Unlock()
		all := []string{"eth0", "eth1", "eth2"}
		expect(t, "addresses", r.macs(all...), "0 0 1 2")
		r.sys.plug("eth0", false)
		expect(t, "the bond goes with the active slave", r.macs(all...), "1 0 1 2")
		r.sys.mu.Lock()
		if n := len(r.sys.sent); n != 1 || [6]byte(r.sys.sent[0].frame[6:]) != mac1 || [6]byte(r.sys.sent[0].frame[22:]) != mac1 {
			t.Errorf("announced %d, with other than the new address", n)
		}
		r.sys.mu.Unlock()
		expect(t, "own frames come back", r.receive("eth1", frameOf("ff ff ff ff ff ff 02 00 00 00 00 01 88 b5")), false)
		// An address set on the bond is taken, and nothing done.
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MAC = user }))
		r.must(r.e.Sync(r.t.Context()))
		expect(t, "the bond keeps its address", r.macs(all...), "1 0 1 2")
		// A slave's address is the slave's.
		r.must(r.sys.change("outside", r.sys.index("eth1"), func(l *link.Info) { l.MAC = user }))
		r.must(r.e.Sync(r.t.Context()))
		expect(t, "the bond follows its active slave", r.macs(all...), "02:01:02:03:04:05 0 02:01:02:03:04:05 2")
		r.must(r.b.Release(r.t.Context(), "eth1"))
		expect(t, "a slave keeps the address it was given", r.macs(all...), "2 0 02:01:02:03:04:05 2")
	})
}

func TestFailOverMACFollow(t *testing.T) {
	run(t, "mode active-backup miimon 100 fail_over_mac follow", two, func(r *rig) {
		expect(t, "addresses", r.macs(two...), "0 0 1")
		r.sys.plug("eth0", false)
		expect(t, "swapped", r.macs(two...), "0 1 0")
		r.sys.plug("eth0", true)
		r.sys.plug("eth1", false)
		expect(t, "and back", r.macs(two...), "0 0 1")
		r.sys.plug("eth0", false)
		expect(t, "none is active", r.macs(two...), "0 0 1")
		r.sys.plug("eth1", true)
		expect(t, "the address comes from who had it last", r.macs(two...), "0 1 0")
		expect(t, "no address was put back", strings.Contains(strings.Join(r.log(), "\n"), "put back"), false)

		// Freed and taken again while the bond uses its address.
		r.must(r.b.Release(r.t.Context(), "eth0"))
		expect(t, "released with its own", r.macs(two...), "0 0 0")
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		synctest.Wait()
		got := r.link(r.sys.index("eth0")).MAC
		if got == mac0 || got == mac1 || got[0]&3 != 2 {
			t.Errorf("taken again with the address %s", link.MACString(got))
		}
		r.must(r.b.Release(r.t.Context(), "eth0"))
		expect(t, "released with its own again", r.macs(two...), "0 0 0")

		// The active one leaves.
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		r.sys.plug("eth0", true)
		r.must(r.b.Release(r.t.Context(), "eth1"))
		expect(t, "the other has the bond's", r.macs(two...), "0 0 1")
	})
}

// The first slave of a bond whose address was set by somebody.
func TestFollowWithAnAddressOfTheBond(t *testing.T) {
	run(t, "mode active-backup miimon 100 fail_over_mac follow", nil, func(r *rig) {
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MAC = user }))
		r.must(r.e.Sync(r.t.Context()))
		for i, n := range two {
			idx := r.sys.addLink(n, [6]byte{2, 0, 0, 0, 0, byte(i)})
			r.sys.plug(n, true)
			r.must(r.b.Enslave(r.t.Context(), n))
			defer func() { expect(t, n+" has its own again", r.link(idx).MAC[5], byte(i)) }()
		}
		expect(t, "addresses", r.macs(two...), "02:01:02:03:04:05 02:01:02:03:04:05 1")
		for _, n := range two {
			r.must(r.b.Release(r.t.Context(), n))
		}
	})
}

func TestFollowWhenTheNICRefuses(t *testing.T) {
	run(t, "mode active-backup miimon 100 fail_over_mac follow", two, func(r *rig) {
		r.failing("mac 3", unix.EBUSY) // eth1
		r.sys.plug("eth0", false)
		expect(t, "addresses", r.macs(two...), "0 0 1")
		log := r.log()
		if want := "bond0: (slave eth1): Error -16 setting MAC of new active slave"; log[len(log)-1] != want {
			t.Errorf("last line %s, want %s", log[len(log)-1], want)
		}
		r.failing("mac 3", nil)
	})
}

// A NIC that can have no address but its own.
func TestFixedAddressForcesFailOverMAC(t *testing.T) {
	run(t, "mode active-backup miimon 100", nil, func(r *rig) {
		eth0, eth1 := r.sys.addLink("eth0", mac0), r.sys.addLink("eth1", mac1)
		for _, i := range []int{eth0, eth1} {
			r.sys.plug(r.link(i).Name, true)
		}
		r.failing("mac 3", unix.EOPNOTSUPP)
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		expect(t, "fail_over_mac", r.state().Settings["fail_over_mac"], "active")
		expectLog(t, r.log(), `
bond0: bond is up
bond0: (slave eth0): The slave device specified does not support setting the MAC address
bond0: (slave eth0): Setting fail_over_mac to active for active-backup mode
bond0: (slave eth0): making interface the new active one
bond0: (slave eth0): Enslaving as an active interface with an up link`)
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		expect(t, "addresses", r.macs(two...), "0 0 1")
		r.failing("mac 3", nil)
	})
	run(t, "mode active-backup miimon 100", []string{"eth0"}, func(r *rig) {
		i := r.sys.addLink("eth1", mac1)
		r.failing("mac 4", unix.EOPNOTSUPP)
		err := r.b.Enslave(r.t.Context(), "eth1")
		want := "bond0: (slave eth1): Slave device does not support setting the MAC address, but fail_over_mac is not set to active"
		if err == nil || err.Error() != want || !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("a second one: %v, want %s", err, want)
		}
		expect(t, "left as it was", r.link(i).MAC, mac1)
		r.failing("mac 4", nil)
	})
	run(t, "mode balance-rr miimon 100", nil, func(r *rig) {
		r.sys.addLink("eth1", mac1)
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MAC = user }))
		r.must(r.e.Sync(r.t.Context()))
		r.failing("mac 3", unix.EOPNOTSUPP)
		if err := r.b.Enslave(r.t.Context(), "eth1"); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("in another mode: %v", err)
		}
		r.failing("mac 3", nil)
	})
}

// Wherever the process is killed, the next one sees to the addresses, and the
// slaves get their own back.
func TestFailOverMACAfterAKillAnywhere(t *testing.T) {
	for _, fom := range []string{"active", "follow"} {
		killedWithAddresses(t, two, []string{"mode", "active-backup", "miimon", "100", "fail_over_mac", fom}, func(t *testing.T, at string, sys *fakeSystem, st State) {
			expect(t, "TAP's address after "+at, link.MACString(sys.links[st.Index].MAC), st.MAC)
			seen := map[string]string{}
			for _, s := range st.Slaves {
				mac := link.MACString(sys.links[s.Index].MAC)
				if s.Name == st.Active && mac != st.MAC || seen[mac] != "" {
					t.Errorf("%s killed after %s: bond %s, %s has %s, %v", fom, at, st.MAC, s.Name, mac, seen)
				}
				seen[mac] = s.Name
			}
		})
	}
}

func TestNoNotificationsOfABondThatIsSetUp(t *testing.T) {
	run(t, "mode active-backup miimon 100 num_grat_arp 3", two, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
		r.sys.mu.Unlock()
		r.b.refresh()
		pass(time.Second)
		r.must(r.b.SetDown(r.t.Context()))
		r.must(r.b.SetUp(r.t.Context()))
		pass(time.Second)
		expect(t, "announcements", r.announced(), 0)
		r.sys.plug("eth0", false)
		pass(150 * time.Millisecond)
		expect(t, "announcements of a failover", r.announced(), 2)
		r.must(r.b.SetDown(r.t.Context())) // the third is forgotten
		r.must(r.b.SetUp(r.t.Context()))
		pass(time.Second)
		expect(t, "announcements after down and up", r.announced(), 2)
	})
}
