package link

import (
	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/internal/dump"
)

// Observed tells why a link's frames must pass the link itself on their way
// out, in a few words; empty if nobody would miss them there.
func (l *Linux) Observed(index int) (string, error) {
	x, err := l.nl.LinkByIndex(index)
	if err != nil {
		return "", err
	}
	a := x.Attrs()
	want := 0 // who has it promiscuous without looking at what it sends
	if a.MasterIndex != 0 {
		if master, err := l.nl.LinkByIndex(a.MasterIndex); err == nil && master.Type() == "bridge" {
			want = 1
		}
	}
	if a.Promisc > want {
		return "somebody captures on the bond", nil
	}
	queues, err := dump.Whole(func() ([]netlink.Qdisc, error) { return l.nl.QdiscList(x) })
	if err != nil {
		return "", err
	}
	for _, q := range queues {
		// The kernel's own choice has no number.
		if q := q.Attrs(); q.Parent == netlink.HANDLE_ROOT && q.Handle != 0 {
			return "the bond has a queueing discipline of its own", nil
		}
	}
	filters, err := dump.Whole(func() ([]netlink.Filter, error) { return l.nl.FilterList(x, netlink.HANDLE_MIN_EGRESS) })
	if err != nil {
		return "", err
	}
	if len(filters) > 1 {
		return "the bond has filters of its own", nil
	}
	return "", nil
}
