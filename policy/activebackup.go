package policy

// activeBackup is active-backup: one slave at a time.
type activeBackup struct{}

// Select does not ask whether the active slave's link is up: making another
// one active is the control loop's decision (kernel: likewise).
func (activeBackup) Select(s *Snapshot, _ *Queue, _ *Frame) (int, Reason) {
	if s.Active < 0 {
		return -1, TxNoActive
	}
	return s.Active, None
}
