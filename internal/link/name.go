package link

import "github.com/vishvananda/netlink"

// OwnName returns the name of the interface that is known under name in the calling
// thread's network namespace, its own name or an alternative one; name itself if
// there is none.
func OwnName(name string) string {
	if x, err := netlink.LinkByName(name); err == nil {
		return x.Attrs().Name
	}
	return name
}
