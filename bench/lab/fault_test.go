package lab_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// flow runs count frames from one host to the other over the lab's only
// addressed link.
func flow(t *testing.T, l *lab.Lab, d lab.Direction, rate int, count uint64) traffic.FlowReport {
	t.Helper()
	cfg := traffic.FlowConfig{From: l.A, To: l.B, Src: lab.AddrA4.Addr(), Dst: lab.AddrB4.Addr(), Rate: rate, Count: count}
	if d == lab.ToA {
		cfg.From, cfg.To, cfg.Src, cfg.Dst = cfg.To, cfg.From, cfg.Dst, cfg.Src
	}
	r, err := traffic.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if total := r.Receive.Total(); total.Duplicated+r.Receive.Corrupted+r.Receive.SocketDrops != 0 {
		t.Errorf("flow: %s", r)
	}
	return r.Receive.Total()
}

func wireStats(t *testing.T, k *lab.Link, d lab.Direction) lab.WireStats {
	t.Helper()
	s, err := k.WireStats(d)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCarrier(t *testing.T) {
	for _, tt := range []struct {
		name string
		plan lab.Topology
	}{
		{"own indexes", lab.Topology{Slaves: 2, Wire: true, SlavesUp: true}},
		{"as a NIC", lab.Topology{Slaves: 2, Wire: true, SlavesUp: true, NICLike: true}},
		{"without a wire", lab.Topology{Slaves: 2, SlavesUp: true, NICLike: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := benchtest.Build(t, tt.plan)
			for _, up := range []bool{false, true} {
				span, err := l.Link(1).Carrier(up)
				if err != nil {
					t.Fatal(err)
				}
				if span.Took() <= 0 || span.Took() > time.Second {
					t.Errorf("carrier %t took %s", up, span.Took())
				}
				if got, err := l.Link(1).HasCarrier(); err != nil || got != up {
					t.Errorf("carrier %t, %v right after it was set %t", got, err, up)
				}
				if got, err := l.Link(0).HasCarrier(); err != nil || !got {
					t.Errorf("the other link's carrier %t, %v", got, err)
				}
			}
			if _, err := l.Link(0).CarrierAt(lab.SideB, false); err != nil {
				t.Fatal(err)
			}
			if got, err := l.Link(0).HasCarrier(); err != nil || got != tt.plan.Wire {
				t.Errorf("carrier of A %t, %v when B's end is cut: want %t", got, err, tt.plan.Wire)
			}
		})
	}
}

func TestDrop(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	k := l.Link(0)
	const n = 200
	for _, tt := range []struct {
		name     string
		set      func() error
		toB, toA uint64 // frames that get through
	}{
		{"to B", func() error { return k.Drop(lab.ToB) }, 0, n},
		{"healed", func() error { return k.Heal(lab.Both) }, n, n},
		{"to A", func() error { return k.Drop(lab.ToA) }, n, 0},
		{"both", func() error { return k.Drop(lab.Both) }, 0, 0},
		{"one healed", func() error { return k.Heal(lab.ToB) }, n, 0},
		{"healed again", func() error { return errors.Join(k.Heal(lab.Both), k.Heal(lab.Both)) }, n, n},
		{"slow protocols", func() error { return k.DropEtherTypes(lab.Both, unix.ETH_P_SLOW) }, n, n},
		{"ARP and IP to B", func() error { return k.DropEtherTypes(lab.ToB, unix.ETH_P_ARP, unix.ETH_P_IP) }, 0, n},
		{"IPv6 replaces it", func() error { return k.DropEtherTypes(lab.ToB, unix.ETH_P_IPV6) }, n, n},
		{"our flow", func() error { return k.DropWhere(lab.ToA, traffic.Match(0)) }, n, 0},
		{"another flow", func() error { return k.DropWhere(lab.ToA, traffic.Match(1)) }, n, n},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.set(); err != nil {
				t.Fatal(err)
			}
			for _, way := range []struct {
				d    lab.Direction
				want uint64
			}{{lab.ToB, tt.toB}, {lab.ToA, tt.toA}} {
				before := wireStats(t, k, way.d)
				if got := flow(t, l, way.d, 50_000, n); got.Received != way.want {
					t.Errorf("direction %d: %d frames of %d got through: want %d", way.d, got.Received, n, way.want)
				}
				after := wireStats(t, k, way.d)
				if lost := after.Lost() - before.Lost(); lost != n-way.want {
					t.Errorf("direction %d: wire counts %d lost: want %d", way.d, lost, n-way.want)
				}
				if filtered := after.Filtered - before.Filtered; filtered != n-way.want {
					t.Errorf("direction %d: wire counts %d filtered: want %d", way.d, filtered, n-way.want)
				}
			}
			if up, err := k.HasCarrier(); err != nil || !up {
				t.Errorf("carrier %t, %v: want a silent fault", up, err)
			}
		})
	}
}

func TestLoss(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	const n = 20_000
	for _, p := range []float64{0.5, 0.1, 0.01, 1, 0} {
		if err := l.Link(0).Loss(lab.ToB, p); err != nil {
			t.Fatal(err)
		}
		before := wireStats(t, l.Link(0), lab.ToB)
		got := flow(t, l, lab.ToB, 100_000, n)
		// Six standard deviations: a wrong verdict once in a thousand million runs.
		if margin := 6 * math.Sqrt(n*p*(1-p)); math.Abs(float64(got.Lost)-n*p) > margin {
			t.Errorf("loss %g: %d of %d frames lost: want %.0f ± %.0f", p, got.Lost, n, n*p, margin)
		}
		if lost := wireStats(t, l.Link(0), lab.ToB).Lost() - before.Lost(); lost != got.Lost {
			t.Errorf("loss %g: receiver misses %d, wire counts %d", p, got.Lost, lost)
		}
	}
	for _, p := range []float64{-0.1, 1.1, math.NaN()} {
		if err := l.Link(0).Loss(lab.ToB, p); err == nil {
			t.Errorf("loss %g accepted", p)
		}
	}
}

func TestRate(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	k := l.Link(0)
	const bits = 20_000_000 // 9766 frames of 256 octets a second
	if err := k.Rate(lab.ToB, bits, 10_000, 10*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	before := wireStats(t, k, lab.ToB)
	got := flow(t, l, lab.ToB, 20_000, 10_000) // half a second at twice the rate
	if rate := float64(got.Received-1) / got.Last.Sub(got.First).Seconds() * 256 * 8; rate < 0.8*bits || rate > 1.1*bits {
		t.Errorf("%.0f bit/s got through: want %d", rate, bits)
	}
	after := wireStats(t, k, lab.ToB)
	if lost := after.Lost() - before.Lost(); lost != got.Lost || after.Queued != 0 || lost == 0 {
		t.Errorf("receiver misses %d, wire counts %d lost and %d waiting", got.Lost, lost, after.Queued)
	}
	if other := flow(t, l, lab.ToA, 20_000, 2_000); other.Lost != 0 {
		t.Errorf("the other direction lost %d", other.Lost)
	}
	if err := k.Heal(lab.ToB); err != nil {
		t.Fatal(err)
	}
	if healed := flow(t, l, lab.ToB, 20_000, 2_000); healed.Lost != 0 {
		t.Errorf("healed, and lost %d", healed.Lost)
	}
	for _, bad := range []error{k.Rate(lab.ToB, 7, 1500, 0), k.Rate(lab.ToB, 1e6, 0, 0), k.Rate(lab.ToB, 1<<50, 1500, time.Hour)} {
		if bad == nil {
			t.Error("a rate out of range accepted")
		}
	}
}

func TestFaultsNeedWire(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	k := l.Link(0)
	_, stats := k.WireStats(lab.ToB)
	for _, err := range []error{k.Drop(lab.ToB), k.Loss(lab.ToB, 0.1), k.Loss(lab.ToB, 0), k.Rate(lab.ToB, 1e6, 1500, time.Millisecond), k.Heal(lab.Both), stats} {
		if !errors.Is(err, lab.ErrNoWire) {
			t.Errorf("%v: want %v", err, lab.ErrNoWire)
		}
	}
}

func TestCounter(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	const n = 5000
	counters := map[string]struct {
		ifname string
		seen   lab.Seen
		match  []bpf.Instruction
		want   uint64
	}{
		"comes in":       {"a0", lab.Received, traffic.Match(0), n},
		"goes out":       {"b0", lab.SentOut, traffic.Match(traffic.AnyFlow), n},
		"other flow":     {"a0", lab.Received, traffic.Match(1), 0},
		"other way":      {"a0", lab.SentOut, traffic.Match(0), 0},
		"other way, far": {"b0", lab.Received, traffic.Match(0), 0},
	}
	running := make(map[string]*lab.Counter)
	for name, c := range counters {
		counter, err := l.Wire.Count(c.ifname, c.seen, c.match)
		if err != nil {
			t.Fatal(err)
		}
		defer counter.Close()
		running[name] = counter
	}
	if got := flow(t, l, lab.ToB, 100_000, n); got.Lost != 0 {
		t.Fatalf("lost %d", got.Lost)
	}
	for name, c := range counters {
		for range 2 { // reading again adds nothing
			if got, err := running[name].Read(); err != nil || got != c.want {
				t.Errorf("%s: %d, %v: want %d", name, got, err, c.want)
			}
		}
	}
	if _, err := l.Wire.Count("nobody", lab.Received, nil); err == nil {
		t.Error("counting on an interface that is not there")
	}
}

// What a packet socket is told, and what the link counts, when its carrier
// goes: the ledger rests on this.
func TestSendsWithoutCarrier(t *testing.T) {
	for _, nicLike := range []bool{false, true} {
		t.Run(fmt.Sprintf("nic=%t", nicLike), func(t *testing.T) {
			l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true, NICLike: nicLike})
			c, err := traffic.ListenFrames(l.A, "eth0", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			frame := make([]byte, 60)
			copy(frame, lab.HostMAC())
			copy(frame[6:], lab.SlaveMAC(0))
			frame[12], frame[13] = 0x88, 0xb5
			before, err := l.A.Stats("eth0")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := l.Link(0).Carrier(false); err != nil {
				t.Fatal(err)
			}
			const n = 1000
			var taken, refused uint64
			for range n {
				switch err := c.Send(frame); {
				case err == nil:
					taken++
				case errors.Is(err, unix.ENOBUFS):
					refused++
				default:
					t.Fatal(err)
				}
			}
			after, err := l.A.Stats("eth0")
			if err != nil {
				t.Fatal(err)
			}
			if sent := after.TxFrames - before.TxFrames; sent != 0 {
				t.Errorf("%d frames sent without a carrier", sent)
			}
			if dropped := after.TxDropped - before.TxDropped; dropped != n {
				t.Errorf("tx_dropped %d: want %d, the %d refused included", dropped, n, refused)
			}
			t.Logf("%d frames taken and lost, %d refused", taken, refused)
		})
	}
}
