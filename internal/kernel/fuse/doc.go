// Package fuse shows a tree of files (internal/kernel/tree) to everybody, as a
// file system that this process serves. Nothing is kept by the kernel: every
// path is looked up, every file read and every link followed anew, so nobody is
// shown what is no longer so.
//
// It speaks the kernel's FUSE protocol (7.31, Linux 5.4) as far as such files
// need it: some twenty requests.
//
//	mount.go   the mount, from what a killed process left to the unmount
//	table.go   what is mounted where
//	proto.go   the protocol's numbers and structures
//	conn.go    requests from the kernel, answers to it
//	serve.go   what each request does
//	nodes.go   places that the kernel has looked up
//	handle.go  files and folders that somebody has open
package fuse
