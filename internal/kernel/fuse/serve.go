package fuse

import (
	"context"
	"path"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// server answers the kernel's requests out of a tree. Each request has a
// goroutine of its own: one may wait for the daemon, or for a NIC, and nobody
// else with it.
//
// Requests can be cancelled, because a signal has come to who waits. Programs in
// Go get some all the time: what was asked for goes on, and the tree bounds how
// long.
type server struct {
	fuse.RawFileSystem // what isn't here isn't implemented
	tree               *tree.Tree
	nodes              *nodes
	handles            handles
}

func newServer(t *tree.Tree) (*server, error) {
	root, err := t.Find("")
	if err != nil {
		return nil, err
	}
	return &server{
		RawFileSystem: fuse.NewDefaultRawFileSystem(),
		tree:          t, nodes: newNodes(root), handles: handles{open: map[uint64]*handle{}},
	}, nil
}

// status is what a system call answers for an error of the tree.
func status(err error) fuse.Status { return fuse.Status(tree.Errno(err)) }

// stale is the answer about a node that the kernel shouldn't know.
const stale = fuse.Status(unix.ESTALE)

// Lookup implements fuse.RawFileSystem. The kernel is told to keep nothing.
func (s *server) Lookup(_ <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	parent := s.nodes.get(h.NodeId)
	if parent == nil {
		return stale
	}
	e, err := s.tree.FindIn(&parent.entry, parent.path, name)
	if err != nil {
		return status(err)
	}
	// Before the answer: the kernel may forget it as soon as it has it.
	s.nodes.lookup(path.Join(parent.path, name), e)
	out.NodeId = e.ID
	s.nodes.attributes(e.ID, &e, &out.Attr)
	return fuse.OK
}

// Forget implements fuse.RawFileSystem.
func (s *server) Forget(id, lookups uint64) { s.nodes.forget(id, lookups) }

// GetAttr implements fuse.RawFileSystem.
func (s *server) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	n := s.nodes.get(in.NodeId)
	if n == nil {
		return stale
	}
	s.nodes.attributes(in.NodeId, &n.entry, &out.Attr)
	return fuse.OK
}

// SetAttr implements fuse.RawFileSystem. It takes what a shell's > does, to make
// a file empty, and touch; nobody changes modes and owners.
func (s *server) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if in.Valid&(fuse.FATTR_MODE|fuse.FATTR_UID|fuse.FATTR_GID) != 0 {
		return fuse.EPERM
	}
	return s.GetAttr(nil, &fuse.GetAttrIn{InHeader: in.InHeader}, out)
}

// Readlink implements fuse.RawFileSystem.
func (s *server) Readlink(_ <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	n := s.nodes.get(h.NodeId)
	if n == nil {
		return nil, stale
	}
	return []byte(n.entry.Target), fuse.OK
}

// Open implements fuse.RawFileSystem. It refuses root, too, what nobody may do,
// as sysfs does.
func (s *server) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := s.nodes.get(in.NodeId)
	if n == nil {
		return stale
	}
	how := in.Flags & unix.O_ACCMODE
	if how != unix.O_WRONLY && n.entry.Mode&0o444 == 0 || how != unix.O_RDONLY && n.entry.Mode&0o222 == 0 {
		return fuse.EACCES
	}
	out.Fh, out.OpenFlags = s.handles.add(&handle{}), fuse.FOPEN_DIRECT_IO
	return fuse.OK
}

// Read implements fuse.RawFileSystem.
func (s *server) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n, h := s.nodes.get(in.NodeId), s.handles.get(in.Fh)
	if n == nil || h == nil {
		return nil, fuse.EBADF
	}
	// Root of a container with users of its own has another number here.
	text, errno := h.readAt(s.tree, n, tree.Reader{Privileged: in.Uid == 0}, in.Offset, uint64(len(buf)))
	if errno == unix.ENOENT {
		errno = unix.ENODEV // that is what an open file says whose device is gone
	}
	return fuse.ReadResultData([]byte(text)), fuse.Status(errno)
}

// Write implements fuse.RawFileSystem. A write is one request, wherever in the
// file it is.
func (s *server) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	n := s.nodes.get(in.NodeId)
	if n == nil {
		return 0, stale
	}
	took, err := s.tree.Write(context.Background(), n.path, n.entry.ID, data)
	return uint32(took), status(err)
}

// OpenDir implements fuse.RawFileSystem.
func (s *server) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	n := s.nodes.get(in.NodeId)
	if n == nil {
		return stale
	}
	entries, err := s.tree.List(n.path, n.entry.ID)
	if err != nil {
		return status(err)
	}
	out.Fh = s.handles.add(&handle{entries: entries})
	return fuse.OK
}

// ReadDir implements fuse.RawFileSystem. An offset is the number of an entry.
func (s *server) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	h := s.handles.get(in.Fh)
	if h == nil {
		return fuse.EBADF
	}
	for i := in.Offset; i < uint64(len(h.entries)); i++ {
		e := &h.entries[i]
		if !out.AddDirEntry(fuse.DirEntry{Name: e.Name, Ino: e.ID, Mode: fileType(e.Mode), Off: i + 1}) {
			break
		}
	}
	return fuse.OK
}

// Release implements fuse.RawFileSystem.
func (s *server) Release(_ <-chan struct{}, in *fuse.ReleaseIn) { s.handles.remove(in.Fh) }

// ReleaseDir implements fuse.RawFileSystem.
func (s *server) ReleaseDir(in *fuse.ReleaseIn) { s.handles.remove(in.Fh) }

// Flush implements fuse.RawFileSystem: what was written is answered already.
func (s *server) Flush(<-chan struct{}, *fuse.FlushIn) fuse.Status { return fuse.OK }

// StatFs implements fuse.RawFileSystem.
func (s *server) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	out.Bsize, out.Frsize, out.NameLen = 4096, 4096, 255
	return fuse.OK
}

// Create implements fuse.RawFileSystem: nobody makes files, as in sysfs.
func (s *server) Create(<-chan struct{}, *fuse.CreateIn, string, *fuse.CreateOut) fuse.Status {
	return fuse.EACCES
}

// Mknod implements fuse.RawFileSystem.
func (s *server) Mknod(<-chan struct{}, *fuse.MknodIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}

// Mkdir implements fuse.RawFileSystem.
func (s *server) Mkdir(<-chan struct{}, *fuse.MkdirIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}

// Unlink implements fuse.RawFileSystem.
func (s *server) Unlink(<-chan struct{}, *fuse.InHeader, string) fuse.Status { return fuse.EPERM }

// Rmdir implements fuse.RawFileSystem.
func (s *server) Rmdir(<-chan struct{}, *fuse.InHeader, string) fuse.Status { return fuse.EPERM }

// Symlink implements fuse.RawFileSystem.
func (s *server) Symlink(<-chan struct{}, *fuse.InHeader, string, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}

// Rename implements fuse.RawFileSystem.
func (s *server) Rename(<-chan struct{}, *fuse.RenameIn, string, string) fuse.Status {
	return fuse.EPERM
}

// Link implements fuse.RawFileSystem.
func (s *server) Link(<-chan struct{}, *fuse.LinkIn, string, *fuse.EntryOut) fuse.Status {
	return fuse.EPERM
}
