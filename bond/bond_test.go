package bond

import (
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

var two = []string{"eth0", "eth1"}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func expectLog(t *testing.T, got []string, want string) {
	t.Helper()
	if w := strings.Split(strings.TrimSpace(want), "\n"); !slices.Equal(got, w) {
		t.Errorf("log:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(w, "\n"))
	}
}

// The kernel's own log of the same events is the measure of these lines.
func TestActiveBackupSpeaksAsTheKernel(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		r.sys.plug("eth1", false)
		synctest.Wait()
		r.sys.plug("eth0", false)
		synctest.Wait()
		r.sys.plug("eth0", true)
		synctest.Wait()
		r.sys.plug("eth1", true)
		expectLog(t, r.log(), `
bond0: (slave eth0): making interface the new active one
bond0: (slave eth0): Enslaving as an active interface with an up link
bond0: (slave eth1): Enslaving as a backup interface with an up link
bond0: bond is up
bond0: (slave eth1): link status definitely down, disabling slave
bond0: (slave eth0): link status definitely down, disabling slave
bond0: now running without any active interface!
bond0: (slave eth0): link status definitely up, 10000 Mbps full duplex
bond0: (slave eth0): making interface the new active one
bond0: active interface up!
bond0: (slave eth1): link status definitely up, 10000 Mbps full duplex`)
	})
}

func TestDelaysSpeakAsTheKernel(t *testing.T) {
	run(t, "mode active-backup miimon 100 updelay 5000 downdelay 5000", two, func(r *rig) {
		pass(6 * time.Second)
		r.sys.plug("eth0", false)
		pass(6 * time.Second)
		r.sys.plug("eth0", true)
		pass(6 * time.Second)
		expectLog(t, r.log(), `
bond0: (slave eth0): Enslaving as a backup interface with an up link
bond0: (slave eth1): Enslaving as a backup interface with an up link
bond0: bond is up
bond0: (slave eth0): link status definitely up, 10000 Mbps full duplex
bond0: (slave eth0): making interface the new active one
bond0: active interface up!
bond0: (slave eth1): link status definitely up, 10000 Mbps full duplex
bond0: (slave eth0): link status down for active interface, disabling it in 5000 ms
bond0: (slave eth0): link status definitely down, disabling slave
bond0: (slave eth1): making interface the new active one
bond0: (slave eth0): link status up, enabling it in 5000 ms
bond0: (slave eth0): link status definitely up, 10000 Mbps full duplex`)
		st := r.state()
		expect(t, "active", st.Active, "eth1")
		expect(t, "failures of eth0", st.Slaves[0].Failures, 1)
	})
}

func TestEarlyPromotion(t *testing.T) {
	run(t, "mode active-backup miimon 100 updelay 5000", two, func(r *rig) {
		pass(6 * time.Second)
		r.sys.plug("eth1", false)
		synctest.Wait()
		r.sys.plug("eth1", true)
		pass(2 * time.Second)
		r.sys.plug("eth0", false)
		log := r.log()
		expect(t, "last line", log[len(log)-1], "bond0: (slave eth1): making interface the new active one 3000 ms earlier")
		expect(t, "active", r.state().Active, "eth1")
		expect(t, "carrier", r.state().Carrier, true)
	})
}

func TestActiveBackupCarries(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		expect(t, "transmitted on", strings.Join(r.transmit(toPeer), " "), "eth0")
		for _, tt := range []struct {
			slave string
			frame []byte
			want  bool
		}{
			{"eth0", toBond, true}, {"eth0", flooded, true}, {"eth0", bpdu, true}, {"eth0", slowProto, true}, {"eth0", ownBack, false},
			{"eth1", toBond, false}, {"eth1", flooded, false}, {"eth1", bpdu, false},
		} {
			if got := r.receive(tt.slave, tt.frame); got != tt.want {
				t.Errorf("% x received on %s: delivered %v, want %v", tt.frame[:14], tt.slave, got, tt.want)
			}
		}
		d := r.state().Drops
		expect(t, "rx_own_source", d["rx_own_source"], 1)
		expect(t, "rx_inactive", d["rx_inactive"], 2)
		expect(t, "rx_link_local", d["rx_link_local"], 1)

		r.sys.plug("eth0", false)
		synctest.Wait()
		expect(t, "after the cut transmitted on", strings.Join(r.transmit(toPeer), " "), "eth1")
		// What was under way to the old active slave is still ours, once.
		expect(t, "unicast drains", r.receive("eth0", toBond), true)
		expect(t, "a copy of it", r.receive("eth1", toBond), false)
		expect(t, "broadcast on the new one", r.receive("eth1", flooded), true)
		expect(t, "a copy of it", r.receive("eth0", flooded), false)
		expect(t, "link-local", r.receive("eth0", bpdu), false)
		expect(t, "rx_duplicate", r.state().Drops["rx_duplicate"], 2)
		pass(2 * drainTime)
		expect(t, "unicast after the drain", r.receive("eth0", toBond), false)

		r.must(r.set("all_slaves_active 1"))
		expect(t, "backup with all_slaves_active", r.receive("eth0", flooded), true)
	})
}

func TestModesCarry(t *testing.T) {
	run(t, "mode balance-rr", two, func(r *rig) {
		got := append(r.transmit(toPeer), r.transmit(toPeer)...)
		slices.Sort(got)
		expect(t, "round robin", strings.Join(got, " "), "eth0 eth1")
		expect(t, "any slave delivers", r.receive("eth1", flooded), true)
	})
	run(t, "mode broadcast", two, func(r *rig) {
		expect(t, "broadcast", strings.Join(r.transmit(toPeer), " "), "eth0 eth1")
		r.sys.plug("eth0", false)
		synctest.Wait()
		expect(t, "broadcast, one down", strings.Join(r.transmit(toPeer), " "), "eth1")
	})
	run(t, "mode balance-xor miimon 100 downdelay 500", two, func(r *rig) {
		first := r.transmit(toPeer)
		expect(t, "same flow", slices.Equal(r.transmit(toPeer), first), true)
		r.sys.plug(first[0], false)
		synctest.Wait()
		expect(t, "flow stays for downdelay", slices.Equal(r.transmit(toPeer), first), true)
		pass(time.Second)
		expect(t, "flow moved", slices.Equal(r.transmit(toPeer), first), false)
		r.sys.plug("eth0", false)
		r.sys.plug("eth1", false)
		pass(time.Second)
		expect(t, "nobody left", len(r.transmit(toPeer)), 0)
		expect(t, "tx_no_slave", r.state().Drops["tx_no_slave"], 1)
	})
}

// What a port can't hand on is a drop like any, also when its slave has gone.
func TestPortsDrops(t *testing.T) {
	run(t, "mode balance-rr", two, func(r *rig) {
		r.port(r.sys.index("eth0")).stats = nic.Stats{Truncated: 3, Malformed: 4}
		r.port(r.sys.index("eth1")).stats = nic.Stats{Truncated: 10, Dropped: 5}
		for _, when := range []string{"with both", "without eth0"} {
			st := r.state()
			expect(t, when+" rx_truncated", st.Drops["rx_truncated"], 13)
			expect(t, when+" rx_malformed", st.Drops["rx_malformed"], 4)
			expect(t, when+" eth1's socket", st.Slaves[len(st.Slaves)-1].SocketDrops, 5)
			if len(st.Slaves) == 2 {
				r.must(r.b.Release(r.t.Context(), "eth0"))
			}
		}
	})
}

func TestTAPShowsTheBond(t *testing.T) {
	for mode, want := range map[string]uint32{"balance-rr": 20000, "active-backup": 10000, "broadcast": 10000} {
		run(t, "mode "+mode, two, func(r *rig) {
			synctest.Wait()
			carrier, mbps := r.tap.shows()
			expect(t, mode+" carrier", carrier, true)
			expect(t, mode+" speed", mbps, want)
			r.sys.plug("eth0", false)
			r.sys.plug("eth1", false)
			synctest.Wait()
			carrier, mbps = r.tap.shows()
			expect(t, mode+" carrier, all down", carrier, false)
			expect(t, mode+" speed, all down", mbps, 0)
		})
	}
}

func TestAnnouncements(t *testing.T) {
	run(t, "mode active-backup miimon 100 num_grat_arp 3 peer_notif_delay 200", two, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24"), netip.MustParsePrefix("fd00::9/64")}
		r.sys.mu.Unlock()
		r.b.refresh()
		pass(2 * time.Second) // those of the start are over
		r.sys.mu.Lock()
		r.sys.sent = nil
		r.sys.mu.Unlock()
		r.sys.plug("eth0", false)
		eth1 := r.sys.index("eth1")
		// As the driver's: at once, one tick before the delay is over, then each delay.
		for _, tt := range []struct {
			after time.Duration
			want  int
		}{{0, 1}, {99 * time.Millisecond, 1}, {2 * time.Millisecond, 2}, {198 * time.Millisecond, 2}, {2 * time.Millisecond, 3}, {time.Second, 3}} {
			pass(tt.after)
			synctest.Wait()
			r.sys.mu.Lock()
			got := len(r.sys.sent)
			for _, a := range r.sys.sent {
				if a.slave != eth1 {
					t.Errorf("announced on %d", a.slave)
				}
			}
			r.sys.mu.Unlock()
			expect(t, "frames sent", got, 2*tt.want)
		}
	})
	run(t, "mode active-backup miimon 100 num_grat_arp 0", two, func(r *rig) {
		r.sys.plug("eth0", false)
		pass(time.Second)
		expect(t, "frames sent", r.announced(), 0)
	})
}

// A link that has just come back gets the role: the switch may take nothing in on
// that port yet.
func TestAnnouncementsOnAPortThatOpensLate(t *testing.T) {
	const often = "ARP:10ms learn:20ms learn:40ms learn:80ms learn:160ms learn:320ms learn:640ms" // behind switchDelay
	for options, want := range map[string]string{
		"num_grat_arp 1":                          often,
		"num_grat_arp 1 fail_over_mac active":     often,
		"num_grat_arp 1 fail_over_mac follow":     often,
		"num_grat_arp 2 peer_notif_delay 500":     "ARP:10ms learn:20ms learn:40ms learn:80ms learn:160ms learn:320ms ARP:410ms learn:640ms",
		"num_grat_arp 0":                          "",
		"num_grat_arp 1 updelay 700":              "ARP:710ms",
		"num_grat_arp 1 primary_reselect failure": "",
	} {
		run(t, "mode active-backup miimon 100 primary eth0 "+options, two, func(r *rig) {
			r.sys.mu.Lock()
			r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
			r.sys.mu.Unlock()
			r.must(r.e.Sync(r.t.Context()))
			r.sys.plug("eth0", false)
			pass(2 * time.Second)
			r.forgetSent()
			back := time.Now()
			r.sys.plug("eth0", true)
			pass(2 * time.Second)
			mac := link.MACString(r.link(r.tap.index).MAC)
			var sent []string
			r.sys.mu.Lock()
			for _, a := range r.sys.sent {
				expect(t, "announced on", a.slave, r.sys.indexLocked("eth0"))
				kind := map[byte]string{0x08: "ARP:", 0x90: "learn:"}[a.frame[12]]
				sent = append(sent, kind+a.at.Sub(back).String())
				expect(t, "address", macAt(a.frame, 6), mac)
			}
			r.sys.mu.Unlock()
			expect(t, options, strings.Join(sent, " "), want)
		})
	}
}

func TestEnslaveUndoesEverything(t *testing.T) {
	for _, op := range []string{"mac", "mtu", "prepare", "shield", "port", "control", "up"} {
		run(t, "mode active-backup", nil, func(r *rig) {
			i := r.sys.addLink("eth0", [6]byte{2, 0, 0, 0, 0, 7})
			r.must(r.sys.SetMTU(i, 1400))
			before := r.link(i)
			bond := r.link(r.tap.index).MAC
			if op == "mac" { // the bond takes the first slave's address
				r.failing("mac 2", unix.EOPNOTSUPP)
			} else {
				r.failing(op+" 3", unix.EIO)
			}
			err := r.b.Enslave(r.t.Context(), "eth0")
			if err == nil {
				t.Fatalf("%s fails, enslave does not", op)
			}
			r.failing(op+" 3", nil)
			expect(t, op+": the NIC", r.link(i), before)
			expect(t, op+": the bond's address", r.link(r.tap.index).MAC, bond)
			expect(t, op+": slaves", len(r.state().Slaves), 0)
			if p := r.port(i); p != nil {
				if _, err := p.ReadBatch(); !errors.Is(err, os.ErrClosed) {
					t.Errorf("%s: the port is open", op)
				}
			}
		})
	}
}

func TestEnslaveAnswers(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		up := r.sys.addLink("eth7", [6]byte{2, 0, 0, 0, 0, 7})
		r.must(r.sys.SetUp(up))
		lo := r.sys.addLink("lo", [6]byte{})
		r.must(r.sys.change("outside", lo, func(l *link.Info) { l.Type, l.Up = unix.ARPHRD_LOOPBACK, true }))
		for _, tt := range []struct {
			name, want string
			errno      unix.Errno
		}{
			{"eth0", "bond0: (slave eth0): Device is in use and cannot be enslaved", unix.EBUSY},
			{"eth7", "bond0: (slave eth7): Device can not be enslaved while up", unix.EPERM},
			{"lo", "bond0: (slave lo): Device can not be enslaved while up", unix.EPERM},
			{"bond0", "bond0: (slave bond0): Cannot enslave bond to itself.", unix.EPERM},
			{"eth9", "bond0: (slave eth9): interface does not exist", unix.ENODEV},
		} {
			err := r.b.Enslave(r.t.Context(), tt.name)
			if err == nil || err.Error() != tt.want || !errors.Is(err, tt.errno) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
		if err := r.b.Release(r.t.Context(), "eth7"); !errors.Is(err, unix.EINVAL) {
			t.Errorf("release of a stranger: %v", err)
		}
	})
}

func TestReleaseLeavesTheNICAsFound(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth0 := r.sys.index("eth0")
		expect(t, "address of eth1", r.link(r.sys.index("eth1")).MAC, [6]byte{2, 0, 0, 0, 0, 0})
		r.must(r.b.Release(r.t.Context(), "eth0"))
		l := r.link(eth0)
		expect(t, "address", l.MAC, [6]byte{2, 0, 0, 0, 0, 0})
		expect(t, "up", l.Up, false)
		expect(t, "active", r.state().Active, "eth1")
		expect(t, "transmitted on", strings.Join(r.transmit(toPeer), " "), "eth1")
		r.must(r.b.Enslave(r.t.Context(), "eth0"))
		expect(t, "active stays", r.state().Active, "eth1")
		r.must(r.b.Release(r.t.Context(), "eth0"))
		r.must(r.b.Release(r.t.Context(), "eth1"))
		st := r.state()
		expect(t, "carrier of an empty bond", st.Carrier, false)
		if st.MAC == "02:00:00:00:00:00" {
			t.Error("an empty bond keeps its slave's address")
		}
		expect(t, "bond and TAP agree", st.MAC, link.MACString(r.link(r.tap.index).MAC))
	})
}

func TestOptionsApplyWholeOrNot(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		err := r.set("num_grat_arp 5 packets_per_slave 3")
		if !errors.Is(err, unix.EACCES) {
			t.Errorf("packets_per_slave in active-backup: %v", err)
		}
		expect(t, "num_grat_arp", r.state().Settings["num_grat_arp"], "1")
		if err := r.set("mode balance-rr"); !errors.Is(err, unix.ENOTEMPTY) {
			t.Errorf("mode with slaves: %v", err)
		}
		r.must(r.set("active_slave eth1"))
		expect(t, "active", r.state().Active, "eth1")
		r.must(r.set("primary eth0"))
		expect(t, "active after primary", r.state().Active, "eth0")
		r.sys.plug("eth0", false)
		expect(t, "active after the primary's loss", r.state().Active, "eth1")
		r.sys.plug("eth0", true)
		pass(switchDelay)
		expect(t, "the primary is back", r.state().Active, "eth0")
	})
}

func TestFollowsItsTAP(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MTU, l.MAC, l.Promisc = 9000, [6]byte{2, 1, 2, 3, 4, 5}, true }))
		r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: r.tap.index}})
		synctest.Wait()
		for _, n := range two {
			l := r.link(r.sys.index(n))
			expect(t, n+" MTU", l.MTU, 9000)
			expect(t, n+" address", l.MAC, [6]byte{2, 1, 2, 3, 4, 5})
			expect(t, n+" promisc", r.port(l.Index).membership().Promisc, true)
		}
		// One slave refuses: all go back, the TAP too.
		r.failing("mtu 3", unix.EINVAL)
		r.must(r.sys.change("outside", r.tap.index, func(l *link.Info) { l.MTU = 9500 }))
		r.e.dispatch(monitor.WatchEvent{Resync: true})
		synctest.Wait()
		for _, i := range []int{r.sys.index("eth0"), r.sys.index("eth1"), r.tap.index} {
			expect(t, "MTU after a refusal", r.link(i).MTU, 9000)
		}

		r.must(r.b.SetDown(r.t.Context()))
		expect(t, "transmitted while down", len(r.transmit(toPeer)), 0)
		expect(t, "received while down", r.receive("eth0", toBond), false)
		r.must(r.b.SetUp(r.t.Context()))
		expect(t, "transmitted after up", strings.Join(r.transmit(toPeer), " "), "eth0")
	})
}

func TestSlaveChangedUnderUs(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth0, eth1 := r.sys.index("eth0"), r.sys.index("eth1")
		stray := [6]byte{2, 9, 9, 9, 9, 9}
		for i := range 5 {
			r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.MAC = stray }))
			r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: eth1, Name: "eth1", MTU: 1500, MAC: stray}})
			synctest.Wait()
			expect(t, "address put back", r.link(eth1).MAC != stray, i < mendTries)
		}
		r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: eth1, Name: "lan1", MTU: 1500, MAC: [6]byte{2, 0, 0, 0, 0, 0}}})
		expect(t, "new name", r.state().Slaves[1].Name, "lan1")

		r.unplugNIC(eth0)
		r.port(eth0).die(nic.ErrGone)
		pass(time.Second)
		st := r.state()
		expect(t, "slaves left", len(st.Slaves), 1)
		expect(t, "active", st.Active, "lan1")
	})
}

func TestTAPDeletedIsBondDeleted(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		r.unplugNIC(r.tap.index)
		r.tap.q.die(tap.ErrGone)
		<-r.b.Done()
		synctest.Wait()
		expect(t, "bonds", len(r.e.Bonds()), 0)
		for _, n := range two {
			expect(t, n+" up", r.link(r.sys.index(n)).Up, false)
		}
		if err := r.b.Enslave(r.t.Context(), "eth0"); !errors.Is(err, ErrGone) {
			t.Errorf("enslave to a bond that is gone: %v", err)
		}
	})
}
