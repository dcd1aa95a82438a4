package announce

import "time"

// A switch sees a carrier come back when we do, but takes nothing in before it
// has opened its port; what is announced at once may be for nothing, and it
// would go on sending to the old slave. So it is said again, each gap twice the
// last: the first times while the old slave still delivers.
const (
	firstGap = 10 * time.Millisecond
	lastGap  = 320 * time.Millisecond

	// SettleTime is how long after the carrier a port may still be closed: that
	// of all repetitions.
	SettleTime = 2*lastGap - firstGap
)

// Settle counts out the repetitions: 10, 30, 70 … 630 ms after the start. The
// zero value has none.
type Settle struct {
	gap  time.Duration
	next time.Time
}

// Start begins anew; what was announced now is repeated.
func (s *Settle) Start(now time.Time) { *s = Settle{gap: firstGap, next: now.Add(firstGap)} }

// Stop forgets what is left.
func (s *Settle) Stop() { s.gap = 0 }

// Step reports whether a repetition is due at now, and counts it.
func (s *Settle) Step(now time.Time) bool {
	if s.gap == 0 || now.Before(s.next) {
		return false
	}
	if s.gap *= 2; s.gap > lastGap {
		s.gap = 0
	}
	s.next = now.Add(s.gap)
	return true
}

// Next returns when the next repetition is due; false if none is left.
func (s *Settle) Next() (time.Time, bool) { return s.next, s.gap > 0 }
