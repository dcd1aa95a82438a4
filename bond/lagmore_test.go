package bond

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Without a partner one port carries traffic after its wait; when a partner
// comes the carrier stays.
func TestLAGFallback(t *testing.T) {
	back(t, "lacp_rate fast lacp_fallback_delay 1000", "lacp_rate fast", two, func(a, b *rig) {
		a.must(a.b.SetUp(a.t.Context()))
		pass(3900 * time.Millisecond)
		expect(t, "not yet", a.distributes() && !a.state().Carrier, true)
		pass(200 * time.Millisecond)
		expect(t, "one port", a.distributes("eth0"), true)
		expect(t, "carrier", a.state().Carrier, true)
		expect(t, "delivers", a.receive("eth0", toBond), true)
		expect(t, "the other doesn't", a.receive("eth1", toBond), false)
		a.sys.plug("eth0", false)
		pass(1100 * time.Millisecond)
		expect(t, "the other, now", a.distributes("eth1"), true)
		a.sys.plug("eth0", true)
		pass(10 * time.Second)
		expect(t, "it stays", a.distributes("eth1"), true)
		before := len(a.log())
		b.must(b.b.SetUp(b.t.Context()))
		pass(3 * time.Second)
		expect(t, "both with a partner", a.distributes(two...), true)
		for _, line := range a.log()[before:] {
			if strings.Contains(line, "interface!") {
				t.Errorf("the carrier changed: %s", line)
			}
		}
	})
	back(t, "lacp_fallback none", "", two, func(a, b *rig) {
		a.must(a.b.SetUp(a.t.Context()))
		pass(20 * time.Second)
		expect(t, "none", a.distributes() && !a.state().Carrier, true)
	})
}

// ARP goes out on all ports that distribute, once it is asked for.
func TestLAGBroadcastNeighbor(t *testing.T) {
	arp := frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 08 06")
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		expect(t, "as any frame", len(a.transmit(arp)), 1)
		a.must(a.set("broadcast_neighbor on"))
		expect(t, "on all", strings.Join(a.transmit(arp), " "), "eth0 eth1")
		expect(t, "others as before", len(a.transmit(toPeer)), 1)
		a.must(a.set("broadcast_neighbor off"))
		expect(t, "as any frame again", len(a.transmit(arp)), 1)
	})
}

// Ends with coupled and independent control, in any combination.
func TestLAGControl(t *testing.T) {
	for _, o := range [][2]string{{"off", "off"}, {"on", "off"}, {"off", "on"}} {
		back(t, "lacp_rate fast coupled_control "+o[0], "lacp_rate fast coupled_control "+o[1], two, func(a, b *rig) {
			up(a, b)
			b.sys.mu.Lock()
			b.sys.cut["eth0"] = true // A hears nothing on eth0
			b.sys.mu.Unlock()
			pass(4100 * time.Millisecond)
			expect(t, "A has given it up", a.distributes("eth1"), true)
			expect(t, "B, who is told that A doesn't collect", b.distributes("eth1"), true)
		})
	}
}

// The NIC of a port is pulled out, the others go on.
func TestLAGNICVanishes(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		a.unplugNIC(a.sys.index("eth0"))
		a.must(a.e.Sync(a.t.Context()))
		expect(t, "slaves", len(a.state().Slaves), 1)
		expect(t, "goes on", a.distributes("eth1") && a.state().Carrier, true)
	})
}

// Only so many links at a time; the next takes over at once.
func TestLAGMaxLinks(t *testing.T) {
	back(t, "lacp_rate fast max_links 1 ad_actor_sys_prio 1", "lacp_rate fast", two, func(a, b *rig) {
		a.must(a.b.SetUp(a.t.Context()))
		b.must(b.b.SetUp(b.t.Context()))
		pass(3 * time.Second)
		expect(t, "the first", a.distributes("eth0") && b.distributes("eth0"), true)
		expect(t, "the other", a.slave("eth1").AD.Selected, "standby")
		_, mbps := a.tap.shows()
		expect(t, "speed", mbps, 10000)
		a.sys.plug("eth0", false)
		pass(500 * time.Millisecond)
		expect(t, "promoted", a.distributes("eth1"), true)
		a.sys.plug("eth0", true)
		a.must(a.set("max_links 0"))
		pass(3 * time.Second)
		expect(t, "all", a.distributes(two...), true)
	})
}

// While downdelay runs a link is not used, but the LAG remembers it: if the
// carrier comes back, nobody waits.
func TestLAGDowndelay(t *testing.T) {
	back(t, "lacp_rate fast downdelay 1000", "lacp_rate fast downdelay 1000", two, func(a, b *rig) {
		up(a, b)
		pass(3 * time.Second)
		a.sys.plug("eth0", false)
		synctest.Wait()
		for range 8 {
			if got := a.transmit(toPeer); !slices.Equal(got, []string{"eth1"}) {
				t.Fatalf("sent on %v", got)
			}
		}
		pass(500 * time.Millisecond)
		a.sys.plug("eth0", true)
		synctest.Wait()
		expect(t, "back at once", a.distributes(two...), true)
		expect(t, "began to distribute", a.slave("eth0").AD.Counters.DistributeCount, 1)
	})
}

// The mode changes with the bond down and empty, and LACP with it.
func TestLAGModeChange(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		for _, n := range two {
			r.must(r.b.Release(r.t.Context(), n))
		}
		r.must(r.b.SetDown(r.t.Context()))
		r.must(r.set("mode 802.3ad"))
		for _, n := range two {
			r.must(r.b.Enslave(r.t.Context(), n))
		}
		r.must(r.b.SetUp(r.t.Context()))
		pass(100 * time.Millisecond)
		expect(t, "speaks", len(r.pdus("eth0")) > 0, true)
		for _, n := range two {
			r.must(r.b.Release(r.t.Context(), n))
		}
		r.must(r.b.SetDown(r.t.Context()))
		r.must(r.set("mode balance-xor"))
		for _, n := range two {
			r.must(r.b.Enslave(r.t.Context(), n))
		}
		r.must(r.b.SetUp(r.t.Context()))
		before := len(r.pdus("eth0"))
		pass(5 * time.Second)
		expect(t, "is silent", len(r.pdus("eth0")), before)
		expect(t, "carries", len(r.transmit(toPeer)), 1)
		expect(t, "slow frames are the host's", r.receive("eth0", slowProto), true)
	})
}

// When flows move between good links, what follows waits for what is under way;
// when a link is lost, nothing waits. What arrives on a link whose partner has
// said goodbye is delivered for a moment.
func TestLAGFlowsMoveInOrder(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", []string{"eth0", "eth1", "eth2"}, func(a, b *rig) {
		up(a, b)
		pass(time.Second)
		holds := func() bool { return !a.b.snap.Load().hold.IsZero() }
		expect(t, "at rest", holds(), false)
		a.sys.plug("eth2", false)
		synctest.Wait()
		expect(t, "a link is lost", holds(), false)
		a.sys.plug("eth2", true)
		pass(3 * time.Second)
		expect(t, "at rest again", holds(), false)
		done := make(chan error)
		go func() { done <- b.b.Release(b.t.Context(), "eth0") }()
		synctest.Wait()
		expect(t, "the partner takes a link away", holds() && a.distributes("eth1", "eth2"), true)
		expect(t, "what it sent before is delivered", a.receive("eth0", toBond), true)
		pass(2 * holdTime)
		expect(t, "goes on", holds(), false)
		pass(drainTime)
		expect(t, "what comes later is not", a.receive("eth0", toBond), false)
		a.must(<-done)
	})
}

// A goodbye that has to wait for the limit of three LACPDUs a second is waited
// for: until the partner has heard it, what it sends is delivered.
func TestLAGReleaseWaitsForItsGoodbye(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", []string{"eth0", "eth1", "eth2"}, func(a, b *rig) {
		a.must(a.b.SetUp(a.t.Context()))
		pass(380 * time.Millisecond)
		b.must(b.b.SetUp(b.t.Context()))
		pass(2250 * time.Millisecond) // three have just been sent
		expect(t, "formed", a.distributes(a.names()...) && b.distributes(b.names()...), true)
		done := make(chan error)
		go func() { done <- a.b.Release(a.t.Context(), "eth1") }()
		pass(300 * time.Millisecond)
		expect(t, "not yet heard", b.slave("eth1").Carries, true)
		expect(t, "delivered", a.receive("eth1", toBond), true)
		expect(t, "sent on", slices.Contains(a.transmit(toPeer), "eth1"), false)
		a.must(<-done)
		expect(t, "heard", b.slave("eth1").Carries, false)
	})
}

// The bond's option is what LACP holds the active aggregator by.
func TestLAGSelectHold(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", two, func(a, b *rig) {
		up(a, b)
		if err := a.set("ad_select_hold 1999"); err == nil {
			t.Error("less than two seconds was taken")
		}
		expect(t, "default", a.state().Settings["ad_select_hold"], "2000")
		expect(t, "as LACP has it", a.b.lag.machine.State(a.b.now()).Config.SelectHold, 2*time.Second)
		a.must(a.set("ad_select_hold 9000"))
		expect(t, "as LACP has it", a.b.lag.machine.State(a.b.now()).Config.SelectHold, 9*time.Second)
	})
}
