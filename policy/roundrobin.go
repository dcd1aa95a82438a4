package policy

// roundRobin is balance-rr: turn by turn, packets_per_slave frames each.
type roundRobin struct{}

// Select counts over all slaves, those that are down included, and goes on
// from there to the first that can transmit. So, as with the kernel, the share
// of a dead slave goes to the one behind it and is not spread.
//
// The counter is the calling worker's. The kernel's is per processor: there a
// flow's frames stay in turn while its sender stays on one processor, here
// while they come from one TAP queue.
func (roundRobin) Select(s *Snapshot, q *Queue, f *Frame) (int, Reason) {
	// The switch must see a group's reports come from one port only.
	if s.Active >= 0 && f.IsIGMP() {
		return s.Active, None
	}
	n := len(s.Slaves)
	if n == 0 {
		return -1, TxNoSlave
	}
	first := int(q.turn(s.PacketsPerSlave) % uint32(n))
	for i := first; i < n; i++ {
		if s.Slaves[i].CanTx {
			return i, None
		}
	}
	for i := range first {
		if s.Slaves[i].CanTx {
			return i, None
		}
	}
	return -1, TxNoSlave
}

// turn is the number of the turn that the next frame belongs to: random if
// turns are 0 frames long. It wraps at 2^32.
func (q *Queue) turn(frames uint32) uint32 {
	switch frames {
	case 0:
		return q.random()
	case 1:
		q.Counter++
		return q.Counter
	}
	q.Counter++
	return q.Counter / frames
}

// random steps a 64-bit xorshift generator (Marsaglia 2003, shifts 13, 7, 17)
// and returns its upper half, the better one.
func (q *Queue) random() uint32 {
	x := q.Rand
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	q.Rand = x
	return uint32(x >> 32)
}
