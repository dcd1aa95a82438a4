package tree

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// Source is what a tree asks of the daemon. Any method may return
// control.ErrNoServer.
type Source interface {
	// Brief tells at least names, indexes and addresses of bonds and slaves.
	Brief(ctx context.Context) ([]bond.State, error)
	Bond(ctx context.Context, name string) (bond.State, error)
	// ReadFileOf is ENODEV if the bond's device has another index.
	ReadFileOf(ctx context.Context, bond string, index int, file string) (string, error)
	ReadFiles(ctx context.Context, bond string) (map[string]string, error)
	Module(ctx context.Context) (bond.ModuleState, error)
	SetSysfs(ctx context.Context, bond string, opts []option.Assign) error
	// Create starts a daemon where there is none.
	Create(ctx context.Context, req control.CreateRequest) (string, error)
	Delete(ctx context.Context, name string) error
	Sync(ctx context.Context) error
}

// Tree answers what is in the files.
type Tree struct {
	src     Source
	host    Host
	release string
	flights flights
	root    *node
}

// New returns the tree of what src tells and the host has. release is that of
// the kernel (uname -r), which /proc gives as the driver's version.
func New(src Source, host Host, release string) *Tree {
	t := &Tree{src: src, host: host, release: release, flights: flights{src: src}}
	t.root = t.layout()
	return t
}

// writeTimeout bounds a write: a slave's release may wait for its partner, a
// NIC take seconds to be set up.
const writeTimeout = 30 * time.Second

// state is all there is to say of a bond, if its device still has that index.
func (t *Tree) state(ctx context.Context, name string, index int) (bond.State, error) {
	st, err := t.src.Bond(ctx, name)
	if err == nil && st.Index != index {
		err = unix.ENODEV
	}
	return st, err
}

// view is the daemon's bonds as one request to the tree sees it, asked for when
// it is first needed.
type view struct {
	t     *Tree
	asked bool
	bonds []bond.State
	err   error

	places *atlas
}

func (v *view) look() ([]bond.State, error) {
	if !v.asked {
		v.asked = true
		v.bonds, v.err = v.t.flights.bonds()
		if errors.Is(v.err, control.ErrNoServer) {
			v.err = nil // as with a module that has no bonds
		}
	}
	return v.bonds, v.err
}

// bond returns the bond of that name, nil if there is none.
func (v *view) bond(name string) (*bond.State, error) {
	bonds, err := v.look()
	for i := range bonds {
		if bonds[i].Name == name {
			return &bonds[i], nil
		}
	}
	return nil, err
}

// slave returns the slave of that name with its bond, nil if it isn't one.
func (v *view) slave(name string) (*bond.State, *bond.SlaveState, error) {
	bonds, err := v.look()
	for i := range bonds {
		for j := range bonds[i].Slaves {
			if bonds[i].Slaves[j].Name == name {
				return &bonds[i], &bonds[i].Slaves[j], nil
			}
		}
	}
	return nil, nil, err
}

// walk goes from the root to a path such as "sys/class/net"; "" is the root.
func (t *Tree) walk(v *view, path string) (*node, error) {
	at := t.root
	for name := range strings.SplitSeq(path, "/") {
		if path == "" {
			break
		}
		if at.child == nil {
			return nil, unix.ENOTDIR
		}
		next, err := at.child(v, name)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, unix.ENOENT
		}
		at = next.called(name)
	}
	return at, nil
}

// same finds what is at path, if it is still what had the identity; 0 is any.
// Another device's or nobody's is ENODEV, as of a file of sysfs that is gone.
func (t *Tree) same(v *view, path string, id uint64) (*node, error) {
	n, err := t.walk(v, path)
	if gone := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR); id != 0 && (gone || err == nil && n.ID != id) {
		return nil, unix.ENODEV
	}
	return n, err
}

// Find says what is at path; ENOENT if nothing is.
func (t *Tree) Find(path string) (Entry, error) {
	n, err := t.walk(&view{t: t}, path)
	if err != nil {
		return Entry{}, err
	}
	return n.entry(), nil
}

// FindIn says what is in the folder at path, if that is in. Names that are always
// in such a folder are there as long as somebody holds on to it: whether its
// device is shows when it is looked for, or read.
func (t *Tree) FindIn(in *Entry, path, name string) (Entry, error) {
	if in.node != nil {
		if n := in.node.always[name]; n != nil {
			return n.called(name).entry(), nil
		}
	}
	return t.Find(join(path, name))
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// List returns what is in the folder at path, sorted by name.
func (t *Tree) List(path string, id uint64) ([]Entry, error) {
	v := &view{t: t}
	n, err := t.same(v, path, id)
	if errors.Is(err, unix.ENODEV) {
		err = unix.ENOENT // that is what readdir says of a folder that is gone
	}
	if err != nil {
		return nil, err
	}
	nodes, err := n.list(v)
	entries := make([]Entry, len(nodes))
	for i := range nodes {
		entries[i] = nodes[i].entry()
	}
	return entries, err
}

func (n *node) list(v *view) ([]*node, error) {
	if n.names == nil {
		return nil, unix.ENOTDIR
	}
	names, err := n.names(v)
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var nodes []*node
	for _, name := range slices.Compact(names) {
		c, err := n.child(v, name)
		if err != nil {
			return nil, err
		}
		if c != nil { // it has just gone
			nodes = append(nodes, c.called(name))
		}
	}
	return nodes, nil
}

// Read returns what the file at path reads now, if it still is e.
func (t *Tree) Read(ctx context.Context, path string, e *Entry, as Reader) (string, error) {
	n := e.node
	if n == nil || !n.sure {
		var err error
		if n, err = t.same(&view{t: t}, path, e.ID); err != nil {
			return "", err
		}
	}
	if n.read == nil {
		return "", refusal(n, unix.EISDIR)
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return n.read(ctx, as)
}

// Write does what a write of text to the file at path asks for, and returns how
// many of its octets were taken.
func (t *Tree) Write(ctx context.Context, path string, id uint64, text []byte) (int, error) {
	n, err := t.same(&view{t: t}, path, id)
	if err != nil {
		return 0, err
	}
	if n.write == nil {
		return 0, refusal(n, unix.EISDIR)
	}
	text = text[:min(len(text), page)]
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	said, _, _ := strings.Cut(string(text), "\x00") // the driver's strings end there
	if err := n.write(ctx, said); err != nil {
		return 0, err
	}
	return len(text), nil
}

func refusal(n *node, folder unix.Errno) error {
	if n.Mode.IsDir() {
		return folder
	}
	return unix.EACCES
}

// Errno is what a system call answers for an error of the tree.
func Errno(err error) unix.Errno {
	var errno unix.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, control.ErrNoServer):
		return unix.ENODEV
	case errors.Is(err, context.DeadlineExceeded):
		return unix.ETIMEDOUT
	case errors.Is(err, fs.ErrPermission):
		return unix.EACCES
	}
	return unix.EIO
}
