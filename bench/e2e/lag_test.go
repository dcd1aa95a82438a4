package e2e

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/bpf"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/lacp"
)

// lagPair is two bonds in mode 802.3ad, back to back: host A's, and B's as peer.
type lagPair struct {
	*bed
	peer *bed
}

// converge is how soon a LAG between two of ours must carry traffic both ways:
// the two seconds that the standard waits, and what it takes to say so.
const converge = 2700 * time.Millisecond

// startPair builds a lab and runs both; the LAG has formed when it returns.
func startPair(t *testing.T, topology lab.Topology, options, peerOptions string) *lagPair {
	t.Helper()
	topology.Switch = lab.NoSwitch
	p := &lagPair{bed: newBed(t, topology)}
	p.launch(lagMode + options)
	p.join(peerOptions)
	return p
}

const lagMode = "mode 802.3ad miimon 100 xmit_hash_policy layer3+4 "

// join starts the peer and waits for the LAG.
func (p *lagPair) join(options string) {
	p.t.Helper()
	p.peer = &bed{t: p.t, lab: p.lab, host: p.lab.B, macs: lab.PortMAC}
	for _, k := range p.lab.Links() { // the lab sets B's up
		l, err := p.lab.B.Handle.LinkByName(k.Slave())
		p.must(err)
		p.must(p.lab.B.Handle.LinkSetDown(l))
	}
	p.peer.launch(lagMode + options)
	p.formed(time.Now(), converge)
	p.must(p.lab.AssignBoth("bond0", "bond0"))
}

// formed waits until both ends use all links, and wants it to be within limit
// of start.
func (p *lagPair) formed(start time.Time, limit time.Duration) {
	p.t.Helper()
	all := func(st bond.State) bool {
		for _, s := range st.Slaves {
			if !s.Carries || !s.AD.Collecting {
				return false
			}
		}
		return st.Carrier && len(st.Slaves) == len(p.lab.Links())
	}
	last := start
	for _, b := range []*bed{p.bed, p.peer} {
		for _, s := range b.until("all links are used", all).Slaves {
			if s.AD.Since.After(last) {
				last = s.AD.Since
			}
		}
	}
	for _, b := range []*bed{p.bed, p.peer} {
		b.inUse()
	}
	took := last.Sub(start)
	p.t.Logf("formed after %v", took)
	if labtest.RaceEnabled {
		limit += time.Second
	}
	if took > limit+hold() {
		p.t.Errorf("formed after %v, want at most %v", took, limit)
	}
}

// inUse waits until the host's kernel has noticed bond0's carrier, for which it takes
// its time where other devices come and go: before that it drops what is sent there.
func (b *bed) inUse() {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; pause(b.t, askAgain) {
		l, err := b.host.Handle.LinkByName("bond0")
		b.must(err)
		if l.Attrs().OperState == netlink.OperUp {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("bond0 is %v", l.Attrs().OperState)
		}
	}
}

// TestLAGCarries: what the other modes carry, with a LAG at both ends.
func TestLAGCarries(t *testing.T) {
	for _, offload := range []string{"on", "off"} {
		t.Run(offload, func(t *testing.T) {
			p := startPair(t, lab.Topology{Slaves: 3, Wire: true, PeerOffloads: offload == "on"}, "lacp_rate fast offload "+offload, "")
			p.pings("802.3ad")
			p.datagrams("802.3ad", 1500)
			p.streams()
			a, err := p.lab.A.Handle.LinkByName("bond0")
			p.must(err)
			b, err := p.lab.B.Handle.LinkByName("bond0")
			p.must(err)
			macA, macB := a.Attrs().HardwareAddr, b.Attrs().HardwareAddr
			endA, endB := traffic.FrameEnd{At: p.lab.A, Ifname: "bond0"}, traffic.FrameEnd{At: p.lab.B, Ifname: "bond0"}
			p.exchange("out", endA, endB, frames(macB, macA))
			p.exchange("in", endB, endA, frames(macA, macB))
			if speed, err := os.ReadFile("/sys/class/net/bond0/speed"); err == nil {
				t.Logf("speed %s", speed)
			}
		})
	}
}

// TestLAGFailover: a link loses its carrier under load.
func TestLAGFailover(t *testing.T) {
	p := startPair(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true, NICLike: true}, "lacp_rate fast", "lacp_rate fast")
	rate := 10_000 // two bonds share the machine
	if labtest.RaceEnabled {
		rate = 5_000
	}
	var gaps []time.Duration
	// The hash decides which link a flow is on: about every other cut hits it.
	for i := 0; len(gaps) < pick(5, 20) && i < pick(30, 120); i++ {
		cut := i % 2
		r, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{Lab: p.lab, Link: cut, Rate: rate})
		p.must(err)
		if r.CarriedBefore > 0 {
			t.Log(r)
			gaps = append(gaps, r.OnWire)
			if r.NewLink != 1-cut || r.Flow.Duplicated > 0 || r.Flow.Reordered > 0 {
				t.Errorf("cut %d: %v, want the other link", cut, r)
			}
		} else if r.Flow.Lost > 0 && r.Send.Slipped < 20*time.Millisecond { // a sender that was held up sent nothing before the cut
			t.Errorf("cut %d, which did not carry the flow: %v; sent %+v; dropped %v and %v", cut, r, r.Send, p.state().Drops, p.peer.state().Drops)
		}
		start := time.Now()
		_, err = p.lab.Link(cut).Carrier(true)
		p.must(err)
		// The LAG was formed before: nobody waits two seconds again.
		p.formed(start, converge)
	}
	if len(gaps) == 0 {
		t.Fatal("the flow was never on the link that was cut")
	}
	slices.Sort(gaps)
	median, limit := gaps[len(gaps)/2], 5*time.Millisecond // as for active-backup
	if labtest.RaceEnabled {
		limit = 50 * time.Millisecond
	}
	if median > limit {
		t.Errorf("traffic on the other link after %v (median), want at most %v", median, limit)
	}
}

// TestLAGSilentLoss: both ends keep their carrier, but nothing arrives. At the
// fast rate a link is given up three seconds after the last word, never earlier.
func TestLAGSilentLoss(t *testing.T) {
	waits(t)
	p := startPair(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "lacp_rate fast", "lacp_rate fast")
	p.must(p.lab.Link(1).Drop(lab.Both))
	for _, b := range []*bed{p.bed, p.peer} {
		st := b.until("the link is given up", func(st bond.State) bool { return !st.Slaves[1].Carries })
		ad := st.Slaves[1].AD
		after := ad.Since.Sub(ad.LastRx)
		t.Logf("given up %v after the last word: %s, %s", after, ad.Why, ad.Reason)
		if after < 3*time.Second || after > 3*time.Second+allow(300*time.Millisecond) {
			t.Errorf("given up after %v, want 3.0 to 3.3 s", after)
		}
		if !st.Slaves[0].Carries || !st.Carrier {
			t.Errorf("the other link: %+v", st.Slaves[0])
		}
	}
	start := time.Now()
	p.must(p.lab.Link(1).Heal(lab.Both))
	p.formed(start, 4*time.Second) // the next word comes within a second
}

// TestLAGPlannedChanges: a link taken from a running LAG and added again loses
// nothing and reorders nothing.
func TestLAGPlannedChanges(t *testing.T) {
	for _, express := range []string{"off", "on"} {
		t.Run("express "+express, func(t *testing.T) {
			options := "lacp_rate fast express " + express
			p := startPair(t, lab.Topology{Slaves: 3, Wire: true, PeerOffloads: true}, options, options)
			for range pick(2, 20) {
				p.undisturbed("802.3ad", "release", func() { p.do("release", "bond0", "eth1") })
				start := time.Now()
				p.undisturbed("802.3ad", "enslave", func() { p.do("enslave", "bond0", "eth1") })
				if t.Failed() {
					t.Logf("the peer: %+v, %+v", p.peer.state().Drops, p.peer.state().Slaves)
					t.Logf("ours: %+v, %+v", p.state().Drops, p.state().Slaves)
				}
				p.whileForming(start)
			}
		})
	}
}

// whileForming runs traffic until the LAG is whole again.
func (p *lagPair) whileForming(start time.Time) {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	var wg sync.WaitGroup
	for i, e := range [][2]*lab.Host{{p.lab.A, p.lab.B}, {p.lab.B, p.lab.A}} {
		wg.Go(func() {
			r, err := traffic.Run(ctx, traffic.FlowConfig{
				From: e[0], To: e[1], Src: ends[0][i], Dst: ends[0][1-i], Flows: 8, Size: 200, Rate: 4000, Patience: stragglers,
			})
			if err != nil {
				p.t.Error(err)
			}
			if sum := r.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || sum.Reordered > 0 {
				p.t.Errorf("while a link comes, %s: %s", [...]string{"A to B", "B to A"}[i], r)
			}
		})
	}
	p.formed(start, converge+500*time.Millisecond) // the release's words count against the limit
	pause(p.t, 50*time.Millisecond)
	stop()
	wg.Wait()
}

// TestLAGUnderLoad: with both directions as full as the machine can make them,
// our PDUs of the fast rate stay a second apart, and the LAG stays.
func TestLAGUnderLoad(t *testing.T) {
	p := startPair(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "lacp_rate fast", "lacp_rate fast")
	type ear struct {
		name string
		conn *traffic.FrameConn
	}
	var ears []ear
	for _, n := range []string{"a0", "a1", "b0", "b1"} {
		c, err := traffic.ListenFrames(p.lab.Wire, n, isLACP())
		p.must(err)
		defer c.Close()
		ears = append(ears, ear{n, c})
	}
	length := pick(8*time.Second, time.Minute)
	ctx, stop := context.WithTimeout(t.Context(), length)
	defer stop()
	var wg sync.WaitGroup
	for n, e := range [][2]*lab.Host{{p.lab.A, p.lab.B}, {p.lab.B, p.lab.A}} {
		wg.Go(func() {
			r, err := traffic.Run(ctx, traffic.FlowConfig{From: e[0], To: e[1], Src: ends[0][n], Dst: ends[0][1-n], Flows: 8, Size: 1000})
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			t.Logf("%s: %s", [...]string{"A to B", "B to A"}[n], r)
		})
	}
	until := time.Now().Add(length)
	for _, e := range ears {
		wg.Go(func() {
			_ = e.conn.SetDeadline(until)
			var last traffic.Stamp
			var worst time.Duration
			count := 0
			for {
				_, at, err := e.conn.Receive()
				if err != nil {
					break
				}
				if last != 0 {
					worst = max(worst, at.Sub(last))
				}
				last = at
				count++
			}
			worst = max(worst, traffic.StampOf(until).Sub(last))
			t.Logf("%s: %d LACPDUs, longest gap %v", e.name, count, worst)
			if count == 0 || worst > 1300*time.Millisecond {
				t.Errorf("%s: %d LACPDUs in %v, longest gap %v, want at most 1.3 s", e.name, count, length, worst)
			}
		})
	}
	wg.Wait()
	for _, b := range []*bed{p.bed, p.peer} {
		for _, s := range b.state().Slaves {
			if !s.Carries || s.AD.Counters.ExpiredCount > 0 || s.AD.Counters.DistributeCount != 1 {
				t.Errorf("%s: carries %v, %s; expired %d times, began %d times", s.Name, s.Carries, s.AD.Reason,
					s.AD.Counters.ExpiredCount, s.AD.Counters.DistributeCount)
			}
		}
	}
}

// isLACP matches LACPDUs.
func isLACP() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x8809, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 14, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 1, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

// TestLAGPartnerRestarts: the peer is killed with all that the kernel keeps, and
// another process goes on; then it ends for good and one begins anew.
func TestLAGPartnerRestarts(t *testing.T) {
	waits(t)
	p := startPair(t, lab.Topology{Slaves: 2, PeerOffloads: true}, "lacp_rate fast", "lacp_rate fast")
	p.peer.stop()
	st := p.until("nothing carries traffic to a partner that has said goodbye", func(st bond.State) bool { return !st.Slaves[0].Carries && !st.Slaves[1].Carries })
	for _, s := range st.Slaves {
		if s.AD.Partner.State.Has(lacp.Synchronization) {
			t.Errorf("%s: the partner's last word was %v", s.Name, s.AD.Partner.State)
		}
	}
	p.peer.begin(lagMode + "lacp_rate fast")
	// What our side said of the end counts against its three LACPDUs a second.
	p.formed(time.Now(), converge+time.Second)
}

// TestLAGKilled: our process is killed and another one goes on. The partner
// notices nothing, and a TCP stream goes on.
func TestLAGKilled(t *testing.T) {
	s := serve(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true, Switch: lab.NoSwitch})
	options, _, err := option.ParseWords(strings.Fields(lagMode + "lacp_rate fast"))
	s.must(err)
	s.enslaved(options)
	p := &lagPair{bed: &s.bed}
	p.join("lacp_rate fast")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range pick(2, 10) {
		streamed := make(chan error, 1)
		sent := s.state().Traffic.TxOctets
		go func() {
			_, err := traffic.TCPStream(ctx, traffic.TCPConfig{From: p.lab.A, To: p.lab.B, Listen: netip.AddrPortFrom(ends[0][1], 0), Out: 200 << 20, Back: 1 << 20})
			streamed <- err
		}()
		p.until("the stream runs", func(st bond.State) bool { return st.Traffic.TxOctets > sent+10<<20 })
		s.kill()
		began := time.Now()
		s.daemon()
		s.must(s.pingOnce(ctx))
		t.Logf("from exec to the first answer through the bond: %v", time.Since(began))
		if err := <-streamed; err != nil {
			t.Errorf("the stream: %v", err)
		}
	}
	for _, b := range []*bed{p.bed, p.peer} {
		for i, sl := range b.state().Slaves {
			if !sl.Carries || sl.AD.Actor.Port != uint16(i+1) || sl.AD.Counters.DistributeCount != 1 || sl.AD.Counters.ExpiredCount > 0 {
				t.Errorf("%s: carries %v, port %d, began %d times, expired %d times: %s", sl.Name, sl.Carries, sl.AD.Actor.Port,
					sl.AD.Counters.DistributeCount, sl.AD.Counters.ExpiredCount, sl.AD.Reason)
			}
		}
	}
	s.must(s.client.Delete(t.Context(), "bond0"))
	s.clean()
}
