package bond

import (
	"time"

	"github.com/tapbond/tapbond/alb"
)

// What one slave delivers of ARP in balance-tlb and balance-alb: so much a
// second, and as much again at once. A host takes ten times as long over a
// stranger's ARP as over data, its table of neighbours having 1024 places; what
// is more than that is dropped here, and the data in between goes on. Clients
// have an account of their own, and who wants nothing of us goes first.
const (
	arpEvery  = time.Second / 5000
	arpBurst  = 1000 * arpEvery
	arpBurst2 = arpBurst / 2 // what is not for us leaves room for what is
)

// arpMeter is one receive worker's; times are since the worker began.
type arpMeter struct{ clients, others bucket }

// bucket lets one thing pass every so often, and a burst (GCRA).
type bucket struct{ due time.Duration }

func (b *bucket) take(now, every, burst time.Duration) bool {
	due := max(b.due, now)
	if due-now >= burst {
		return false
	}
	b.due = due + every
	return true
}

func (m *arpMeter) take(now time.Duration, from alb.Standing) bool {
	switch from {
	case alb.Client:
		return m.clients.take(now, arpEvery, arpBurst)
	case alb.Caller:
		return m.others.take(now, arpEvery, arpBurst)
	}
	return m.others.take(now, arpEvery, arpBurst2)
}
