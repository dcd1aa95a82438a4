package alb

import (
	"slices"
	"time"

	"github.com/tapbond/tapbond/policy"
)

// RebalanceEvery is how often flows move between slaves by their load
// (kernel: the same). In between they stay where they are.
const RebalanceEvery = 10 * time.Second

// minMeasured is the least time that says anything about a bucket's load. A
// slave that joins earlier than that is given its share by the rates before.
const minMeasured = time.Second

// Loads places the buckets of balance-tlb on slaves. It is not safe for
// concurrent use.
type Loads struct {
	on     [policy.Buckets]int // slave's ID, -1 for none
	rate   [policy.Buckets + 1]uint64
	sum    policy.Load // since the last rebalancing
	since  time.Time
	moves  uint64
	slaves []Slave
}

// Slave is what balancing has to know of one that is in the bond.
type Slave struct {
	// ID is the caller's name for it, not negative.
	ID int
	// MAC is the address it sends with and is reached by.
	MAC [6]byte
	// Mbps is its speed, never 0: what is not known is assumed by the caller.
	Mbps uint32
	// Usable: it can transmit.
	Usable bool
	// Active: it has the active role, and carries what is not balanced.
	Active bool
}

// NewLoads returns a table without slaves.
func NewLoads(now time.Time) *Loads {
	l := &Loads{since: now}
	for b := range l.on {
		l.on[b] = -1
	}
	return l
}

// Add counts what the workers have sent.
func (l *Loads) Add(sent *policy.Load) {
	for b, n := range sent {
		l.sum[b] += n
	}
}

// SetSlaves takes the slaves as they are now. Buckets of those that can't
// transmit any more move at once; if one has come all are placed anew. It
// reports whether a bucket moved.
func (l *Loads) SetSlaves(now time.Time, slaves []Slave) bool {
	came := false
	for _, s := range slaves {
		came = came || s.Usable && !usable(l.slaves, s.ID)
	}
	l.slaves = slices.Clone(slaves)
	if came {
		return l.Rebalance(now)
	}
	return l.settle(false)
}

func usable(slaves []Slave, id int) bool {
	return slices.ContainsFunc(slaves, func(s Slave) bool { return s.ID == id && s.Usable })
}

// Rebalance moves buckets from slaves that carry more than their share to those
// that carry less, by what was sent since the last time. The kernel takes all
// of them off their slaves; here as few move as it takes. It reports whether
// any did.
func (l *Loads) Rebalance(now time.Time) bool {
	if over := now.Sub(l.since); over >= minMeasured {
		for b, n := range l.sum {
			l.rate[b] = uint64(float64(n) / over.Seconds())
		}
		l.sum, l.since = policy.Load{}, now
	}
	return l.settle(true)
}

// Next returns when Rebalance is due.
func (l *Loads) Next() time.Time { return l.since.Add(RebalanceEvery) }

// Slave returns the slave that a bucket is on, -1 for none.
func (l *Loads) Slave(bucket int) int { return l.on[bucket] }

// Sent returns the octets of a bucket, or of policy.Unbalanced, since the last
// rebalancing, and its rate in octets/s before that.
func (l *Loads) Sent(bucket int) (octets, rate uint64) { return l.sum[bucket], l.rate[bucket] }

// Moves counts buckets that carried something and changed their slave.
func (l *Loads) Moves() uint64 { return l.moves }

// share is one usable slave while buckets are placed.
type share struct {
	id   int
	mbps float64
	load float64 // octets/s
}

// use is how much of its capacity a slave uses with extra octets/s more. The
// kernel compares what is left instead, capacity minus load: with little load
// it never uses the slower slaves.
func (s *share) use(extra float64) float64 { return (s.load + extra) / s.mbps }

// settle places buckets that have no slave; with all it also moves others.
func (l *Loads) settle(all bool) bool {
	before := l.on
	shares := l.shares()
	if len(shares) == 0 {
		for b := range l.on {
			l.on[b] = -1
		}
		return l.on != before
	}
	var homeless, idle []int
	for b, id := range l.on {
		at := slices.IndexFunc(shares, func(s share) bool { return s.id == id })
		switch {
		case l.rate[b] == 0 && (all || at < 0):
			idle = append(idle, b)
		case at < 0:
			homeless = append(homeless, b)
		default:
			shares[at].load += float64(l.rate[b])
		}
	}
	// Large ones first: small ones fill the gaps.
	slices.SortStableFunc(homeless, func(a, b int) int { return compare(l.rate[b], l.rate[a]) })
	for _, b := range homeless {
		l.place(shares, b, float64(l.rate[b]))
	}
	if all {
		l.even(shares)
	}
	// A bucket that carries nothing now gets, for the next flow in it, what the
	// others carry on average.
	for _, b := range idle {
		l.place(shares, b, l.average())
	}
	for b := range l.on {
		if l.on[b] != before[b] && before[b] >= 0 && l.rate[b] > 0 {
			l.moves++
		}
	}
	return l.on != before
}

func compare(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// shares are the usable slaves with what the active one carries beside.
func (l *Loads) shares() []share {
	var out []share
	for _, s := range l.slaves {
		if !s.Usable {
			continue
		}
		sh := share{id: s.ID, mbps: float64(max(s.Mbps, 1))}
		if s.Active {
			sh.load = float64(l.rate[policy.Unbalanced])
		}
		out = append(out, sh)
	}
	return out
}

func (l *Loads) place(shares []share, bucket int, rate float64) {
	best := 0
	for i := range shares {
		if shares[i].use(rate) < shares[best].use(rate) {
			best = i
		}
	}
	shares[best].load += rate
	l.on[bucket] = shares[best].id
}

// enough is the gain, as a part of the fullest slave's use, that is worth moving
// flows for: it costs each a few frames out of order.
const enough = 0.02

// even moves one bucket after the other from the fullest slave to the emptiest,
// each time the one that leaves the fuller of the two least full. If all that
// is not worth it nothing moves.
func (l *Loads) even(shares []share) {
	loads, on := slices.Clone(shares), l.on
	full := use(loads)
	for range 2 * policy.Buckets {
		hi, lo := extremes(loads)
		best, least := -1, loads[hi].use(0)
		for b, id := range on {
			rate := float64(l.rate[b])
			if id != loads[hi].id || rate == 0 {
				continue
			}
			if then := max(loads[hi].use(-rate), loads[lo].use(rate)); then < least {
				best, least = b, then
			}
		}
		if best < 0 {
			break
		}
		rate := float64(l.rate[best])
		loads[hi].load -= rate
		loads[lo].load += rate
		on[best] = loads[lo].id
	}
	if use(loads) < full*(1-enough) {
		copy(shares, loads)
		l.on = on
	}
}

// extremes are the slaves that use most and least of their capacity.
func extremes(shares []share) (hi, lo int) {
	for i := range shares {
		if shares[i].use(0) > shares[hi].use(0) {
			hi = i
		}
		if shares[i].use(0) < shares[lo].use(0) {
			lo = i
		}
	}
	return hi, lo
}

// use is that of the fullest slave.
func use(shares []share) float64 {
	hi, _ := extremes(shares)
	return shares[hi].use(0)
}

// average is what a bucket carries that carries something; never 0.
func (l *Loads) average() float64 {
	var sum, n float64
	for _, r := range l.rate[:policy.Buckets] {
		if r > 0 {
			sum += float64(r)
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return sum / n
}
