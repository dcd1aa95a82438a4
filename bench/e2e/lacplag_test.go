package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
)

// carrying are the ports that distribute and collect, by JSON.
func (g *lag) carrying() []int {
	g.t.Helper()
	var out []int
	for _, s := range g.state().Slaves {
		if s.AD == nil || !s.AD.Collecting || !s.AD.Distributing {
			continue
		}
		for i, k := range g.lab.Links() {
			if k.Slave() == s.Name {
				out = append(out, i)
			}
		}
	}
	slices.Sort(out)
	return out
}

// come waits until exactly these ports carry traffic.
func (g *lag) come(when string, within time.Duration, want ...int) {
	g.t.Helper()
	for start := time.Now(); ; g.pause(askAgain) {
		got := g.carrying()
		if slices.Equal(got, want) {
			return
		}
		if time.Since(start) > within+grace() {
			g.t.Errorf("%s: %v carry, want %v\n%s", when, got, want, g.story())
			return
		}
	}
}

// LC-24: the partner is another one from one PDU to the next.
func TestLACPPartnerChange(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	var at [2]traffic.Stamp
	for i, p := range g.ports {
		at[i] = p.Change(func(s *partner.Script) { s.Actor.System = systemQ })
	}
	for i := range g.ports {
		off := g.soon(i, at[i], 200*time.Millisecond, "out of sync", says(0, traffics))
		on := g.carries(i, at[1], 3*time.Second)
		if took := on.At.Sub(at[i]); took < 2*time.Second {
			t.Errorf("port %d: a new LAG in %v", i, took)
		}
		g.silent(i, off.At+traffic.Stamp(20*time.Millisecond), on.At-traffic.Stamp(20*time.Millisecond), "between two partners")
	}
	if out := g.proc.Output(); !strings.Contains(out, "partner_changed") {
		t.Error("the log says nothing")
	}
}

// LC-25: one port in another channel group.
func TestLACPKeyMismatch(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	at := g.ports[1].Change(func(s *partner.Script) { s.Actor.Key = 18 })
	g.whys(1, "key_mismatch", 1500*time.Millisecond)
	g.pause(3 * time.Second)
	g.come("one key differs", 0, 0)
	if p := g.port(1); p.Actor.State.Has(partner.Sync) {
		t.Errorf("in sync: %s", p.Actor.State)
	}
	g.steady(0, at, traffic.Now())
	g.ports[1].Change(func(s *partner.Script) { s.Actor.Key = 17 })
	g.come("the key is right", 2600*time.Millisecond, 0, 1)
}

// steady: port i goes on as before: no frame sent into it is lost.
func (g *lag) steady(i int, since, until traffic.Stamp) {
	g.t.Helper()
	g.pause(grace()) // the last ones may be under way
	if sent, lost := g.lost(i, since, until); lost > 0 || sent < 10 {
		g.t.Errorf("port %d: %d of %d frames lost", i, lost, sent)
	}
	for _, h := range g.ports[i].Heard(since, true) {
		if !h.Actor().Has(traffics) {
			g.t.Errorf("port %d says %s", i, h.Actor())
		}
	}
}

// LC-26, LC-27: two systems; the active one is lost.
func TestLACPTwoSystems(t *testing.T) {
	g := startLAG(t, 4, "")
	for i := range 2 {
		g.ports[i].Start()
	}
	g.come("the first system", 2700*time.Millisecond, 0, 1)
	for _, p := range g.ports[2:] {
		p.Change(func(s *partner.Script) { s.Actor.System = systemQ })
	}
	g.whys(2, "two_partners", 1500*time.Millisecond)
	g.pause(2500 * time.Millisecond)
	g.come("first formed", 0, 0, 1)
	for _, p := range g.ports[:2] {
		p.Change(func(s *partner.Script) { s.Actor.State &^= partner.Sync })
	}
	g.pause(250 * time.Millisecond)
	back := traffic.Now()
	for i, p := range g.ports[:2] {
		p.Change(func(s *partner.Script) { s.Actor.State |= partner.Sync })
		g.carries(i, back, time.Second)
	}
	g.come("out of sync for a moment", 0, 0, 1)
	lost := traffic.Now()
	g.lab.Link(0).Carrier(false)
	g.lab.Link(1).Carrier(false)
	done := traffic.Now()
	g.carries(2, lost, done.Sub(lost)+200*time.Millisecond)
	g.carries(3, lost, done.Sub(lost)+200*time.Millisecond)
	g.come("failed over", 0, 2, 3)
	g.said("aggregator 3 is the active one now, not 1: the one before has no usable port left")
	if strings.Contains(g.proc.Output(), "now running without any active interface") {
		t.Error("the carrier was lost in between")
	}
	g.lab.Link(0).Carrier(true)
	g.lab.Link(1).Carrier(true)
	g.pause(4 * time.Second)
	g.come("stable", 0, 2, 3)
}

// LC-28: ad_select.
func TestLACPSelect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy string
		change func(g *lag)
		want   []int
	}{
		{"count", func(g *lag) { g.lab.Link(0).Carrier(false) }, []int{2, 3}},
		{"bandwidth", func(g *lag) { g.lab.Link(0).Carrier(false) }, []int{2, 3}},
		{"stable", func(g *lag) { g.lab.Link(0).Carrier(false) }, []int{1}},
		{"actor_port_prio", func(g *lag) { g.do("ip", "link", "set", "eth2", "type", "bond_slave", "actor_port_prio", "1000") }, []int{2, 3}},
	} {
		t.Run(c.policy, func(t *testing.T) {
			g := startLAG(t, 4, "ad_select "+c.policy)
			for i, p := range g.ports {
				if i >= 2 {
					p.Set(func(s *partner.Script) { s.Actor.System = systemQ })
				}
				p.Start()
			}
			g.come("at first", 3*time.Second, 0, 1)
			c.change(g)
			g.come("then", 2700*time.Millisecond, c.want...)
			g.pause(time.Second)
			g.come("and it stays", 0, c.want...)
		})
	}
}

// LC-29: a partner that won't aggregate.
func TestLACPIndividual(t *testing.T) {
	g := startLAG(t, 2, "")
	for _, p := range g.ports {
		p.Change(func(s *partner.Script) { s.Actor.State &^= partner.Aggregate })
	}
	g.come("individual", 2700*time.Millisecond, 0)
	g.whys(1, "individual", 0)
	g.pause(2 * time.Second)
	g.come("individual", 0, 0)
}

// LC-30, LC-31, LC-32: max_links.
func TestLACPMaxLinks(t *testing.T) {
	t.Parallel()
	t.Run("we-decide", func(t *testing.T) {
		g := startLAG(t, 2, "max_links 1 ad_actor_sys_prio 1")
		g.do("ip", "link", "set", "eth1", "type", "bond_slave", "actor_port_prio", "100")
		for _, p := range g.ports {
			p.Start()
		}
		g.come("the better port", 2700*time.Millisecond, 1)
		g.whys(0, "standby", 0)
		if h := g.port(0); h.Actor.State&partner.Sync != 0 || h.Selected != "standby" {
			t.Errorf("standby: %+v", h)
		}
		span, err := g.lab.Link(1).Carrier(false)
		g.must(err)
		g.carries(0, traffic.StampOf(span.Start), 500*time.Millisecond)
		g.come("promoted", 0, 0)
	})
	t.Run("partner-decides", func(t *testing.T) {
		g := startLAG(t, 2, "max_links 1")
		g.do("ip", "link", "set", "eth1", "type", "bond_slave", "actor_port_prio", "100")
		for i, p := range g.ports {
			p.Change(func(s *partner.Script) { s.Actor.SystemPriority, s.Actor.PortPriority = 1, uint16(i) })
		}
		g.come("the partner's better port", 2700*time.Millisecond, 0)
	})
}

// LC-33: ports of a LAG attach together.
func TestLACPReadyTogether(t *testing.T) {
	g := startLAG(t, 2, "")
	g.ports[0].Start()
	g.pause(time.Second)
	at := g.ports[1].Change(func(*partner.Script) {})
	a := g.soon(0, g.ever(), time.Minute, "sync", says(partner.Sync, 0))
	b := g.soon(1, g.ever(), time.Minute, "sync", says(partner.Sync, 0))
	if took := min(a.At, b.At).Sub(at); took < 2*time.Second {
		t.Errorf("attached %v after the later one spoke", took)
	}
	if apart := a.At.Sub(b.At).Abs(); apart > 200*time.Millisecond {
		t.Errorf("attached %v apart", apart)
	}
}

// A link that is gone for a moment is back at once, and while it is gone the
// port claims nothing.
func TestLACPFlap(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	_, err := g.lab.Link(0).Carrier(false)
	g.must(err)
	g.come("link down", time.Second, 1)
	if p := g.port(0); p.Actor.State&traffics != 0 || p.Partner.State.Has(partner.Sync) {
		t.Errorf("without link: actor %s, partner %s", p.Actor.State, p.Partner.State)
	}
	at := traffic.Now()
	_, err = g.lab.Link(0).Carrier(true)
	g.must(err)
	g.carries(0, at, 1200*time.Millisecond) // until the partner's next PDU at the latest
	for _, h := range g.ports[0].Heard(at, true) {
		if !h.Actor().Has(partner.Sync) {
			t.Errorf("a full handshake after a short flap: %s", h.Actor())
		}
	}
}

// The last LACPDU takes leave: at release, when the bond is set down, when the
// program ends.
func TestLACPGoodbye(t *testing.T) {
	g := startLAG(t, 3, "")
	g.healthy()
	at := traffic.Now()
	g.do("release", "bond0", "eth0")
	g.farewell(0, at)
	g.pause(200 * time.Millisecond)
	g.come("one released", 0, 1, 2)
}

// farewell: the last LACPDU of port i since then has nothing on any more.
func (g *lag) farewell(i int, since traffic.Stamp) {
	g.t.Helper()
	g.soon(i, since, 500*time.Millisecond, "a goodbye", says(0, traffics))
	heard := g.ports[i].Heard(since, true)
	if last := heard[len(heard)-1].Actor(); last.State&traffics != 0 || !last.Has(partner.Aggregate) {
		g.t.Errorf("port %d: the last word is %s", i, last)
	}
}

// TestLACPGoodbyeAtTheEnd: likewise for the whole bond.
func TestLACPGoodbyeAtTheEnd(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	at := traffic.Now()
	bond0, err := g.lab.A.Handle.LinkByName("bond0")
	g.must(err)
	g.must(g.lab.A.Handle.LinkSetDown(bond0))
	for i := range g.ports {
		g.farewell(i, at)
	}
	at = traffic.Now()
	g.pause(1500 * time.Millisecond)
	for i := range g.ports {
		if n := len(g.ports[i].Heard(at, true)); n > 0 {
			t.Errorf("port %d: %d LACPDUs while the bond is down", i, n)
		}
	}
	at = traffic.Now()
	g.must(g.lab.A.Handle.LinkSetUp(bond0))
	for i := range g.ports {
		g.carries(i, at, 2700*time.Millisecond)
	}
	g.pause(1100 * time.Millisecond)
	at = traffic.Now()
	g.must(g.proc.Signal(unix.SIGTERM))
	for i := range g.ports {
		g.farewell(i, at)
	}
}

// A partner in sync that stops collecting gets no more frames.
func TestLACPPartnerStopsCollecting(t *testing.T) {
	t.Parallel()
	for _, coupled := range []string{"on", "off"} {
		t.Run("coupled_control-"+coupled, func(t *testing.T) {
			g := startLAG(t, 2, "coupled_control "+coupled)
			g.healthy()
			at := g.ports[0].Change(func(s *partner.Script) { s.Lazy = true })
			off := g.soon(0, at, 400*time.Millisecond, "no longer distributing", says(partner.Sync|partner.Collect, partner.Distribute))
			g.pause(500 * time.Millisecond)
			if n := len(g.ports[0].Data(off.At+traffic.Stamp(20*time.Millisecond), traffic.Now())); n > 0 {
				t.Errorf("%d frames to a partner that doesn't collect", n)
			}
			if n := len(g.arrived(0, off.At, traffic.Now())); n < 20 {
				t.Errorf("%d frames arrived: it may still send", n)
			}
			g.whys(0, "partner_not_collecting", 0)
			at = g.ports[0].Change(func(s *partner.Script) { s.Lazy = false })
			g.carries(0, at, 350*time.Millisecond)
		})
	}
}

// The carrier waits for min_links ports that are ready, and with lacp_strict
// goes with them.
func TestLACPCarrier(t *testing.T) {
	g := startLAG(t, 3, "min_links 2 lacp_strict on")
	g.ports[0].Start()
	g.come("one port", 2700*time.Millisecond, 0)
	if g.state().Carrier {
		t.Error("carrier with one port of two")
	}
	g.ports[1].Start()
	g.come("two ports", 2700*time.Millisecond, 0, 1)
	g.carrier(true)
	g.ports[1].Stop()
	g.come("one is silent", 3500*time.Millisecond, 0)
	g.carrier(false)
	g.do("set", "bond0", "lacp_strict", "off")
	g.carrier(true)
	g.lab.Link(1).Carrier(false)
	g.lab.Link(2).Carrier(false)
	g.carrier(false)
}

func (g *lag) carrier(up bool) {
	g.t.Helper()
	for deadline := time.Now().Add(time.Second); g.state().Carrier != up; g.pause(askAgain) {
		if time.Now().After(deadline) {
			g.t.Errorf("carrier is %v", !up)
			return
		}
	}
}

// A slave that is released and taken again is the same port to its partner.
func TestLACPPortNumberIsStable(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	was := g.ports[0].Other()
	g.do("release", "bond0", "eth0")
	g.do("enslave", "bond0", "eth0")
	at := traffic.Now()
	g.carries(0, at, 3*time.Second)
	if is := g.ports[0].Other(); is.Port != was.Port || is.Key != was.Key {
		t.Errorf("was %s, is %s", was, is)
	}
}

// A new address of the bond is a new system: all of it is said, nothing stops.
func TestLACPAddressChange(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	bond0, err := g.lab.A.Handle.LinkByName("bond0")
	g.must(err)
	mac := [6]byte{2, 0, 0, 0, 0x77, 1}
	at := traffic.Now()
	g.must(g.lab.A.Handle.LinkSetHardwareAddr(bond0, mac[:]))
	for i := range g.ports {
		g.soon(i, at, time.Second, "the new system", func(f partner.Frame) bool { return f.Actor().System == mac })
		g.carries(i, at, 4*time.Second)
	}
}

// isSlow matches Slow Protocols frames.
func isSlow() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x8809, SkipTrue: 1},
		bpf.RetConstant{Val: 1},
		bpf.RetConstant{Val: 0},
	}
}
