package bond

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tapbond/tapbond/internal/express"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/policy"
)

// yieldEvery is the number of batches after which a busy worker lets others
// run: with as many busy workers as processors, timers and control still must.
const yieldEvery = 16

// txWorker owns one TAP queue's frames on their way to the wire: read, decode,
// select, write. It owns its scratch; nothing here is shared but the snapshot.
type txWorker struct {
	id     int
	queue  vnet.Reader
	snap   *atomic.Pointer[snapshot]
	reader *reader
	wake   func(index int) // tells the carrier poller that sends fail
	drops  drops

	frame  policy.Frame
	policy *policy.Queue
	notes  noteRing        // balance-alb
	lists  [][]vnet.Packet // frames of the batch, by position in the snapshot
	left   []int           // buckets of those that the express lane left here
	fan    []int
}

func newTxWorker(id int, q vnet.Reader, snap *atomic.Pointer[snapshot], wake func(int), seed uint64) *txWorker {
	return &txWorker{
		id: id, queue: q, snap: snap, reader: newReader(), wake: wake,
		policy: policy.NewQueue(seed),
	}
}

// run carries frames until the queue is closed or gone.
func (w *txWorker) run() error {
	for n := 1; ; n++ {
		pkts, err := w.queue.ReadBatch()
		if err != nil {
			return err
		}
		s := w.reader.enter(w.snap)
		w.forward(s, pkts)
		w.reader.leave()
		if n%yieldEvery == 0 {
			runtime.Gosched()
		}
	}
}

// holdStep is how often a worker looks whether it may go on.
const holdStep = 50 * time.Microsecond

// released returns the snapshot to go on with, when it is time to. What waits
// meanwhile is in the TAP's queue.
func (w *txWorker) released(s *snapshot) *snapshot {
	for time.Now().Before(s.hold) {
		w.reader.leave()
		time.Sleep(holdStep)
		s = w.reader.enter(w.snap)
	}
	return s
}

func (w *txWorker) forward(s *snapshot, pkts []vnet.Packet) {
	if !s.hold.IsZero() {
		s = w.released(s)
	}
	if !s.up {
		w.drops.n[policy.TxBondDown].add(uint64(len(pkts)))
		return
	}
	w.grow(len(s.slaves), len(pkts))
	steer := -1
	if w.id < len(s.steer) {
		steer = s.steer[w.id]
	}
	if s.balance != nil && w.id < len(s.balance.loads) {
		w.policy.Load = s.balance.loads[w.id]
	}
	for i := range pkts {
		p := &pkts[i]
		if !w.frame.Decode(p.Frame()) {
			w.drops.n[policy.TxRunt].add(1)
			continue
		}
		if s.lane != nil {
			if bucket, ok := express.Bucket(&w.frame); ok {
				w.left = append(w.left, bucket)
			}
		}
		vnet.FixHdrLen(p)
		if steer >= 0 {
			w.lists[steer] = append(w.lists[steer], *p)
			continue
		}
		if s.balance != nil {
			w.spread(s, p)
			continue
		}
		if s.fanout != nil {
			w.copyTo(s, p)
			continue
		}
		to, why := s.sel.Select(&s.pol, w.policy, &w.frame)
		if to < 0 {
			w.drops.n[why].add(1)
			continue
		}
		w.lists[to] = append(w.lists[to], *p)
	}
	for i := range s.slaves {
		if len(w.lists[i]) > 0 {
			w.send(&s.slaves[i], w.lists[i])
			w.lists[i] = w.lists[i][:0]
		}
	}
	for _, bucket := range w.left {
		s.lane.Done(bucket)
	}
	w.left = w.left[:0]
}

func (w *txWorker) copyTo(s *snapshot, p *vnet.Packet) {
	var why policy.Reason
	w.fan, why = s.fanout.Fanout(&s.pol, w.policy, &w.frame, w.fan[:0])
	if len(w.fan) == 0 {
		w.drops.n[why].add(1)
		return
	}
	for _, to := range w.fan {
		w.lists[to] = append(w.lists[to], *p)
	}
}

func (w *txWorker) send(v *slaveView, list []vnet.Packet) {
	sent := v.writers[w.id].WriteBatch(list)
	t := v.tx[w.id]
	t.frames.add(uint64(sent.OK))
	t.octets.add(uint64(sent.Octets))
	if sent.OK == len(list) {
		return
	}
	n := &w.drops.n
	n[policy.TxFull].add(uint64(sent.Full))
	n[policy.TxDown].add(uint64(sent.Down))
	n[policy.TxTooBig].add(uint64(sent.TooBig))
	n[policy.TxInvalid].add(uint64(sent.Invalid))
	n[policy.TxFailed].add(uint64(sent.Failed))
	if sent.Down > 0 || sent.Full > 0 {
		// ENOBUFS is both "queue full" and "no carrier": the poller finds out.
		w.wake(v.index)
	}
}

// grow makes room for a batch; it allocates only when the bond or the batch
// has become larger than any before.
func (w *txWorker) grow(slaves, batch int) {
	for len(w.lists) < slaves {
		w.lists = append(w.lists, make([]vnet.Packet, 0, batch))
	}
	if cap(w.left) < batch {
		w.left = make([]int, 0, batch)
	}
	if cap(w.fan) < slaves {
		w.fan = make([]int, 0, slaves)
	}
}
