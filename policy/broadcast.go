package policy

// broadcast is the mode of that name: every frame on every slave.
type broadcast struct{}

var _ Fanout = broadcast{}

// Select names the first slave that would get a copy, for callers that can
// send only one.
func (broadcast) Select(s *Snapshot, _ *Queue, _ *Frame) (int, Reason) {
	for i := range s.Slaves {
		if s.Slaves[i].Up {
			return i, None
		}
	}
	return -1, TxNoSlave
}

// Fanout names every slave that is up, whatever its role. It allocates only if
// dst has too little room.
func (broadcast) Fanout(s *Snapshot, _ *Queue, _ *Frame, dst []int) ([]int, Reason) {
	before := len(dst)
	for i := range s.Slaves {
		if s.Slaves[i].Up {
			dst = append(dst, i)
		}
	}
	if len(dst) == before {
		return dst, TxNoSlave
	}
	return dst, None
}
