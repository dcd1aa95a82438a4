package bench_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// run sends count frames in a direction and returns the closed ledger's result.
func run(t *testing.T, l *lab.Lab, d lab.Direction, v6 bool, rate int, count uint64) traffic.FlowResult {
	t.Helper()
	addr := func(four, six netip.Prefix) netip.Addr {
		if v6 {
			return six.Addr()
		}
		return four.Addr()
	}
	cfg := traffic.FlowConfig{
		From: l.A, To: l.B, Src: addr(lab.AddrA4, lab.AddrA6), Dst: addr(lab.AddrB4, lab.AddrB6), Rate: rate, Count: count,
	}
	if d == lab.ToA {
		cfg.From, cfg.To, cfg.Src, cfg.Dst = cfg.To, cfg.From, cfg.Dst, cfg.Src
	}
	before, err := bench.ReadAccount(l, "")
	if err != nil {
		t.Fatal(err)
	}
	r, err := traffic.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	after, err := bench.ReadAccount(l, "")
	if err != nil {
		t.Fatal(err)
	}
	ledger := bench.NewLedger(bench.LedgerConfig{Title: t.Name(), Direction: d, Before: before, After: after, Result: r})
	if err := ledger.Check(); err != nil {
		t.Error(err)
	}
	return r
}

// Over a single link without any bond nothing gets lost, and all is accounted
// for.
func TestLedgerCloses(t *testing.T) {
	const n, rate = 100_000, 50_000
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	r := run(t, l, lab.ToB, false, rate, n)
	if got := r.Receive.Total(); got.Sent != n || got.Received != n || got.Duplicated+got.Reordered+r.Receive.Corrupted != 0 {
		t.Errorf("%s", r)
	}
}

func TestLedgerClosesWithLosses(t *testing.T) {
	for _, plan := range []lab.Topology{
		{Slaves: 1, Wire: true},
		{Slaves: 2, Wire: true, NICLike: true, Switch: lab.NoSwitch},
		{Slaves: 2, Wire: true, Switch: lab.PerSlaveSwitch, PeerOffloads: true},
	} {
		t.Run(fmt.Sprintf("switch=%s", plan.Switch), func(t *testing.T) {
			l := benchtest.Addressed(t, plan)
			for _, tt := range []struct {
				name  string
				fault func(*lab.Link) error
				lost  bool
			}{
				{"none", func(*lab.Link) error { return nil }, false},
				{"half", func(k *lab.Link) error { return k.Loss(lab.Both, 0.5) }, true},
				{"all", func(k *lab.Link) error { return k.Drop(lab.Both) }, true},
				{"slow", func(k *lab.Link) error { return k.Rate(lab.Both, 10e6, 5000, 20*time.Millisecond) }, true},
				{"B's carrier", func(k *lab.Link) error { _, err := k.CarrierAt(lab.SideB, false); return err }, true},
				{"both carriers", func(k *lab.Link) error { _, err := k.CarrierAt(lab.SideA, false); return err }, true},
			} {
				t.Run(tt.name, func(t *testing.T) {
					if err := l.Link(0).Heal(lab.Both); err != nil {
						t.Fatal(err)
					}
					if err := tt.fault(l.Link(0)); err != nil {
						t.Fatal(err)
					}
					for d, v6 := range map[lab.Direction]bool{lab.ToB: false, lab.ToA: true} {
						r := run(t, l, d, v6, 50_000, 1000)
						if lost := r.Receive.Total().Lost; (lost > 0) != tt.lost {
							t.Errorf("direction %d, v6 %t: lost %d", d, v6, lost)
						}
					}
				})
			}
		})
	}
}

// A wrong counter does not go unnoticed.
func TestLedgerNoticesLoss(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	account, err := bench.ReadAccount(l, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Link(0).Drop(lab.ToB); err != nil {
		t.Fatal(err)
	}
	r, err := traffic.Run(t.Context(), traffic.FlowConfig{
		From: l.A, To: l.B, Src: lab.AddrA4.Addr(), Dst: lab.AddrB4.Addr(), Rate: 50_000, Count: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	ledger := bench.NewLedger(bench.LedgerConfig{Direction: lab.ToB, Before: account, After: account, Result: r})
	if err := ledger.Check(); err == nil {
		t.Error("the wire's losses left out, and the ledger closes")
	}
}

func TestTCPOverLink(t *testing.T) {
	for _, offloads := range []bool{false, true} {
		t.Run(fmt.Sprintf("offloads=%t", offloads), func(t *testing.T) {
			l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true, PeerOffloads: offloads})
			for _, addr := range []netip.Prefix{lab.AddrB4, lab.AddrB6} {
				_, err := traffic.TCPStream(t.Context(), traffic.TCPConfig{
					From: l.A, To: l.B, Listen: netip.AddrPortFrom(addr.Addr(), 0), Out: 20 << 20, Back: 20 << 20,
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}
