package bond

import (
	"slices"

	"github.com/tapbond/tapbond/policy"
	"github.com/tapbond/tapbond/tap"
)

// queue_id: in balance-rr and active-backup a slave may have a transmit queue of
// the bond to itself. The TAP's queue of that number carries what the host maps
// there (tc's skbedit queue_mapping), and nothing else; its worker sends it on
// that slave, active or not, while the slave's link is up.

// steers: the mode looks at queue ids.
func (b *Bond) steers() bool {
	m := policy.Mode(b.vals.Mode)
	return m == policy.BalanceRR || m == policy.ActiveBackup
}

// steerQueues gives the TAP a queue for every queue id. The caller holds the
// bond's lock. What can't be is reported, and the ids have no effect.
func (b *Bond) steerQueues() {
	var ids []uint16
	var have int
	var steered bool
	if b.call(func() {
		for _, s := range b.members() {
			if s.queueID != 0 && b.steers() {
				ids = append(ids, s.queueID)
			}
		}
		have, steered = len(b.tx), len(b.steered) > 0
	}) != nil || len(ids) == 0 && !steered {
		return
	}
	// First: a queue must not exist before what belongs there is told from the rest.
	err := b.dev.Steer(ids)
	if err == nil && len(ids) > 0 {
		err = b.dev.Grow(max(have, int(slices.Max(ids))+1))
	}
	var started []*txWorker
	_ = b.call(func() {
		b.steered, b.steerErr = ids, ""
		if err != nil {
			b.steered, b.steerErr = nil, err.Error()
			b.warn(nil, "queue_id", "queue ids have no effect: "+err.Error())
		}
		for _, q := range b.dev.Queues()[len(b.tx):] {
			started = append(started, b.addWorker(q))
		}
		b.dirty = true
	})
	// Now that the snapshot knows them.
	for _, w := range started {
		go b.runTx(w)
	}
}

// addWorker makes the worker of one more queue, and its part of every slave.
func (b *Bond) addWorker(q tap.Queue) *txWorker {
	i := len(b.tx)
	w := newTxWorker(i, q, &b.snap, b.sys.CheckCarrier, uint64(b.now().UnixNano())+uint64(i))
	w.notes.wake = b.noteWake
	b.tx = append(b.tx, w)
	for _, s := range b.slaves {
		s.addWriter()
	}
	return w
}

// steerTable says for each transmit worker at which position of the snapshot the
// slave is that its queue belongs to, -1 for none. nil: no queue belongs to any.
func (b *Bond) steerTable(slaves []*slave, states []policy.Slave) []int {
	if len(b.steered) == 0 || !b.steers() {
		return nil
	}
	table := make([]int, len(b.tx))
	for i := range table {
		table[i] = -1
	}
	for i, s := range slaves {
		if s.queueID != 0 && int(s.queueID) < len(table) && states[i].Up && slices.Contains(b.steered, s.queueID) {
			table[s.queueID] = i
		}
	}
	return table
}

// mapped counts the frames that came to a slave by its queue id.
func (s *slave) mapped() uint64 {
	if s.queueID == 0 || int(s.queueID) >= len(s.tx) {
		return 0
	}
	return s.tx[s.queueID].frames.value()
}

// queueIDs says why the queue ids that are set have no effect, if they haven't.
func (b *Bond) queueIDs() string {
	for _, s := range b.members() {
		switch {
		case s.queueID == 0:
		case !b.steers():
			return "the mode has no use for them"
		default:
			return b.steerErr
		}
	}
	return ""
}
