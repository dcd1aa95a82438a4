// Package relations knows how the network devices of a host depend on each other:
// which device is stacked on which, which is a port of which, what a device adds to
// a frame on its way out, and which device receives another one's frames before the
// host's stack does. It is pure: package link reads the devices.
//
//	kinds.go    what each kind of device does to the one below it
//	device.go   Device, Tag, Bridge: the facts that the kernel lists
//	map.go      Map: who is above whom, at any depth
//	speakers.go devices that send through another one, and with which VLAN tags
//	vlans.go    VLAN ids that a device must receive for what is stacked on it
//	claims.go   who receives a device's frames; which relation would be a loop
package relations
