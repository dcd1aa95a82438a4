package announce

import "time"

// Plan is how often a failover is announced.
type Plan struct {
	Count    int           // num_grat_arp, 0 to 255
	Interval time.Duration // the link monitor's; 0: there is no second time
	Delay    time.Duration // peer_notif_delay, a whole number of intervals
}

// Notifier counts out the announcements of one failover: the first at once,
// Count in all. The zero value has nothing to announce.
//
// The distance is Delay, but at least one interval. As with the driver, whose
// counter has moved on by one when its timer first looks, the second comes an
// interval early.
type Notifier struct {
	plan Plan
	left int
	sent bool
	next time.Time
}

// Start begins anew; what was left of an earlier failover is forgotten.
func (n *Notifier) Start(now time.Time, p Plan) {
	*n = Notifier{plan: p, left: p.Count, next: now}
}

// Stop forgets what is left.
func (n *Notifier) Stop() { n.left = 0 }

// Step reports whether an announcement is due at now, and counts it.
func (n *Notifier) Step(now time.Time) bool {
	if n.left == 0 || now.Before(n.next) {
		return false
	}
	n.left--
	wait := max(n.plan.Delay, n.plan.Interval)
	if !n.sent && n.plan.Delay > n.plan.Interval {
		wait -= n.plan.Interval
	}
	n.sent = true
	if n.plan.Interval == 0 {
		n.left = 0
	}
	n.next = n.next.Add(wait)
	if n.next.Before(now) {
		n.next = now.Add(wait) // we were held up: no burst to catch up
	}
	return true
}

// Next returns when the next announcement is due; false if none is left.
func (n *Notifier) Next() (time.Time, bool) { return n.next, n.left > 0 }
