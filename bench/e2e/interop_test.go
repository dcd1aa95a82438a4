package e2e

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/peers"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/lacp"
)

// Partners that are not ours, each in the same situations. convergeForeign is
// what they get: the kernel's driver looks every 100 ms and speaks at most every
// 300, Open vSwitch once a second.
const convergeForeign = 4 * time.Second

// stranger is one of them, with two links to host A's bond.
type stranger interface {
	// begin makes the partner ready for a scenario, which finds nothing of those
	// before; end takes it away.
	begin()
	end()
	// form makes its bond anew. fast and active are what it asks for and how it
	// begins; odd leaves its second port out of the group.
	form(fast, active, odd bool)
	// oddWhy is what that port must be told to suffer from.
	oddWhy() lacp.Why
	// gone takes the bond away.
	gone()
	// cable takes the carrier of a link from its end, or gives it back.
	cable(i int, up bool)
	// ifname is the interface with the bond's addresses, in host B.
	ifname() string
	// uses tells which ports it collects and distributes on.
	uses() [2]bool
	// slowness is how many times longer the partner takes than on an idle machine.
	slowness() float64
	// dead: it has hung, and can't be blamed or relied on.
	dead() bool
}

// hungPartner ends a run of which the partner has hung: it is no measure of us.
type hungPartner struct{}

// foreign is a bed whose links lead to a partner that is not ours.
type foreign struct {
	*bed
	stranger
}

// lab for a partner: frames it hears are whole, as on a wire.
func newForeign(t *testing.T) *foreign {
	t.Helper()
	f := &foreign{bed: newBed(t, lab.Topology{Slaves: 2, Wire: true, Switch: lab.NoSwitch})}
	for _, k := range f.lab.Links() {
		f.must(f.lab.A.Offloads(k.Slave(), false))
	}
	return f
}

// need skips a test, or fails it in CI, for want of a program.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			labtest.Lack(t, err.Error())
		}
	}
}

// settled waits until the links carry traffic at both ends, or not, as wanted.
// within is for a partner on an idle machine.
func (f *foreign) settled(what string, within time.Duration, want ...bool) bond.State {
	f.t.Helper()
	within = time.Duration(float64(within) * f.slowness())
	start := time.Now()
	var st bond.State
	for ; ; pause(f.t, askAgain) {
		st = f.state()
		theirs := f.uses()
		ok := true
		for i, w := range want {
			ok = ok && st.Slaves[i].Carries == w && theirs[i] == w
		}
		took := time.Since(start)
		if ok {
			f.t.Logf("%s: after %v", what, took.Round(time.Millisecond))
			if took > within && !labtest.RaceEnabled {
				f.alive()
				f.t.Errorf("%s: after %v, want at most %v", what, took, within)
			}
			return st
		}
		if took > within+5*time.Second {
			f.alive()
			var why []string
			for _, s := range st.Slaves {
				why = append(why, fmt.Sprintf("%s carries %v: %s, %s; actor %v, partner %v", s.Name, s.Carries, s.AD.Why, s.AD.Reason, s.AD.Actor.State, s.AD.Partner.State))
			}
			f.t.Fatalf("%s: not so after %v: partner uses %v; ours:\n%s", what, took, theirs, strings.Join(why, "\n"))
		}
	}
}

// alive ends the run if the partner has hung.
func (f *foreign) alive() {
	f.t.Helper()
	if f.dead() {
		panic(hungPartner{})
	}
}

// whole reports whether fn came to its end with a partner that lived.
func (f *foreign) whole(fn func()) (ok bool) {
	defer func() {
		if x := recover(); x != nil {
			if _, hung := x.(hungPartner); !hung {
				panic(x)
			}
			ok = false
		}
	}()
	fn()
	return true
}

// carries runs traffic both ways and wants every octet to arrive.
func (f *foreign) carries(what string) {
	f.t.Helper()
	f.must(f.lab.AssignBoth("bond0", f.ifname()))
	for _, back := range []bool{false, true, false, true} {
		// The guest bridges on a processor that it shares: no more than it can. And
		// at once no more than Open vSwitch's sockets hold, should it be held up.
		cfg := traffic.FlowConfig{From: f.lab.A, To: f.lab.B, Src: ends[0][0], Dst: ends[0][1], Flows: 8, Rate: 400, Count: 100, Size: 400, Patience: stragglers}
		if back {
			cfg.From, cfg.To, cfg.Src, cfg.Dst = cfg.To, cfg.From, cfg.Dst, cfg.Src
		}
		r, err := traffic.Run(f.t.Context(), cfg)
		f.must(err)
		if sum := r.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || r.Receive.Corrupted > 0 {
			f.alive()
			f.t.Errorf("%s, back %v: %s; the bond dropped %v", what, back, r, f.state().Drops)
		}
	}
}

// situations is what every partner goes through.
func (f *foreign) situations() {
	t := f.t
	f.must(f.host.QuietIPv6())
	run := func(name, words string, fast, active, odd bool, fn func()) {
		for range 3 {
			if f.whole(func() {
				f.stranger.begin()
				defer f.end()
				f.form(fast, active, odd)
				f.bed.begin("mode 802.3ad miimon 100 xmit_hash_policy layer3+4 " + words)
				t.Log(name)
				defer f.stop()
				fn()
			}) {
				return
			}
			t.Logf("%s: the partner has hung, again with another one", name)
			for _, k := range f.lab.Links() {
				f.must(k.Heal(lab.Both))
				_, err := k.CarrierAt(lab.SideA, true)
				f.must(err)
			}
		}
		t.Fatalf("%s: three partners hung", name)
	}
	run("fast", "lacp_rate fast", true, true, false, func() {
		st := f.settled("fast: formed", convergeForeign, true, true)
		if !st.Carrier || st.AD.ActiveAggregator() == nil || len(st.AD.ActiveAggregator().Slaves) != 2 {
			t.Errorf("fast: %+v", st.AD)
		}
		f.carries("fast")
		f.cable(1, false)
		_, err := f.lab.Link(1).CarrierAt(lab.SideA, false)
		f.must(err)
		f.settled("a link is lost", time.Second, true, false)
		f.carries("one link")
		_, err = f.lab.Link(1).CarrierAt(lab.SideA, true)
		f.must(err)
		f.cable(1, true)
		f.settled("it is back", convergeForeign, true, true)
		f.must(f.lab.Link(0).Drop(lab.Both))
		st = f.settled("a link is lost silently", 3300*time.Millisecond+time.Second, false, true)
		if ad := st.Slaves[0].AD; ad.Since.Sub(ad.LastRx) < 3*time.Second || ad.Since.Sub(ad.LastRx) > time.Duration(3.3*f.slowness()*float64(time.Second)) {
			t.Errorf("given up after %v", ad.Since.Sub(ad.LastRx))
		}
		f.carries("the other link")
		f.must(f.lab.Link(0).Heal(lab.Both))
		// Ends that were deaf for so long that both gave up speak every 30 s.
		f.settled("it is heard again", 30*time.Second+convergeForeign, true, true)
		f.carries("both links again")
		f.gone()
		f.until("the partner is given up", func(st bond.State) bool { return !st.Slaves[0].Carries && !st.Slaves[1].Carries })
		f.form(true, true, false)
		f.settled("the partner begins anew", convergeForeign, true, true)
		f.carries("after its restart")
	})
	run("slow", "", false, true, false, func() {
		f.settled("slow: formed", convergeForeign, true, true)
		f.carries("slow")
	})
	run("ours slow, partner fast", "", true, true, false, func() {
		f.settled("partner fast: formed", convergeForeign, true, true)
		if st := f.state(); st.Slaves[0].AD.Periodic != "fast_periodic" {
			t.Errorf("the partner asks for the fast rate, and gets %s", st.Slaves[0].AD.Periodic)
		}
	})
	run("we are passive", "lacp_rate fast lacp_active off", true, true, false, func() {
		f.settled("we are passive: formed", convergeForeign, true, true)
		f.carries("we are passive")
	})
	run("the partner is passive", "lacp_rate fast", true, false, false, func() {
		f.settled("the partner is passive: formed", convergeForeign, true, true)
		f.carries("the partner is passive")
	})
	run("one port out of the group", "lacp_rate fast", true, true, true, func() {
		f.settled("one port out of the group", convergeForeign, true, false)
		f.until("its reason is known", func(st bond.State) bool { return st.Slaves[1].AD.Why == f.oddWhy() })
		f.settled("and after that", time.Second, true, false)
		f.carries("one port out of the group")
	})
}

// ovsPartner is Open vSwitch.
type ovsPartner struct {
	f *foreign
	o *peers.OVS
}

func (p *ovsPartner) form(fast, active, odd bool) {
	p.f.t.Helper()
	words := []string{"bond_mode=balance-tcp", "lacp=active"}
	if !active {
		words[1] = "lacp=passive"
	}
	if fast {
		words = append(words, "other_config:lacp-time=fast")
	}
	members := []string{"eth0", "eth1"}
	if odd { // a port of the switch, and nothing more
		members[1] = "spare0"
		words = append(words, "--", "add-port", "br0", "eth1")
	}
	p.f.must(p.o.Bond(p.f.t.Context(), members, words...))
}

func (p *ovsPartner) begin() {}

func (p *ovsPartner) end() { p.gone() }

func (p *ovsPartner) oddWhy() lacp.Why { return lacp.WhyNoPDU }

func (p *ovsPartner) gone() { p.f.must(p.o.Unbond(p.f.t.Context())) }

func (p *ovsPartner) cable(i int, up bool) {
	_, err := p.f.lab.Link(i).CarrierAt(lab.SideB, up)
	p.f.must(err)
}

func (p *ovsPartner) ifname() string { return "br0" }

func (p *ovsPartner) dead() bool { return false }

func (p *ovsPartner) slowness() float64 { return 1 }

// uses reads lacp/show: a paragraph for each member, with the actor's state in
// one line.
func (p *ovsPartner) uses() (on [2]bool) {
	said, err := p.o.Appctl(p.f.t.Context(), "lacp/show", "bond1")
	if err != nil {
		return on // no bond
	}
	member := -1
	for line := range strings.Lines(said) {
		switch {
		case strings.HasPrefix(line, "member: "), strings.HasPrefix(line, "slave: "): // by release
			member = slices.Index([]string{"eth0", "eth1"}, strings.SplitN(line, ":", 3)[1][1:])
		case member >= 0 && strings.Contains(line, "actor state:"):
			on[member] = strings.Contains(line, "collecting distributing") && strings.Contains(line, "synchronized") && !strings.Contains(line, "expired")
		}
	}
	return on
}

func TestInteropOpenVSwitch(t *testing.T) {
	t.Parallel()
	need(t, "ovs-vswitchd", "ovs-vsctl", "ovsdb-server")
	f := newForeign(t)
	f.must(f.lab.B.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "spare0"}, PeerName: "spare1"})
	}))
	o, err := peers.StartOVS(t.Context(), f.lab, f.lab.B)
	f.must(err)
	t.Cleanup(func() {
		if err := o.Stop(); err != nil {
			t.Error(err)
		}
	})
	f.stranger = &ovsPartner{f, o}
	f.situations()
}
