package fuse

import (
	"io/fs"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// node is a place of the tree that the kernel knows by number, its identity in
// the tree. All but lookups is constant: another look-up makes another one.
type node struct {
	path    string
	entry   tree.Entry
	lookups uint64 // by the kernel, less those it has forgotten
}

// nodes are those that the kernel knows.
type nodes struct {
	mu   sync.Mutex
	byID map[uint64]*node
	born time.Time // what all files are dated
}

func newNodes(root tree.Entry) *nodes {
	return &nodes{byID: map[uint64]*node{fuse.FUSE_ROOT_ID: {entry: root, lookups: 1}}, born: time.Now()}
}

// get returns a node, nil if the kernel shouldn't know it.
func (ns *nodes) get(id uint64) *node {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.byID[id]
}

// lookup notes that the kernel is told of a node.
func (ns *nodes) lookup(path string, e tree.Entry) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	n := &node{path: path, entry: e, lookups: 1}
	if old := ns.byID[e.ID]; old != nil {
		n.lookups += old.lookups
	}
	ns.byID[e.ID] = n
}

func (ns *nodes) forget(id, lookups uint64) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	n := ns.byID[id]
	if n == nil || id == fuse.FUSE_ROOT_ID {
		return
	}
	if n.lookups -= min(lookups, n.lookups); n.lookups == 0 {
		delete(ns.byID, id)
	}
}

// fileType is the type as the kernel has it in a mode.
func fileType(m fs.FileMode) uint32 {
	switch {
	case m.IsDir():
		return unix.S_IFDIR
	case m&fs.ModeSymlink != 0:
		return unix.S_IFLNK
	}
	return unix.S_IFREG
}

// attributes fills in what stat tells of a node.
func (ns *nodes) attributes(id uint64, e *tree.Entry, a *fuse.Attr) {
	a.Ino, a.Size, a.Mode, a.Nlink, a.Blksize = id, uint64(e.Size), fileType(e.Mode)|uint32(e.Mode.Perm()), 1, 4096
	if e.Mode.IsDir() {
		a.Nlink = 2
	}
	a.SetTimes(&ns.born, &ns.born, &ns.born)
}
