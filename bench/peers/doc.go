// Package peers runs link partners that are not ours in a host of a lab: Open
// vSwitch, from Debian's package openvswitch-switch. The kernel's own bonding is a
// partner in a guest (bench/guest).
//
//	ovs.go   OVS: a switch with a bond of its own
package peers
