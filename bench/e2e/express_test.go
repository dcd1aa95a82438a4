package e2e

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
)

// What the workers carry, the express lane does, and it is the lane that does:
// the TAP sees next to nothing of it.
func TestExpressCarries(t *testing.T) {
	for _, mode := range []string{"active-backup", "balance-xor"} {
		for _, peer := range []bool{true, false} {
			t.Run(mode, func(t *testing.T) {
				works(t)
				b := start(t, lab.Topology{Slaves: 3, PeerOffloads: peer, Wire: peer}, "mode "+mode+" miimon 100 xmit_hash_policy layer3+4 express on")
				before, err := b.host.Stats("bond0")
				b.must(err)
				b.pings(mode)
				b.datagrams(mode, 1500)
				b.streams()
				after, err := b.host.Stats("bond0")
				b.must(err)
				st := b.state()
				tapOut, tapIn := after.TxFrames-before.TxFrames, after.RxFrames-before.RxFrames
				t.Logf("the bond: %+v; by the TAP: %d out, %d in", st.Traffic, tapOut, tapIn)
				if st.Express == nil || !st.Express.Sends {
					t.Errorf("express: %+v", st.Express)
				}
				if tapOut > 20 || tapIn > 20 || st.Traffic.TxOctets < 16<<20 || st.Traffic.RxOctets < 16<<20 {
					t.Error("that isn't the lane's doing")
				}
				if out, err := b.tapbond("show"); err != nil || !strings.Contains(strings.Join(strings.Fields(out), " "), "express lane open") {
					t.Errorf("show: %v\n%s", err, out)
				}
			})
		}
	}
}

// Who captures on the bond sees what leaves it, and nothing is lost or reordered
// when it begins or ends.
func TestExpressMakesWayForCaptures(t *testing.T) {
	waits(t)
	b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "mode balance-xor miimon 100 xmit_hash_policy layer3+4 express on")
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	var r traffic.FlowResult
	wg.Go(func() {
		var err error
		r, err = traffic.Run(ctx, traffic.FlowConfig{
			From: b.lab.A, To: b.lab.B, Src: ends[0][0], Dst: ends[0][1], Flows: 4, Size: 200, Rate: 2000, Patience: stragglers,
		})
		if err != nil {
			t.Error(err)
		}
	})
	tap, err := b.lab.A.Handle.LinkByName("bond0")
	b.must(err)
	open := func(st bond.State) bool { return st.Express.Sends }
	closed := func(st bond.State) bool { return !st.Express.Sends }
	for range pick(3, 30) {
		b.until("the lane is open", open)
		before, err := b.host.Stats("bond0")
		b.must(err)
		b.must(b.lab.A.Handle.SetPromiscOn(tap)) // as a capture does
		st := b.until("the lane is closed", closed)
		if want := "somebody captures on the bond"; st.Express.Why != want {
			t.Errorf("closed because %q, want %q", st.Express.Why, want)
		}
		pause(t, 50*time.Millisecond)
		after, err := b.host.Stats("bond0")
		b.must(err)
		if after.TxFrames-before.TxFrames < 20 {
			t.Errorf("%d frames by the TAP", after.TxFrames-before.TxFrames)
		}
		b.must(b.lab.A.Handle.SetPromiscOff(tap))
	}
	b.until("the lane is open", open)
	pause(t, 50*time.Millisecond)
	stop()
	wg.Wait()
	if sum := r.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || sum.Reordered > 0 || sum.Received == 0 {
		t.Errorf("%s; the bond dropped %v", r, b.state().Drops)
	}
}

// A killed daemon doesn't end what the lane carries, and the next one goes on
// with it.
func TestExpressOutlivesTheDaemon(t *testing.T) {
	s := serve(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true})
	s.bond("mode active-backup miimon 100 express on")
	run := func(what string, do func()) {
		t.Helper()
		results := make([]traffic.FlowResult, 2)
		var wg sync.WaitGroup
		for i, e := range [][2]*lab.Host{{s.lab.A, s.lab.B}, {s.lab.B, s.lab.A}} {
			wg.Go(func() {
				var err error
				results[i], err = traffic.Run(t.Context(), traffic.FlowConfig{
					From: e[0], To: e[1], Src: ends[0][i], Dst: ends[0][1-i], Flows: 4, Size: 200, Rate: 2000, Count: 3000, Patience: stragglers,
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		pause(t, 50*time.Millisecond)
		do()
		wg.Wait()
		for i, r := range results {
			if sum := r.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || sum.Reordered > 0 {
				t.Errorf("%s, %s: %s", what, [...]string{"out", "in"}[i], r)
			}
		}
	}
	run("killed", s.kill)
	run("dead", func() {})
	// The dead daemon's TAP has no carrier, for which the host forgets whom it knew.
	for _, h := range []*lab.Host{s.lab.A, s.lab.B} {
		if out, err := h.Command(t.Context(), "ip", "neigh", "flush", "nud", "permanent").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, e := range ends {
		r, err := traffic.Ping(t.Context(), traffic.PingConfig{From: s.lab.A, Src: e[0], Dst: e[1], Count: 5})
		s.must(err)
		if r.Lost > 0 || r.Errors > 0 || r.Duplicated > 0 {
			t.Errorf("ping %s without a daemon: %s", e[1], r)
		}
	}
	run("taken over", func() { s.daemon() })
	if st := s.state(); st.Express == nil || !st.Express.Sends {
		t.Errorf("express: %+v", st.Express)
	}
	run("after", func() {})
	s.down()
	s.clean()
}

// What can't be is said, and leaves nothing behind.
func TestExpressRefuses(t *testing.T) {
	waits(t)
	b := newBed(t, lab.Topology{Slaves: 1})
	for _, c := range []struct{ words, want string }{
		{"run bond0 express on offload off slaves eth0", "bond0: option express: needs offload"},
		{"run bond0 express maybe slaves eth0", "bond0: option express: invalid value (maybe)"},
	} {
		if out, err := b.tapbond(strings.Fields(c.words)...); err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v %s", c.words, err, out)
		}
	}
	if _, err := b.host.Stats("bond0"); err == nil {
		t.Error("bond0 is left behind")
	}
	if out, err := b.host.Command(t.Context(), "tc", "qdisc", "show", "dev", "eth0").CombinedOutput(); err != nil || strings.Contains(string(out), "clsact") {
		t.Errorf("filters are left: %v %s", err, out)
	}
	b.launch("mode balance-rr miimon 100")
	if out, err := b.tapbond("set", "bond0", "express", "on"); err == nil || !strings.Contains(out, "unable to set because the bond device has slaves") {
		t.Errorf("later: %v %s", err, out)
	}
}
