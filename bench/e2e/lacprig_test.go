package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
)

// lag is a bond in mode 802.3ad with a scripted partner at the far end of each
// link, and traffic all the time: out over whatever port the bond takes, in on
// every one.
type lag struct {
	*bed
	ports []*partner.Port
	mac   net.HardwareAddr // the bond's
	began traffic.Stamp

	mu   sync.Mutex
	in   map[int][]traffic.Stamp // when frames sent into link i arrived at bond0
	seen map[inFrame]bool        // which of them
	sent []inFrame               // by runTraffic, in order
}

// inFrame is a frame sent into a link.
type inFrame struct {
	link int
	seq  uint64
	at   traffic.Stamp
}

// flowIn marks frames sent into a link.
const flowIn = 0x1a00

// systemP and systemQ are the partners' identifiers.
var (
	systemP = [6]byte{2, 0, 0, 0, 0, 0xaa}
	systemQ = [6]byte{2, 0, 0, 0, 0, 0xbb}
)

// active is the state of a partner's port that wants to be in a LAG.
const active = partner.Activity | partner.Timeout | partner.Aggregate | partner.Sync

// startLAG starts a bond with so many slaves whose partner doesn't speak yet,
// for a test that runs beside others.
func startLAG(t *testing.T, slaves int, options string) *lag {
	t.Helper()
	waits(t)
	return startLoneLAG(t, slaves, options)
}

// startLoneLAG is startLAG for a test that has the machine to itself.
func startLoneLAG(t *testing.T, slaves int, options string) *lag {
	t.Helper()
	g := &lag{bed: newBed(t, lab.Topology{Slaves: slaves, Switch: lab.NoSwitch, Wire: true, PeerOffloads: true})}
	l := g.lab
	g.began = traffic.Now()
	g.in, g.seen = make(map[int][]traffic.Stamp), make(map[inFrame]bool)
	for i, k := range l.Links() {
		p, err := partner.Open(l.B, k.Slave(), [6]byte(lab.PortMAC(i)), partner.Script{
			Period: time.Second,
			Actor:  partner.Info{SystemPriority: 32768, System: systemP, Key: 17, PortPriority: 255, Port: uint16(i + 1), State: active},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Err(); err != nil {
				t.Error(err)
			}
			p.Close()
		})
		g.ports = append(g.ports, p)
	}
	if !strings.Contains(options, "lacp_fallback") {
		options = "lacp_fallback none " + options
	}
	if !strings.Contains(options, "lacp_rate") {
		options = "lacp_rate fast " + options
	}
	g.launch("mode 802.3ad miimon 100 xmit_hash_policy layer3+4 " + options)
	g.must(l.AssignBoth("bond0", "eth0"))
	bond0, err := l.A.Handle.LinkByName("bond0")
	g.must(err)
	g.mac = bond0.Attrs().HardwareAddr
	g.runTraffic()
	g.connected()
	return g
}

// connected waits until every slave receives: the kernel lets a device's queue
// run only some time after its carrier.
func (g *lag) connected() {
	g.t.Helper()
	for i, k := range g.lab.Links() {
		was, err := g.lab.A.Stats(k.Slave())
		g.must(err)
		for deadline := time.Now().Add(5 * time.Second); ; {
			is, err := g.lab.A.Stats(k.Slave())
			g.must(err)
			if is.RxFrames > was.RxFrames {
				break
			}
			if time.Now().After(deadline) {
				g.t.Fatalf("nothing reaches slave %d", i)
			}
			g.pause(5 * time.Millisecond)
		}
	}
}

// runTraffic sends 1000 frames a second out and 100 a second into each link.
func (g *lag) runTraffic() {
	sink, err := traffic.NewReceiver(traffic.ReceiverConfig{At: g.lab.B, Addr: netip.AddrPortFrom(lab.AddrB4.Addr(), 9), Flows: 64})
	g.must(err)
	out, err := traffic.NewSender(traffic.SenderConfig{
		From: g.lab.A, Src: netip.AddrPortFrom(lab.AddrA4.Addr(), 20000), Dst: netip.AddrPortFrom(lab.AddrB4.Addr(), 9), Flows: 64, Rate: 1000, Size: 64,
	})
	g.must(err)
	at, err := traffic.ListenFrames(g.lab.A, "bond0", nil)
	g.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	g.t.Cleanup(func() {
		cancel()
		at.Close()
		wg.Wait()
		out.Close()
		sink.Close()
	})
	wg.Go(func() { _, _ = out.Run(ctx) }) // what can't be sent, without carrier, is nobody's loss
	wg.Go(func() {
		for {
			f, when, err := at.Receive()
			if err != nil {
				return
			}
			if h, ok := traffic.FindPayload(f); ok && h.Flow >= flowIn && int(h.Flow) < flowIn+len(g.ports) {
				i := int(h.Flow - flowIn)
				g.mu.Lock()
				g.in[i] = append(g.in[i], when)
				g.seen[inFrame{i, h.Seq, h.Sent}] = true
				g.mu.Unlock()
			}
		}
	})
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for seq := uint64(0); ; seq++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for i, p := range g.ports {
				now := traffic.Now()
				f, err := g.dataFrame(i, seq, now)
				if err != nil || p.Send(f) != nil {
					continue
				}
				g.mu.Lock()
				g.sent = append(g.sent, inFrame{i, seq, now})
				g.mu.Unlock()
			}
		}
	})
}

// dataFrame is one for bond0 that is sent into link i.
func (g *lag) dataFrame(i int, seq uint64, at traffic.Stamp) ([]byte, error) {
	spec := traffic.FrameSpec{Dst: g.mac, Src: lab.PortMAC(i), EtherType: 0x88b5, Payload: 64}
	return spec.Append(nil, traffic.Header{Flow: flowIn + uint16(i), Seq: seq, Sent: at})
}

// arrived is when frames sent into link i arrived at bond0.
func (g *lag) arrived(i int, since, until traffic.Stamp) []traffic.Stamp {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []traffic.Stamp
	for _, at := range g.in[i] {
		if at >= since && at <= until {
			out = append(out, at)
		}
	}
	return out
}

// lost counts the frames sent into link i between two moments, and those of
// them that haven't arrived.
func (g *lag) lost(i int, since, until traffic.Stamp) (sent, lost int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.sent {
		if f.link == i && f.at >= since && f.at <= until {
			sent++
			if !g.seen[f] {
				lost++
			}
		}
	}
	return sent, lost
}

// soon waits on port i for a LACPDU that pleases, at the latest so long after
// since.
func (g *lag) soon(i int, since traffic.Stamp, within time.Duration, what string, pleases func(partner.Frame) bool) partner.Heard {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), within-traffic.Now().Sub(since)+3*time.Second)
	defer cancel()
	h, err := g.ports[i].Await(ctx, since, what, func(f partner.Frame) bool { return f.IsLACP() && pleases(f) })
	if err != nil {
		g.t.Fatalf("port %d: %v\n%s", i, err, g.story())
	}
	if took := h.At.Sub(since); took > within+grace() {
		g.t.Errorf("port %d: %s after %v, want %v%s", i, what, took, within, g.heard(i, since))
	}
	return h
}

// heard is what port i has heard since, and said.
func (g *lag) heard(i int, since traffic.Stamp) string {
	text := ""
	for _, h := range g.ports[i].Heard(since, true) {
		text += fmt.Sprintf("\n%8.3f %s -> %s", h.At.Sub(since).Seconds(), h.Actor(), h.Partner())
	}
	return text
}

// ever is a since of all that has been heard.
func (g *lag) ever() traffic.Stamp { return g.began }

// story is what a failed test should tell.
func (g *lag) story() string {
	out, _ := g.tapbond("show", "bond0")
	return out
}

// says is for soon: the actor's state has all bits of set and none of clear.
func says(set, clear uint8) func(partner.Frame) bool {
	return func(f partner.Frame) bool { a := f.Actor(); return a.State&set == set && a.State&clear == 0 }
}

const traffics = partner.Sync | partner.Collect | partner.Distribute

// carries waits until port i collects and distributes.
func (g *lag) carries(i int, since traffic.Stamp, within time.Duration) partner.Heard {
	g.t.Helper()
	return g.soon(i, since, within, "traffic", says(traffics, partner.Expired|partner.Defaulted))
}

// healthy starts the partner on all ports and waits for traffic.
func (g *lag) healthy() traffic.Stamp {
	g.t.Helper()
	at := traffic.Now()
	for _, p := range g.ports {
		p.Start()
	}
	for i := range g.ports {
		g.carries(i, at, 2700*time.Millisecond)
	}
	g.pause(1100 * time.Millisecond) // past the limit of three LACPDUs a second
	return at
}

// pause lets time pass in which nothing but what is watched should happen.
func (g *lag) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-g.t.Context().Done():
	}
}

// silent: no data left on port i or arrived from it between two moments.
func (g *lag) silent(i int, since, until traffic.Stamp, when string) {
	g.t.Helper()
	if n := len(g.ports[i].Data(since, until)); n > 0 {
		g.t.Errorf("%s: %d frames left on port %d", when, n, i)
	}
	if n := len(g.arrived(i, since, until)); n > 0 {
		g.t.Errorf("%s: %d frames arrived from port %d", when, n, i)
	}
}

// flows waits until data moves both ways on port i, and returns when it began.
func (g *lag) flows(i int, since traffic.Stamp, within time.Duration) (out, in traffic.Stamp) {
	g.t.Helper()
	for deadline := time.Now().Add(within + 3*time.Second); ; {
		now := traffic.Now()
		o, a := g.ports[i].Data(since, now), g.arrived(i, since, now)
		if len(o) > 0 && len(a) > 0 {
			if took := max(o[0], a[0]).Sub(since); took > within+grace() {
				g.t.Errorf("port %d: data after %v, want %v", i, took, within)
			}
			return o[0], a[0]
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("port %d: no data: %d out, %d in\n%s", i, len(o), len(a), g.story())
		}
		g.pause(5 * time.Millisecond)
	}
}

// gaps are the intervals between LACPDUs of port i from since on.
func (g *lag) gaps(i int, since traffic.Stamp) []time.Duration {
	heard := g.ports[i].Heard(since, true)
	var out []time.Duration
	for n := 1; n < len(heard); n++ {
		out = append(out, heard[n].At.Sub(heard[n-1].At))
	}
	return out
}

// port is the LACP of slave i as JSON tells it.
func (g *lag) port(i int) *bond.ADPort {
	g.t.Helper()
	st := g.state()
	if i >= len(st.Slaves) || st.Slaves[i].AD == nil {
		g.t.Fatalf("no LACP of slave %d: %+v", i, st)
	}
	return st.Slaves[i].AD
}

// whys waits until slave i gives a reason.
func (g *lag) whys(i int, why string, within time.Duration) {
	g.t.Helper()
	for start := time.Now(); ; g.pause(askAgain) {
		p := g.port(i)
		if string(p.Why) == why {
			return
		}
		if time.Since(start) > within+grace() {
			g.t.Errorf("slave %d says %s (%s), want %s", i, p.Why, p.Reason, why)
			return
		}
	}
}
