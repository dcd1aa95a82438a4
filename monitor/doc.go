// Package monitor tells whether slaves' links are good.
//
// The decisions are pure: MII and Prober take events and the time as arguments and return
// effects. What they decide about comes from sources that are kept apart from
// it:
//
//	link.go           the four link states, speed and duplex
//	mii.go            carrier -> link state, with updelay and downdelay
//	probe*.go         probes sent and answers heard -> link state (ARP and ND monitor)
//	heard.go          which frames count as answers
//	watch_linux.go    what the kernel says over netlink: links, addresses
//	routes_linux.go   that routes changed
//	tc_linux.go       that a filter or its qdisc was removed
//	moved_linux.go    that a link was moved to another network namespace
//	poller_linux.go   carrier read by ioctl, often where it matters
//	ethtool_linux.go  the ioctls: carrier, speed and duplex
//
// Netlink alone is not enough: the kernel may tell of a lost carrier up to a
// second late unless somebody asks for it (it batches the events of devices
// that are nobody's lower device).
package monitor
