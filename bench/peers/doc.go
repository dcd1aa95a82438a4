// Package peers runs link partners that are not ours, in a host of a lab: the
// kernel's own bonding driver, in User-Mode Linux, and Open vSwitch. They come
// from Debian packages (user-mode-linux, openvswitch-switch).
//
//	kernel.go   Kernel: a guest whose NICs are interfaces of the host
//	c/xstate.c  what it takes on processors with AMX
//	init.sh     what runs in the guest, over the host's own programs
//	ovs.go      OVS: a switch with a bond of its own
//
// The guest's NICs have no speed, which 802.3ad asks for. So each is tied, by a
// redirect, to one end of a veth pair, whose other end is the slave.
package peers
