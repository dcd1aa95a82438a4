package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/internal/labtest"
)

// Ten thousand LACPDUs a second on one port cost little, whatever is in them, and
// a partner that speaks in between keeps its place, on both ports.
func TestLACPFloodIsCheap(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 2, Switch: lab.NoSwitch})
	g := &lag{bed: b, began: traffic.Now()}
	for i, k := range b.lab.Links() {
		p, err := partner.OpenAside(b.lab.B, k.Slave(), [6]byte(lab.PortMAC(i)), partner.Script{
			Period: time.Second,
			Actor:  partner.Info{SystemPriority: 32768, System: systemP, Key: 17, PortPriority: 255, Port: uint16(i + 1), State: active},
		})
		b.must(err)
		t.Cleanup(func() { p.Close() })
		g.ports = append(g.ports, p)
	}
	b.launch("mode 802.3ad miimon 100 lacp_rate fast lacp_fallback none")
	g.healthy()
	good := g.ports[0].Frame()
	const rate, spell = 10_000, 2 * time.Second
	idle := g.processor(func() { g.pause(spell) })
	for name, f := range map[string]partner.Frame{
		"the partner's own": good,
		"illegal":           good.With(17, 19).With(20, systemQ[:]...),
		"in a VLAN":         partner.Frame(good.Tagged(5)),
		"priority tagged":   partner.Frame(good.Tagged(7 << 13)),
	} {
		at := traffic.Now()
		took := g.processor(func() {
			for n := 0; ; {
				passed := traffic.Now().Sub(at)
				if passed >= spell {
					return
				}
				for due := int(rate * passed.Seconds()); n < due; n++ {
					g.must(g.ports[0].Send(f))
				}
				g.pause(time.Millisecond)
			}
		})
		part := (took - idle).Seconds() / spell.Seconds()
		t.Logf("%s: %.1f %% of a processor more than the %.1f %% of an idle bond", name, 100*part, 100*idle.Seconds()/spell.Seconds())
		if part > 0.05 && !labtest.RaceEnabled {
			t.Errorf("%s: %.1f %% of a processor", name, 100*part)
		}
	}
	for i := range g.ports {
		if p := g.port(i); !p.Distributing || p.Counters.DistributeCount != 1 || p.Counters.ExpiredCount > 0 {
			t.Errorf("port %d lost its partner: %+v", i, p.Counters)
		}
	}
	if !strings.Contains(g.proc.Output(), "Slow Protocols frames a second") {
		t.Error("the flood isn't in the log")
	}
	g.most(3, g.ports[0].Heard(g.began, true), "LACPDUs")
}

// processor is how long the program used processors while fn ran.
func (b *bed) processor(fn func()) time.Duration {
	b.t.Helper()
	used := func() time.Duration {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.proc.PID()))
		b.must(err)
		_, rest, _ := strings.Cut(string(text), ") ")
		var user, system int64
		fields := strings.Fields(rest)
		_, err = fmt.Sscan(fields[11]+" "+fields[12], &user, &system)
		b.must(err)
		return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 everywhere
	}
	before := used()
	fn()
	return used() - before
}
