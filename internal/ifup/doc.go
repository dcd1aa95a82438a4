// Package ifup carries out what ifcfg plans: bonds over the daemon's API, links,
// addresses and routes over netlink, DHCP by the client that is installed. A
// plan is done whole, or what was done of it is undone.
//
//	look.go      the machine as a plan needs it
//	turn.go      one at a time
//	apply.go     one step after the other, and back
//	machine.go   what each step does to the machine, and its undo
//	link.go      links set down and up, with what they lose by it
//	route.go     the default route
//	dhcp.go      the DHCP clients there are
package ifup
