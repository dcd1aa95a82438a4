package policy

// xor is balance-xor: a flow stays on one slave, by the hash of its headers.
type xor struct{}

// Select is usable[hash mod n]. Which slaves are usable is the snapshot's
// business, so a mode that restricts them further can use this selector too.
func (xor) Select(s *Snapshot, _ *Queue, f *Frame) (int, Reason) {
	n := uint32(len(s.Usable))
	if n == 0 {
		return -1, TxNoSlave
	}
	return s.Usable[f.Hash(s.Hash)%n], None
}
