// Package probe asks targets whether they are there and understands who
// answers: the frames of the ARP and ND monitor, and the way to each target.
// What follows from an answer is decided in package monitor.
//
//	frames.go  ARP requests and neighbour solicitations (pure)
//	read.go    what a received frame tells (pure)
//	path.go    source address and VLANs of each target, by the routing table
package probe
