package link

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

// Links that are deleted at the same time are all gone, and no others; one that was
// gone before says so to its own caller.
func TestDeleteManyLinks(t *testing.T) {
	labtest.InNetns(t, func() {
		l, err := NewLinux()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var indexes []int
		for i := range 20 {
			x := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("del%d", i)}}
			if err := netlink.LinkAdd(x); err != nil {
				t.Fatal(err)
			}
			indexes = append(indexes, x.Index)
		}
		before, err := netlink.LinkList()
		if err != nil {
			t.Fatal(err)
		}
		const gone = 9999
		errs := make([]error, len(indexes))
		var wg sync.WaitGroup
		for i, index := range append(indexes[:len(indexes)-1:len(indexes)-1], gone) {
			wg.Go(func() { errs[i] = l.DeleteLink(index) })
		}
		wg.Wait()
		for i, err := range errs {
			if is := errors.Is(err, unix.ENODEV); is != (i == len(errs)-1) && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		after, err := netlink.LinkList()
		if err != nil || len(before)-len(after) != len(indexes)-1 {
			t.Errorf("%d links, then %d: %v", len(before), len(after), err)
		}
		if _, err := netlink.LinkByIndex(indexes[len(indexes)-1]); err != nil {
			t.Errorf("the one to stay: %v", err)
		}
	})
}
