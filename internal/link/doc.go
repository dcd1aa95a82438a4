// Package link is what the engine asks of the host's links and does to them:
// attributes, flags, sysctls, address lists, and the kernel's rules for who may
// become a slave. Its calls may wait for the kernel's RTNL lock, so they run
// beside the bond's control goroutine.
//
//	link.go       Info, Host
//	linux.go      Host over netlink
//	save.go       a slave's NIC before and after
//	checks.go     may this link become a slave? (pure)
//	groups.go     multicast groups joined on a link
//	lists.go      address lists of a link
//	relations.go  how the devices depend on each other
//	netns.go      devices of other namespaces
//	routes.go     look-ups of routes, by VRF and ip rules too
//	delete.go   links deleted at the same time are deleted at once
//	vlans.go      VLAN filters of NICs: what to do about them (pure)
package link
