package bond

import (
	"testing"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/policy"
)

// viewOf is a snapshot of a balanced mode over sinks.
func viewOf(mode policy.Mode, writers ...vnet.Writer) *snapshot {
	s := view(mode, true, writers...)
	s.pol.MAC, s.pol.Table = s.mac, new(policy.Table)
	v := &balanceView{loads: []*policy.Load{new(policy.Load)}, ours: [][6]byte{s.mac, mac1}}
	for i := range writers {
		v.macs = append(v.macs, [6]byte{2, 0, 0, 0, 0, byte(i)})
		v.index = append(v.index, int16(i))
	}
	for b := range s.pol.Table {
		s.pol.Table[b] = int16(b % len(writers))
	}
	if mode == policy.BalanceALB {
		c := alb.NewClients(s.mac)
		c.SetOwn([]alb.IP{alb.IP4([4]byte{10, 1, 0, 9})})
		v.rlb = c.View()
	}
	s.balance = v
	return s
}

func TestBalanceNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		return // the detector allocates
	}
	for _, mode := range []policy.Mode{policy.BalanceTLB, policy.BalanceALB} {
		s := viewOf(mode, sink{}, sink{})
		tx := newTxWorker(0, nil, nil, func(int) {}, 1)
		tx.notes.wake = func() {}
		rx := newRxWorker(0, nil, sink{}, nil)
		rx.notes.wake = func() {}
		s.rx = []rxRule{rxUnicast}
		pkts := append(batchOf(udpTo(1), 20), batchOf(arpReply(1), 12)...)
		tx.forward(s, pkts)
		if n := testing.AllocsPerRun(100, func() { tx.forward(s, pkts) }); n != 0 {
			t.Errorf("%v: transmitting allocates %v times a batch", mode, n)
		}
		rx.deliver(s, pkts)
		if n := testing.AllocsPerRun(100, func() { rx.deliver(s, pkts) }); n != 0 {
			t.Errorf("%v: receiving allocates %v times a batch", mode, n)
		}
	}
}

func BenchmarkForwardBalanced(b *testing.B) {
	frame := udpTo(1)
	for _, mode := range []policy.Mode{policy.BalanceXOR, policy.BalanceTLB, policy.BalanceALB} {
		b.Run(mode.String(), func(b *testing.B) {
			s := view(mode, true, sink{}, sink{})
			if mode != policy.BalanceXOR {
				s = viewOf(mode, sink{}, sink{})
			}
			copy(s.mac[:], frame[6:])
			s.pol.MAC = s.mac
			w := newTxWorker(0, nil, nil, func(int) {}, 1)
			pkts := batchOf(frame, 32)
			b.ReportAllocs()
			for i := 0; i < b.N; i += len(pkts) {
				for j := range pkts {
					copy(pkts[j].Frame()[6:], frame[6:12])
				}
				w.forward(s, pkts)
			}
		})
	}
}

// The rings hand on what there is room for, in order, and no more.
func TestNoteRing(t *testing.T) {
	woken := 0
	r := &noteRing{wake: func() { woken++ }}
	for i := range 3 * noteRingLen {
		n := r.free()
		if (n != nil) != (i < noteRingLen) {
			t.Fatalf("note %d: room %v", i, n != nil)
		}
		if n != nil {
			n.n = i
			r.done()
		}
	}
	next := 0
	if got := r.take(func(n *note) {
		if n.n != next {
			t.Errorf("note %d instead of %d", n.n, next)
		}
		next++
	}); got != noteRingLen || woken != noteRingLen {
		t.Errorf("%d notes, woken %d times", got, woken)
	}
	if r.free() == nil || r.take(func(*note) {}) != 0 {
		t.Error("not empty")
	}
}
