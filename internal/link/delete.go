package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// The kernel waits for all processors at each link that it deletes, some 10 ms, and
// deletes one at a time: but all of a group at once. So links that are to be deleted
// at the same time are put in a group of their own.

// deletions gathers links to delete while others are being deleted.
type deletions struct {
	mu   sync.Mutex
	next *deletion // not begun yet
	last *deletion
}

type deletion struct {
	indexes []int
	done    chan struct{}
	errs    map[int]error
}

// DeleteLink deletes a link.
func (l *Linux) DeleteLink(index int) error {
	s := &l.deleting
	s.mu.Lock()
	if d := s.next; d != nil {
		d.indexes = append(d.indexes, index)
		s.mu.Unlock()
		<-d.done
		return d.errs[index]
	}
	d, before := &deletion{indexes: []int{index}, done: make(chan struct{})}, s.last
	s.next = d
	s.mu.Unlock()
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	s.next, s.last = nil, d
	s.mu.Unlock()
	d.errs = l.deleteLinks(d.indexes)
	close(d.done)
	return d.errs[index]
}

// deleteLinks deletes links and returns what went wrong, by index.
func (l *Linux) deleteLinks(indexes []int) map[int]error {
	errs := make(map[int]error)
	if len(indexes) > 1 && l.deleteGroup(indexes) == nil {
		return errs
	}
	for _, i := range indexes {
		if err := l.nl.LinkDel(ref(i)); err != nil {
			errs[i] = fmt.Errorf("delete interface %d: %w", i, err)
		}
	}
	return errs
}

// deleteGroup deletes links at once. On an error some may be left.
func (l *Linux) deleteGroup(indexes []int) error {
	group := rand.Uint32N(1<<31-1<<16) + 1<<16 // nobody else's
	if all, err := l.links(); err != nil {
		return err
	} else {
		for _, x := range all {
			if x.Attrs().Group == group {
				return fmt.Errorf("group %d: %w", group, unix.EEXIST)
			}
		}
	}
	for _, i := range indexes {
		if err := l.nl.LinkSetGroup(ref(i), int(group)); err != nil && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}
