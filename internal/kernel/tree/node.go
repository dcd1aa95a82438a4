package tree

import (
	"context"
	"hash/fnv"
	"io/fs"
	"strconv"
)

// Entry says what is at a place of the tree.
type Entry struct {
	Name string
	// Mode has the type (fs.ModeDir, fs.ModeSymlink or 0) and the permissions;
	// everything is root's.
	Mode fs.FileMode
	// Size is what stat tells: that of a page for files of sysfs, 0 in proc.
	Size int64
	// Target of a link.
	Target string
	// ID is never 0. It is another one for what has the same place later but
	// belongs to another device.
	ID uint64

	node *node
}

// Reader says who reads.
type Reader struct {
	// Privileged readers (CAP_NET_ADMIN) are told the LACP identity.
	Privileged bool
}

// node is a place with what can be done there.
type node struct {
	Entry
	host bool // it is the real one
	sure bool // read finds out by itself whether this is still what it was
	// always are those in a folder that are there as long as the folder is.
	always children
	names  func(*view) ([]string, error)
	child  func(v *view, name string) (*node, error) // nil: there is none
	read   func(ctx context.Context, as Reader) (string, error)
	write  func(ctx context.Context, text string) error
}

// page is the size that sysfs tells of all its files, and the longest write
// that it takes.
const page = 4096

func dir(id string, names func(*view) ([]string, error), child func(*view, string) (*node, error)) *node {
	return &node{Entry: Entry{Mode: fs.ModeDir | 0o755, ID: hash("d" + id)}, names: names, child: child}
}

func link(id, target string) *node {
	return &node{Entry: Entry{Mode: fs.ModeSymlink | 0o777, Size: int64(len(target)), Target: target, ID: hash("l" + id + "\x00" + target)}}
}

// file is one that only reads, of sysfs.
func file(id string, read func(ctx context.Context, as Reader) (string, error)) *node {
	return &node{Entry: Entry{Mode: 0o444, Size: page, ID: hash("f" + id)}, read: read}
}

// fixed is a file that always reads the same.
func fixed(id, text string) *node {
	return file(id, func(context.Context, Reader) (string, error) { return text, nil })
}

// entry is what others see of the node.
func (n *node) entry() Entry {
	e := n.Entry
	e.node = n
	return e
}

// called is the node by its name; nodes that are always there are shared.
func (n *node) called(name string) *node {
	c := *n
	c.Name = name
	return &c
}

// identity of what a device has at a place.
func identity(place string, index int, name string) string {
	return place + "#" + strconv.Itoa(index) + "/" + name
}

// hash makes a number of an identity. Numbers up to 1 mean something else to
// file systems.
func hash(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return h.Sum64()>>1 | 2
}

// fixedDir has the same in it as long as it is there.
func fixedDir(id string, c children) *node {
	n := dir(id, nil, nil).with(c)
	n.always = c
	return n
}

// with fills a folder.
func (n *node) with(c children) *node {
	n.names, n.child = c.names, c.child
	return n
}

// children are fixed ones, by name.
type children map[string]*node

func (c children) names(*view) ([]string, error) {
	var all []string
	for name := range c {
		all = append(all, name)
	}
	return all, nil
}

func (c children) child(_ *view, name string) (*node, error) { return c[name], nil }
