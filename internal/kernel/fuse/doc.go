// Package fuse shows a tree of files (internal/kernel/tree) to everybody, as a
// file system that this process serves. Nothing is kept by the kernel: every
// path is looked up, every file read and every link followed anew, so nobody is
// shown what is no longer so.
//
// The kernel's protocol is spoken by go-fuse, on its level of requests: its tree
// of nodes would keep what ours has found to be another device's.
//
//	mount.go   the mount, from what a killed process left to the unmount
//	table.go   what is mounted where
//	serve.go   what each request does
//	nodes.go   places that the kernel has looked up
//	handle.go  files and folders that somebody has open
package fuse
