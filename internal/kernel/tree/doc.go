// Package tree is the files that a kernel with the bonding module has for its
// bonds, /proc/net/bonding and /sys/class/net, made of what the daemon says:
// what is where, what it reads, and what a write to it does and answers. Who
// shows the files to somebody (internal/kernel/fuse, Snapshot) asks it.
//
//	tree.go     the questions: Find, List, Read, Write
//	node.go     one place in the tree
//	layout.go   what is where, from the root to the network devices
//	device.go   a bond's and a slave's own folder
//	forward.go  files of a device that the kernel has, too
//	masters.go  writes to bonding_masters
//	flight.go   one question to the daemon for many readers
//	host.go     the real /sys and /proc
//	snapshot.go the tree as plain files
//
// What the tree has beside bonding leads to the real /proc and /sys by links,
// so that a program can be given the tree in their place. Only the folders of
// bonds and slaves are made here whole: their real files are read and written
// through.
package tree
