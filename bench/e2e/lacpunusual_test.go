package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
)

// Own LACPDUs that come back are no sign of life, and get no answer.
func TestLACPOwnEcho(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	last := g.ports[0].Stop()
	var stop sync.Once
	quit := make(chan struct{})
	defer stop.Do(func() { close(quit) })
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-quit:
				return
			case <-time.After(100 * time.Millisecond):
			}
			if heard := g.ports[0].Heard(0, true); len(heard) > 0 {
				_ = g.ports[0].Send(heard[len(heard)-1].Frame)
			}
		}
	})
	exp := g.soon(0, last, 3200*time.Millisecond, "expired", says(partner.Expired, partner.Collect))
	stop.Do(func() { close(quit) })
	wg.Wait()
	if n := len(g.ports[0].Heard(last, true)); n > 5 {
		t.Errorf("%d LACPDUs in %v", n, exp.At.Sub(last))
	}
	g.whys(0, "self_loop", 0)
	if n := g.port(0).Counters.OwnEchoRx; n < 10 {
		t.Errorf("%d echoes counted", n)
	}
}

// No Slow Protocols frame reaches bond0, whoever it is from.
func TestLACPStaysOffTheTAP(t *testing.T) {
	g := startLAG(t, 2, "")
	c, err := g.lab.A.Count("bond0", lab.Received, isSlow())
	g.must(err)
	defer c.Close()
	g.healthy()
	f := g.ports[0].Frame()
	for subtype := range 256 {
		g.must(g.ports[0].Send(f.With(partner.OffSubtype, byte(subtype))))
		g.must(g.ports[1].Send(f.With(partner.OffSubtype, byte(subtype)).With(partner.OffDestination, g.mac...)))
	}
	g.pause(500 * time.Millisecond)
	n, err := c.Read()
	g.must(err)
	if n > 0 {
		t.Errorf("%d slow frames at bond0", n)
	}
}

// lacp_fallback: who speaks no LACP gets one port; who speaks gets the protocol.
func TestLACPFallback(t *testing.T) {
	g := startLAG(t, 2, "lacp_fallback single lacp_fallback_delay 500")
	g.come("without partner", 5*time.Second, 0)
	g.whys(0, "fallback", 0)
	g.flows(0, g.ever(), time.Minute)
	at := g.ports[0].Change(func(s *partner.Script) { s.Actor.State &^= partner.Sync })
	g.pause(100 * time.Millisecond)
	from := traffic.Now()
	g.pause(3 * time.Second)
	g.silent(0, from, traffic.Now(), "a partner out of sync on the fallback port")
	if !g.state().Carrier {
		t.Error("the carrier was dropped")
	}
	g.ports[0].Change(func(s *partner.Script) { s.Actor.State |= partner.Sync })
	g.carries(0, at, 4*time.Second)

	// LACP that must be dropped is neither a partner nor silence.
	g.ports[0].Change(func(s *partner.Script) { s.Tamper = func(f partner.Frame) partner.Frame { return f.Tagged(5) } })
	g.whys(0, "illegal", 5*time.Second)
	g.come("LACP in a VLAN on the other one", 8*time.Second, 1)
	said, err := g.tapbond("explain", "slave", "eth0")
	g.must(err)
	for _, want := range []string{"illegal", "in a VLAN", "(tagged)", "lacp_fallback"} {
		if !strings.Contains(said, want) {
			t.Errorf("explain has no %q:\n%s", want, said)
		}
	}
	g.said("receives LACPDUs but must drop all of them")
}
