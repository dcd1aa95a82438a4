// Package vnet holds what both ends of the datapath share: frames that carry
// their virtio-net header in front, and the software forms of the offloads
// that header describes.
//
// A frame read from the TAP or from a slave is a [Packet]: ten octets of
// virtio-net header, then the Ethernet frame. Where the header asks for
// something (a checksum still to be written, a super-frame still to be cut)
// the kernel at the other end does it, as long as both ends speak
// virtio-net headers; else [Finish] and [Segmenter] do it here.
//
//	header.go    the header's fields
//	packet.go    Packet, and the Reader and Writer that move batches of them
//	checksum.go  finishing a partial checksum
//	segment.go   cutting a super-frame, tunnels included
//	vlan.go      putting a stripped VLAN tag back
package vnet
