// Package tap is the TAP device that stands in for a bond: created persistent
// and multi-queue, its queues read and written in batches.
//
//	tap.go      Device and Queue
//	open.go     Open: create or adopt, with offloads or plain
//	create.go   songgao/water makes the TAP; what a name may be
//	attach.go   queues with virtio-net headers, attached by ourselves
//	queue.go    batches in and out of one queue
//	steer.go    frames with a queue of their own
//	link.go     carrier, speed and duplex, removal
//	mark.go     which TAPs are ours
package tap
