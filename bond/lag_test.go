package bond

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
)

// back has two bonds in mode 802.3ad with the same NICs cabled to each other,
// both down, and runs fn in virtual time.
func back(t *testing.T, optionsA, optionsB string, nics []string, fn func(a, b *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sysA, sysB := newFakeSystem(nics...), newFakeSystem(nics...)
		sysA.wire, sysB.wire = sysB, sysA
		for _, l := range sysB.links {
			l.MAC[4] = 1
		}
		a := newRig(t, sysA, "mode 802.3ad miimon 100 "+optionsA, nics)
		b := newRig(t, sysB, "mode 802.3ad miimon 100 "+optionsB, nics)
		fn(a, b)
		for _, r := range []*rig{a, b} {
			if err := r.e.CloseAll(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

// up sets both bonds up and returns once both distribute on all their slaves.
func up(a, b *rig) {
	a.t.Helper()
	a.must(a.b.SetUp(a.t.Context()))
	b.must(b.b.SetUp(b.t.Context()))
	start := time.Now()
	for !a.distributes(a.names()...) || !b.distributes(b.names()...) {
		if time.Since(start) > 2700*time.Millisecond {
			a.t.Fatalf("no LAG after 2.7 s:\n%s", strings.Join(a.log(), "\n"))
		}
		pass(10 * time.Millisecond)
	}
}

func (r *rig) setSlave(slave, name, value string) error {
	return r.b.Set(r.t.Context(), option.ViaNetlink, []option.Assign{{Option: name, Value: value, Slave: slave}})
}

func (r *rig) names() []string {
	var out []string
	for _, s := range r.state().Slaves {
		out = append(out, s.Name)
	}
	return out
}

// distributes: these slaves carry traffic, and no others.
func (r *rig) distributes(names ...string) bool {
	for _, s := range r.state().Slaves {
		if s.Carries != slices.Contains(names, s.Name) {
			return false
		}
	}
	return true
}

// pdus are the LACPDUs sent so far by a slave.
func (r *rig) pdus(name string) (out []announcement) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	for _, s := range r.sys.sent {
		if l := r.sys.links[s.slave]; l != nil && l.Name == name && s.frame[12] == 0x88 && s.frame[13] == 0x09 && s.frame[14] == 1 {
			out = append(out, s)
		}
	}
	return out
}

func (r *rig) lastPDU(name string) lacp.LACPDU {
	r.t.Helper()
	all := r.pdus(name)
	if len(all) == 0 {
		r.t.Fatalf("%s sent no LACPDU", name)
	}
	var p lacp.LACPDU
	if why := p.Decode(all[len(all)-1].frame[14:]); why != lacp.Legal {
		r.t.Fatalf("%s sent a LACPDU that is illegal: %v", name, why)
	}
	return p
}

func (r *rig) slave(name string) SlaveState {
	r.t.Helper()
	for _, s := range r.state().Slaves {
		if s.Name == name {
			return s
		}
	}
	r.t.Fatalf("no slave %s", name)
	return SlaveState{}
}

const dataBits = lacp.Synchronization | lacp.Collecting | lacp.Distributing

func TestLAGForms(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		st := a.state()
		expect(t, "carrier", st.Carrier, true)
		carrier, mbps := a.tap.shows()
		expect(t, "carrier of the TAP", carrier, true)
		expect(t, "speed of the TAP", mbps, 20000)
		agg := st.AD.ActiveAggregator()
		if agg == nil {
			t.Fatalf("no active aggregator: %+v", st.AD)
		}
		expect(t, "slaves of the aggregator", strings.Join(agg.Slaves, " "), "eth0 eth1")
		expect(t, "partner", agg.Partner.MAC.String(), b.state().MAC)
		expect(t, "system", st.AD.System.MAC.String(), st.MAC)
		for i, s := range st.Slaves {
			expect(t, s.Name+" state", s.State, "ACTIVE")
			expect(t, s.Name+" port number", int(s.AD.Actor.Port), i+1)
			expect(t, s.Name+" bits", s.AD.Actor.State.Has(dataBits) && s.AD.Partner.State.Has(dataBits), true)
		}
		// Frames are the port's own, not the bond's.
		for _, n := range two {
			f := a.pdus(n)[0].frame
			expect(t, n+" source", lacp.MAC(f[6:12]).String(), a.slave(n).PermMAC)
			expect(t, n+" length", len(f), 124)
		}
	})
}

func TestLAGCarriesOnPortsThatDistribute(t *testing.T) {
	back(t, "xmit_hash_policy layer2", "", two, func(a, b *rig) {
		expect(t, "bond down", len(a.transmit(toPeer)), 0)
		a.must(a.b.SetUp(a.t.Context()))
		expect(t, "before the partner speaks", len(a.transmit(toPeer)), 0)
		expect(t, "received before", a.receive("eth0", toBond), false)
		up(a, b)
		first := a.transmit(toPeer)
		expect(t, "one slave", len(first), 1)
		expect(t, "received", a.receive("eth0", toBond) && a.receive("eth1", flooded), true)
		expect(t, "BPDU", a.receive("eth0", bpdu), true)
		expect(t, "slow frame", a.receive("eth0", slowProto), false)
		for _, tags := range []string{"81 00 00 07", "81 00 00 00", "88 a8 00 00 81 00 00 07"} {
			tagged := frameOf("02 00 00 00 00 00 02 00 00 00 00 aa " + tags + " 88 09 01")
			expect(t, "slow frame behind "+tags, a.receive("eth0", tagged), false)
		}

		n := len(b.pdus(first[0]))
		a.sys.plug(first[0], false)
		synctest.Wait()
		expect(t, "moved at once", slices.Equal(a.transmit(toPeer), first), false)
		expect(t, "speed", func() uint32 { _, m := a.tap.shows(); return m }(), 10000)
		expect(t, "carrier", a.state().Carrier, true)
		expect(t, "its link", a.slave(first[0]).State, "BACKUP")
		_ = n
	})
}

// The partner is told before a port closes, and hears nothing after.
func TestLAGGoodbye(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", two, func(a, b *rig) {
		up(a, b)
		pass(3 * time.Second)
		a.must(a.b.SetDown(a.t.Context()))
		synctest.Wait()
		for _, n := range two {
			if p := a.lastPDU(n); p.Actor.State&dataBits != 0 {
				t.Errorf("%s: the last word was %v", n, p.Actor.State)
			}
		}
		expect(t, "partner stopped at once", b.distributes(), true)
		before := len(a.pdus("eth0")) + len(a.pdus("eth1"))
		pass(10 * time.Second)
		expect(t, "said afterwards", len(a.pdus("eth0"))+len(a.pdus("eth1"))-before, 0)
		carrier, _ := a.tap.shows()
		expect(t, "carrier", carrier, false)
		up(a, b)
	})
}

func TestLAGReleaseAndEnslave(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", []string{"eth0", "eth1", "eth2"}, func(a, b *rig) {
		up(a, b)
		pass(2 * time.Second)
		started := time.Now()
		a.must(a.b.Release(a.t.Context(), "eth0"))
		if took := time.Since(started); took > 200*time.Millisecond {
			t.Errorf("release took %v", took)
		}
		if p := a.lastPDU("eth0"); p.Actor.State&dataBits != 0 {
			t.Errorf("the last word was %v", p.Actor.State)
		}
		expect(t, "others go on", a.distributes("eth1", "eth2"), true)
		expect(t, "partner", b.distributes("eth1", "eth2"), true)
		expect(t, "carrier", a.state().Carrier, true)
		a.must(a.b.Enslave(a.t.Context(), "eth0"))
		pass(2700 * time.Millisecond)
		expect(t, "back", a.distributes("eth0", "eth1", "eth2"), true)
		expect(t, "same port number", a.slave("eth0").AD.Actor.Port, 1)
		expect(t, "last in the list", a.state().Slaves[2].Name, "eth0")
	})
}

func TestLAGSilentPartner(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		pass(5 * time.Second)
		b.sys.mu.Lock()
		b.sys.cut["eth1"] = true
		b.sys.mu.Unlock()
		last := b.pdus("eth1")
		at := last[len(last)-1].at
		// None arrives any more; the one that did counts.
		pass(time.Until(at.Add(2990 * time.Millisecond)))
		expect(t, "3 s are not over", a.distributes("eth0", "eth1"), true)
		pass(20 * time.Millisecond)
		expect(t, "3 s are over", a.distributes("eth0"), true)
		expect(t, "nor is it heard", a.receive("eth1", toBond), false)
		expect(t, "why", a.slave("eth1").AD.Why != lacp.WhyOK, true)
		expect(t, "carrier", a.state().Carrier, true)
	})
}

func TestLAGOptions(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		a.must(a.set("ad_actor_sys_prio 7"))
		pass(100 * time.Millisecond)
		expect(t, "system priority", a.lastPDU("eth0").Actor.SystemPriority, 7)
		a.must(a.set("ad_actor_system 02:11:22:33:44:55"))
		pass(3 * time.Second)
		expect(t, "system", a.lastPDU("eth1").Actor.System.String(), "02:11:22:33:44:55")
		expect(t, "as shown", a.state().AD.System.MAC.String(), "02:11:22:33:44:55")
		expect(t, "formed again", a.distributes("eth0", "eth1"), true)
		expect(t, "partner", b.state().AD.ActiveAggregator().Partner.MAC.String(), "02:11:22:33:44:55")
		a.must(a.set("ad_actor_system 00:00:00:00:00:00"))
		pass(3 * time.Second)
		expect(t, "the bond's again", a.state().AD.System.MAC.String(), a.state().MAC)

		a.must(a.set("min_links 2"))
		expect(t, "carrier with two", a.state().Carrier, true)
		a.sys.plug("eth0", false)
		expect(t, "carrier with one of two", a.state().Carrier, false)
		a.must(a.set("min_links 1"))
		expect(t, "carrier with one", a.state().Carrier, true)
		if err := a.set("lacp_rate slow"); err == nil {
			t.Error("lacp_rate was set while the bond is up")
		}
	})
}

// The bond's address is the system's: the partner is told of a new one at once.
func TestLAGFollowsTheAddress(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		mac := [6]byte{2, 9, 9, 9, 9, 9}
		a.must(a.sys.SetMAC(a.b.Index(), mac))
		a.must(a.e.Sync(a.t.Context()))
		pass(200 * time.Millisecond)
		expect(t, "told", a.lastPDU("eth0").Actor.System, lacp.MAC(mac))
		pass(3 * time.Second)
		expect(t, "formed again", a.distributes("eth0", "eth1") && b.distributes("eth0", "eth1"), true)
		expect(t, "source stays the port's", lacp.MAC(a.pdus("eth1")[len(a.pdus("eth1"))-1].frame[6:12]).String(), "02:00:00:00:00:01")
	})
}

func TestLAGSpeeds(t *testing.T) {
	back(t, "", "", two, func(a, b *rig) {
		is := func(v monitor.Speed) { // eth1's, at both ends
			for _, r := range []*rig{a, b} {
				r.sys.mu.Lock()
				r.sys.speed[r.sys.indexLocked("eth1")] = v
				r.sys.mu.Unlock()
				r.must(r.e.Sync(r.t.Context()))
			}
		}
		is(monitor.Speed{Mbps: 1000, Duplex: monitor.DuplexFull})
		a.must(a.b.SetUp(a.t.Context()))
		b.must(b.b.SetUp(b.t.Context()))
		pass(4 * time.Second)
		expect(t, "the fast one alone", a.distributes("eth0"), true)
		expect(t, "key", a.slave("eth1").AD.Actor.Key, 9)
		// A NIC that says nothing is believed what it is told to be.
		is(monitor.Speed{})
		expect(t, "unknown", a.slave("eth1").AD.Actor.Key, 1)
		a.must(a.setSlave("eth1", "speed", "10000"))
		b.must(b.setSlave("eth1", "speed", "10000"))
		pass(4 * time.Second)
		expect(t, "key assumed", a.slave("eth1").AD.Actor.Key, 15)
		expect(t, "both", a.distributes("eth0", "eth1"), true)
		_, mbps := a.tap.shows()
		expect(t, "speed of the TAP", mbps, 20000)
		expect(t, "speed shown", a.slave("eth1").Speed, 10000)
		a.must(a.setSlave("eth1", "actor_port_prio", "3"))
		pass(3 * time.Second)
		expect(t, "port priority", a.lastPDU("eth1").Actor.PortPriority, 3)
	})
}

// A PDU that can't be sent is sent a little later, and its loss costs nothing.
func TestLAGSendFails(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", two, func(a, b *rig) {
		a.sys.mu.Lock()
		a.sys.sendErr = unix.ENOBUFS
		a.sys.mu.Unlock()
		a.must(a.b.SetUp(a.t.Context()))
		pass(350 * time.Millisecond)
		expect(t, "sent", len(a.pdus("eth0")), 0)
		a.sys.mu.Lock()
		a.sys.sendErr = nil
		a.sys.mu.Unlock()
		pass(110 * time.Millisecond)
		expect(t, "sent later", len(a.pdus("eth0")), 1)
		up(a, b)
	})
}

// Another process goes on with a LAG: the partner hears no word that differs,
// and the TAP's carrier stays.
func TestLAGAdopted(t *testing.T) {
	back(t, "lacp_rate fast", "lacp_rate fast", two, func(a, b *rig) {
		a.must(a.setSlave("eth1", "actor_port_prio", "7"))
		up(a, b)
		pass(5 * time.Second)
		var r Record
		a.must(a.b.call(func() { r = a.b.record() }))
		text, err := json.Marshal([]Record{r})
		a.must(err)
		a.sys.mu.Lock()
		h := a.sys.host("killed", nil)
		a.sys.wire = nil
		a.sys.mu.Unlock()
		next := &rig{t: a.t, sys: h.after(two...)}
		next.sys.wire = b.sys
		b.sys.mu.Lock()
		b.sys.wire = next.sys
		b.sys.mu.Unlock()
		pass(500 * time.Millisecond)

		next.e = NewEngine(next.sys, NewBus(), nil)
		next.must(next.e.Adopt(a.t.Context(), records(t, text)))
		next.b = next.e.Bonds()[0]
		next.tap = next.sys.taps["bond0"]
		expect(t, "goes on at once", next.distributes(two...), true)
		carrier, mbps := next.tap.shows()
		expect(t, "carrier", carrier, true)
		expect(t, "speed", mbps, 20000)
		for i, n := range two {
			first := next.pdus(n)[0].frame
			expect(t, n+"'s first word", lacp.Bits(first[32]), lacp.Bits(0x3f))
			expect(t, n+"'s number", int(first[30])<<8|int(first[31]), i+1)
		}
		expect(t, "port priority", next.slave("eth1").AD.Actor.PortPriority, 7)
		pass(10 * time.Second)
		expect(t, "still so", next.distributes(two...) && b.distributes(two...), true)
		for _, n := range two {
			expect(t, n+" at the partner", b.slave(n).AD.Counters.DistributeCount, 1)
		}
		next.must(next.e.CloseAll(context.Background()))
	})
}
