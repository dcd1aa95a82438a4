// Package guest runs shell commands in a virtual machine with one of Debian's own
// kernels, NICs of real drivers and the kernel's bonding, team, 8021q, tun and
// other modules. It needs no hardware acceleration: a guest boots in two to four
// seconds.
//
//	guest.go    Config, Start, Run, Stop
//	script.go   Script: a fresh guest for one script, another one if that hangs
//	nic.go      cables, NICs plugged in and out; commands for it in the guest
//	kernel.go   kernels from Debian's packages, kept in a cache folder
//	image.go    the guest's root file system: busybox, ip, ethtool, modules
//	modules.go  which modules, in what order
//	wire.go     a guest's NIC on an interface of a lab's host
//	qmp.go      QEMU's machine protocol
//	init.sh     the guest's first process
//
// The guest has busybox's programs, and the host's ip, tc, bridge, ethtool,
// mii-tool, ping, and what Config.Files adds. The bonding module is there but
// not loaded: modprobe bonding max_bonds=0.
//
// Known of the emulation, with the kernel's bonding as with any other: e1000e
// doesn't see a pulled cable; after a failover vmxnet3 receives nothing on the
// other NIC; virtio beside e1000 with the same address, as slaves have it, stops
// receiving.
package guest
