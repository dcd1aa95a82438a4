// Package unmanage keeps other programs' hands off the slaves of a bond. A NIC
// that is a slave looks free: it has no address and, TAP or not, no master that
// others could see. NetworkManager, systemd-networkd or dhcpcd would run DHCP on
// it. Those that run in this network namespace are told to leave it alone while
// it is a slave, and to go on as before afterwards; those of other namespaces
// don't matter.
//
//	guard.go    Guard: all managers, with a limit to what is waited for
//	dropin.go   a file per NIC that a manager reads, and its reading it again
//	folder.go   where those files are, perhaps in a container
//	nm.go       NetworkManager: a file, Reload over D-Bus
//	networkd.go systemd-networkd: likewise
//	dhcpcd.go   dhcpcd as a manager of all NICs: its control socket
//	bus.go      who owns a name on the system bus, in which namespace
//	clients.go  programs that run for one NIC alone (dhclient eth1): told of, not ended
//
// Files, unlike requests, outlive a restart of the manager, say how to undo them
// by their names, and need no memory of how the NIC was before: without the file
// it is managed as it was.
package unmanage
