// Package lab builds small networks out of network namespaces, veth pairs and
// bridges, and breaks them on request: carrier loss, silent loss, random loss,
// slow links. It needs root and a kernel, no program.
//
// A lab has up to four namespaces:
//
//	A        the host under test: eth0..ethN-1, the future slaves
//	Wire     the middle of each link: aI (towards A) and bI (towards B), joined
//	         by a redirect in their ingress hooks; faults are put here
//	Switch   bridges with a port pI for each link, and the way to B
//	B        the host behind: eth0 behind a switch, eth0..ethN-1 without one
//
//	A.eth0 -- a0 Wire b0 -- p0 \
//	A.eth1 -- a1 Wire b1 -- p1  Switch.br0 h0 -- B.eth0
//
// The redirect forwards every frame as it is, Slow Protocols and other
// link-local addresses included, which a bridge would not.
//
// All state is in the kernel: [Open] finds a lab that another process built,
// [List] names them all, and [Build] first removes what a killed run of the
// same name left, processes included.
//
//	topology.go  Topology, what a lab looks like; names and addresses
//	build.go     Build, Open, Close
//	remove.go    List, Remove, RemoveAll
//	host.go      Host: running Go code and programs inside a namespace
//	process.go   Process: a program with captured output, and waiting for a line
//	veth.go      veth pairs with chosen interface indexes
//	bridge.go    the switches
//	more.go      further hosts behind a switch
//	address.go   addresses and permanent neighbours
//	link.go      Link: one cable, and its carrier
//	wire.go      the redirect between the two ends in Wire
//	fault.go     silent drops, random loss, rate limits
//	filter.go    classic BPF classifiers over netlink
//	counter.go   exact, filtered frame counters
//	stats.go     link and queue statistics
//	offload.go   ethtool features
package lab
