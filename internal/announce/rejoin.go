package announce

import (
	"net/netip"
	"time"

	"github.com/tapbond/tapbond/internal/link"
)

// RejoinInterval is the pause between the reports of one failover, the driver's.
const RejoinInterval = 200 * time.Millisecond

// Rejoin counts out the membership reports of one failover. The zero value has
// none to send.
type Rejoin struct {
	left int
	next time.Time
}

// Start begins anew: count times, the first at once.
func (r *Rejoin) Start(now time.Time, count int) { *r = Rejoin{left: count, next: now} }

// Stop forgets what is left.
func (r *Rejoin) Stop() { r.left = 0 }

// Step reports whether reports are due at now, and counts them.
func (r *Rejoin) Step(now time.Time) bool {
	if r.left == 0 || now.Before(r.next) {
		return false
	}
	r.left--
	r.next = r.next.Add(RejoinInterval)
	if r.next.Before(now) {
		r.next = now.Add(RejoinInterval) // we were held up: no burst to catch up
	}
	return true
}

// Next returns when the next ones are due; false if none are left.
func (r *Rejoin) Next() (time.Time, bool) { return r.next, r.left > 0 }

// GroupSource knows addresses and groups.
type GroupSource interface {
	Source
	Groups(index int) (link.Groups, error)
}

// Reports collects the frames that report every group joined on the link and on
// the devices stacked on it.
func Reports(src GroupSource, index int) ([][]byte, error) {
	self, err := src.LinkByIndex(index)
	if err != nil {
		return nil, err
	}
	ups, err := src.Uppers(index)
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, dev := range append([]link.Upper{{Info: self}}, ups...) {
		frames, err := reportsOf(src, &dev)
		if err != nil {
			return nil, err
		}
		out = append(out, frames...)
	}
	return out, nil
}

func reportsOf(src GroupSource, dev *link.Upper) ([][]byte, error) {
	g, err := src.Groups(dev.Index)
	if err != nil || len(g.V4)+len(g.V6) == 0 {
		return nil, err
	}
	addrs, err := src.Addresses(dev.Index)
	if err != nil {
		return nil, err
	}
	from4, from6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	for _, p := range addrs {
		switch a := p.Addr(); {
		case a.Is4() && from4.IsUnspecified():
			from4 = a
		case a.IsLinkLocalUnicast() && a.Is6() && from6.IsUnspecified():
			from6 = a
		}
	}
	var out [][]byte
	for _, group := range g.V4 {
		frames, err := IGMP(dev.MAC, from4, g.IGMP, group, dev.Tags)
		if err != nil {
			return nil, err
		}
		out = append(out, frames...)
	}
	frames, err := MLD(dev.MAC, from6, g.V6, dev.Tags)
	return append(out, frames...), err
}
