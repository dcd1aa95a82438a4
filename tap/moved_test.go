package tap_test

import (
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/tap"
)

// A TAP that somebody moved to another namespace is told from a deleted one, and
// given up it is nowhere any more.
func TestMovedAway(t *testing.T) {
	labtest.InNetns(t, func() {
		other := labtest.OtherNetns(t, func() {})
		defer other.Close()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		open := func() (tap.Device, netlink.Link) {
			d, err := tap.Open(tap.Options{Name: "tbtap0", Queues: 2})
			must(err)
			x, err := netlink.LinkByName("tbtap0")
			must(err)
			return d, x
		}
		d, x := open()
		must(netlink.LinkSetNsFd(x, int(other.Fd())))
		if !d.Elsewhere() {
			t.Error("moved, and said to be deleted")
		}
		must(d.Discard())
		there, err := netlink.NewHandleAt(netns.NsHandle(other.Fd()))
		must(err)
		defer there.Close()
		if _, err := there.LinkByName("tbtap0"); err == nil {
			t.Error("it is left in the other namespace")
		}
		d, x = open()
		must(netlink.LinkDel(x))
		if d.Elsewhere() {
			t.Error("deleted, and said to be elsewhere")
		}
		must(d.Discard())
	})
}
