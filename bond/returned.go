package bond

import (
	"time"

	"github.com/tapbond/tapbond/policy"
)

// Returned counts the bond's own frames that came back on a slave lately.
type Returned struct {
	Frames uint64    `json:"frames"` // in the last 5 minutes
	LastAt time.Time `json:"last,omitzero"`
}

// returnedSlot is the length of the pieces that recentTime is counted in.
const returnedSlot = recentTime / 10

// returned follows a counter that only grows, and knows how much of it is recent.
type returned struct {
	total uint64
	last  time.Time
	slots [10]struct {
		from time.Time
		n    uint64
	}
}

// note takes the counter as it is at now.
func (r *returned) note(now time.Time, total uint64) {
	if total <= r.total {
		r.total = total
		return
	}
	n := total - r.total
	r.total = total
	r.last = now
	from := now.Truncate(returnedSlot)
	slot := &r.slots[int(from.Unix()/int64(returnedSlot/time.Second))%len(r.slots)]
	if !slot.from.Equal(from) {
		slot.from, slot.n = from, 0
	}
	slot.n += n
}

// at returns what is recent at now.
func (r *returned) at(now time.Time) Returned {
	out := Returned{LastAt: r.last}
	for _, s := range r.slots {
		if s.n > 0 && now.Sub(s.from) < recentTime {
			out.Frames += s.n
		}
	}
	if out.Frames == 0 {
		out.LastAt = time.Time{}
	}
	return out
}

// noteReturned looks at the counters of own frames that came back.
func (b *Bond) noteReturned(now time.Time) {
	total := b.retired[policy.RxOwnSource]
	for _, s := range b.slaves {
		total += s.rx.drops.n[policy.RxOwnSource].value()
		if s.seat != nil {
			total += s.seat.Counters().Own
		}
	}
	b.returned.note(now, total)
}
