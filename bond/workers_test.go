package bond

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/policy"
)

// sink takes frames and answers as told.
type sink struct{ answer func(n int) vnet.Sent }

func (s sink) WriteBatch(pkts []vnet.Packet) vnet.Sent {
	if s.answer != nil {
		return s.answer(len(pkts))
	}
	return vnet.Sent{OK: len(pkts), Octets: 60 * len(pkts)}
}

// view is a snapshot of mode over n slaves that are all up.
func view(mode policy.Mode, offload bool, writers ...vnet.Writer) *snapshot {
	s := &snapshot{gen: 1, up: true, mac: [6]byte{2}, offload: offload, pol: policy.Snapshot{Hash: policy.Layer34, PacketsPerSlave: 1}}
	s.sel, _ = policy.New(mode)
	s.fanout, _ = s.sel.(policy.Fanout)
	for i, w := range writers {
		s.pol.Slaves = append(s.pol.Slaves, policy.Slave{CanTx: true, Up: true})
		s.pol.Usable = append(s.pol.Usable, i)
		s.slaves = append(s.slaves, slaveView{slot: i, index: i + 1, writers: []vnet.Writer{w}, tx: []*traffic{new(traffic)}})
		s.rx = append(s.rx, rxActive)
	}
	return s
}

func batchOf(frame []byte, n int) []vnet.Packet {
	var out []vnet.Packet
	for range n {
		out = append(out, vnet.Packet{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)})
	}
	return out
}

// udp4 is a datagram whose checksum is left to the offload.
var udp4 = frameOf("02 00 00 00 00 aa 02 00 00 00 00 bb 08 00 45 00 00 2e 00 00 40 00 40 11 26 bc 0a 00 00 01 0a 00 00 02 0f a0 00 35 00 1a 00 00")

func TestEveryFrameIsAccountedFor(t *testing.T) {
	woken := 0
	w := newTxWorker(0, nil, nil, func(int) { woken++ }, 1)
	bad := sink{func(n int) vnet.Sent {
		return vnet.Sent{OK: n - 5, Full: 1, Down: 1, TooBig: 1, Invalid: 1, Failed: 1}
	}}
	s := view(policy.ActiveBackup, true, bad)
	w.forward(s, append(batchOf(udp4, 8), vnet.Packet{Buf: make([]byte, vnet.HdrLen+13)}))
	for why, want := range map[policy.Reason]uint64{
		policy.TxFull: 1, policy.TxDown: 1, policy.TxTooBig: 1, policy.TxInvalid: 1, policy.TxFailed: 1, policy.TxRunt: 1,
	} {
		expect(t, why.String(), w.drops.n[why].value(), want)
	}
	expect(t, "sent", s.slaves[0].tx[0].frames.value(), 3)
	expect(t, "carrier poller woken", woken, 1)
	s.pol.Active = -1
	w.forward(s, batchOf(udp4, 4))
	expect(t, "tx_no_active", w.drops.n[policy.TxNoActive].value(), 4)
	s.up = false
	w.forward(s, batchOf(udp4, 4))
	expect(t, "tx_bond_down", w.drops.n[policy.TxBondDown].value(), 4)

	r := newRxWorker(0, nil, sink{func(n int) vnet.Sent { return vnet.Sent{OK: n - 3, Full: 1, Down: 1, Invalid: 1} }}, nil)
	r.deliver(view(policy.ActiveBackup, true, sink{}), append(batchOf(udp4, 6), vnet.Packet{Buf: make([]byte, vnet.HdrLen+3)}))
	for why, want := range map[policy.Reason]uint64{policy.RxTapFull: 1, policy.RxTapDown: 1, policy.RxTapFailed: 1, policy.RxRunt: 1} {
		expect(t, why.String(), r.drops.n[why].value(), want)
	}
	expect(t, "delivered", r.count.frames.value(), 3)
}

// doneLane counts what it is told of.
type doneLane struct {
	Lane
	n int
}

func (l *doneLane) Done(int) { l.n++ }

func TestWorkersNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	partial := batchOf(udp4, 32)
	for i := range partial {
		h := vnet.Hdr{Flags: vnet.FlagNeedsCsum, CsumStart: 34, CsumOffset: 6}
		h.Encode(partial[i].Buf)
	}
	for _, mode := range []policy.Mode{policy.BalanceRR, policy.ActiveBackup, policy.BalanceXOR, policy.Broadcast, policy.LACP} {
		s := view(mode, true, sink{}, sink{}, sink{})
		tx := newTxWorker(0, nil, nil, func(int) {}, 1)
		tx.forward(s, partial)
		if n := testing.AllocsPerRun(100, func() { tx.forward(s, partial) }); n != 0 {
			t.Errorf("%s: transmitting allocates %v times a batch", mode, n)
		}
	}
	left, lane := view(policy.LACP, true, sink{}, sink{}), new(doneLane)
	left.lane = lane
	tx := newTxWorker(0, nil, nil, func(int) {}, 1)
	tx.forward(left, partial)
	if n := testing.AllocsPerRun(100, func() { tx.forward(left, partial) }); n != 0 || lane.n == 0 {
		t.Errorf("what the express lane leaves: transmitting allocates %v times a batch; %d told", n, lane.n)
	}
	lag := view(policy.LACP, true, sink{})
	lag.takeSlow = true
	slow := newRxWorker(0, nil, sink{}, nil)
	slow.slow = newSlowInbox(func() {})
	mk := lacp.Marker{Type: lacp.MarkerInformation, Port: 1}
	mixed := append(batchOf(udp4, 16), batchOf(mk.AppendFrame(nil, lacp.MAC{2}), 4)...)
	mixed = append(mixed, batchOf(slowProto, 4)...)
	slow.deliver(lag, mixed)
	if n := testing.AllocsPerRun(100, func() { slow.deliver(lag, mixed) }); n != 0 {
		t.Errorf("802.3ad: receiving allocates %v times a batch", n)
	}
	for _, offload := range []bool{true, false} {
		s := view(policy.ActiveBackup, offload, sink{})
		rx := newRxWorker(0, nil, sink{}, nil)
		rx.deliver(s, partial)
		if n := testing.AllocsPerRun(100, func() { rx.deliver(s, partial) }); n != 0 {
			t.Errorf("offload %v: receiving allocates %v times a batch", offload, n)
		}
	}
}

func BenchmarkForward(b *testing.B) {
	for _, mode := range []policy.Mode{policy.BalanceRR, policy.ActiveBackup, policy.BalanceXOR, policy.Broadcast, policy.LACP} {
		b.Run(mode.String(), func(b *testing.B) {
			s := view(mode, true, sink{}, sink{})
			w := newTxWorker(0, nil, nil, func(int) {}, 1)
			pkts := batchOf(udp4, 32)
			b.ReportAllocs()
			for i := 0; i < b.N; i += len(pkts) {
				w.forward(s, pkts)
			}
		})
	}
}

func BenchmarkDeliver(b *testing.B) {
	s := view(policy.ActiveBackup, true, sink{})
	w := newRxWorker(0, nil, sink{}, nil)
	pkts := batchOf(udp4, 32)
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(pkts) {
		w.deliver(s, pkts)
	}
}

// TestGrace: what a snapshot refers to is in use until awaitGrace returns, and
// never after.
func TestGrace(t *testing.T) {
	type resource struct{ closed atomic.Bool }
	var current atomic.Pointer[snapshot]
	var resources sync.Map // generation -> *resource
	resources.Store(uint64(1), new(resource))
	current.Store(&snapshot{gen: 1})
	var readers []*reader
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		r := newReader()
		readers = append(readers, r)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := r.enter(&current)
				v, _ := resources.Load(s.gen)
				for range rand.IntN(100) {
					if v.(*resource).closed.Load() {
						t.Error("a reader uses what was closed")
						return
					}
				}
				r.leave()
			}
		})
	}
	for gen := uint64(2); gen < 60; gen++ {
		resources.Store(gen, new(resource))
		current.Store(&snapshot{gen: gen})
		awaitGrace(readers, gen)
		old, _ := resources.Load(gen - 1)
		old.(*resource).closed.Store(true)
	}
	close(stop)
	wg.Wait()
}
