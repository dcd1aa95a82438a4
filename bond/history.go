package bond

import "time"

// Outage is a time in which a slave's link was given up.
type Outage struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until,omitzero"` // zero: it lasts
	Why   string    `json:"why"`
}

// keptOutages is how many of a slave's outages are remembered.
const keptOutages = 16

// failed notes that a slave's link was given up.
func (s *slave) failed(now time.Time, why string) {
	if n := len(s.outages); n >= keptOutages {
		s.outages = append(s.outages[:0:0], s.outages[n-keptOutages+1:]...)
	}
	s.outages = append(s.outages, Outage{Since: now, Why: why})
}

// recovered notes that it is used again.
func (s *slave) recovered(now time.Time) {
	if n := len(s.outages); n > 0 && s.outages[n-1].Until.IsZero() {
		s.outages[n-1].Until = now
	}
}

// flaps counts how often a link has come back only to fail again (flap_hold).
//
// A link that fails soon after it came back is kept from use for a while when it
// comes back the next time: hold, and twice as long with each further time, at
// most maxFlapHold or hold itself. It is soon if it is within twice of what it
// was kept waiting, or of hold. One that holds out longer starts anew.
type flaps struct {
	level int
	upAt  time.Time // when it came back last; zero if it never has
}

const maxFlapHold = 30 * time.Second

// up notes that the link is used again.
func (f *flaps) up(now time.Time) { f.upAt = now }

// down notes that the link failed.
func (f *flaps) down(now time.Time, hold time.Duration) {
	if hold == 0 || f.upAt.IsZero() || now.Sub(f.upAt) >= 2*max(f.wait(hold), hold) {
		f.level = 0
		return
	}
	if f.wait(hold) < max(maxFlapHold, hold) {
		f.level++
	}
}

// wait is for how long the link must be good before it is used again.
func (f *flaps) wait(hold time.Duration) time.Duration {
	if f.level == 0 || hold == 0 {
		return 0
	}
	return min(hold<<(f.level-1), max(maxFlapHold, hold))
}
