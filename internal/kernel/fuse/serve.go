package fuse

import (
	"bytes"
	"context"
	"io"
	"path"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// server answers the kernel's requests out of a tree.
type server struct {
	conn    *conn
	tree    *tree.Tree
	nodes   *nodes
	handles handles
}

func newServer(dev io.ReadWriter, t *tree.Tree) (*server, error) {
	root, err := t.Find("")
	if err != nil {
		return nil, err
	}
	return &server{conn: newConn(dev), tree: t, nodes: newNodes(root), handles: handles{open: map[uint64]*handle{}}}, nil
}

// run answers until the file system is unmounted. Each request has a goroutine
// of its own: one may wait for the daemon, or for a NIC, and nobody else with it.
func (s *server) run() error {
	var working sync.WaitGroup
	defer working.Wait()
	for {
		r, err := s.conn.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch r.Op {
		case opForget, opBatchForget, opInterrupt, opInit:
			s.serve(r) // at once, and in order
			s.conn.done(r)
		default:
			working.Go(func() {
				s.serve(r)
				s.conn.done(r)
			})
		}
	}
}

func (s *server) serve(r *request) {
	switch r.Op {
	case opForget:
		var in forgetIn
		if _, ok := decode(r.body, &in); ok {
			s.nodes.forget(r.Node, in.Lookups)
		}
	case opBatchForget:
		s.forgetAll(r.body)
	case opInterrupt:
		// A signal has come to who waits. Programs in Go get some all the time:
		// what was asked for goes on, and the tree bounds how long.
	case opLookup:
		s.lookup(r)
	case opInit:
		out, errno := initialize(r.body)
		s.conn.answer(r, errno, out)
	case opDestroy:
		s.conn.answer(r, 0, nil)
	case opStatfs:
		s.conn.answer(r, 0, encode(nil, &statfsOut{Bsize: 4096, Frsize: 4096, Namelen: 255}))
	case opCreate:
		s.conn.answer(r, unix.EACCES, nil)
	case opSymlink, opMknod, opMkdir, opUnlink, opRmdir, opRename, opLink, opRename2, opTmpfile:
		s.conn.answer(r, unix.EPERM, nil)
	default:
		n := s.nodes.get(r.Node)
		if n == nil {
			s.conn.answer(r, unix.ESTALE, nil)
			return
		}
		out, errno := s.of(n, r)
		s.conn.answer(r, errno, out)
	}
}

// of does what is asked of a node.
func (s *server) of(n *node, r *request) ([]byte, unix.Errno) {
	switch r.Op {
	case opGetattr:
		return s.attr(n, r)
	case opSetattr:
		return s.setattr(n, r)
	case opReadlink:
		return []byte(n.entry.Target), 0
	case opOpen:
		return s.open(n, r)
	case opRead:
		return s.read(n, r)
	case opWrite:
		return s.write(n, r)
	case opOpendir:
		entries, err := s.tree.List(n.path, n.entry.ID)
		if err != nil {
			return nil, tree.Errno(err)
		}
		return encode(nil, &openOut{Handle: s.handles.add(&handle{entries: entries})}), 0
	case opReaddir:
		var in readIn
		_, ok := decode(r.body, &in)
		h := s.handles.get(in.Handle)
		if !ok || h == nil {
			return nil, unix.EBADF
		}
		return h.dirents(in.Offset, uint64(in.Size)), 0
	case opRelease, opReleasedir:
		var in releaseIn
		if _, ok := decode(r.body, &in); ok {
			s.handles.remove(in.Handle)
		}
		return nil, 0
	}
	return nil, unix.ENOSYS
}

func initialize(body []byte) ([]byte, unix.Errno) {
	var in initIn
	if _, ok := decode(body, &in); !ok || in.Major != major || in.Minor < minor {
		return nil, unix.EPROTO
	}
	return encode(nil, &initOut{
		Major: major, Minor: minor, Flags: in.Flags & (initBigWrites | initParallelDirOps), MaxWrite: maxData, TimeGran: 1,
	}), 0
}

func (s *server) forgetAll(body []byte) {
	var in batchForgetIn
	body, ok := decode(body, &in)
	for range in.Count {
		var one forgetOne
		if body, ok = decode(body, &one); !ok {
			return
		}
		s.nodes.forget(one.Node, one.Lookups)
	}
}

func (s *server) lookup(r *request) {
	parent := s.nodes.get(r.Node)
	if parent == nil {
		s.conn.answer(r, unix.ESTALE, nil)
		return
	}
	name, _, _ := bytes.Cut(r.body, []byte{0})
	e, err := s.tree.FindIn(&parent.entry, parent.path, string(name))
	if err != nil {
		s.conn.answer(r, tree.Errno(err), nil)
		return
	}
	// Before the answer: the kernel may forget it as soon as it has it.
	s.nodes.lookup(path.Join(parent.path, string(name)), e)
	if !s.conn.answer(r, 0, encode(nil, &entryOut{Node: e.ID, Attr: s.nodes.attributes(e.ID, &e)})) {
		s.nodes.forget(e.ID, 1)
	}
}

func (s *server) attr(n *node, r *request) ([]byte, unix.Errno) {
	return encode(nil, &attrOut{Attr: s.nodes.attributes(r.Node, &n.entry)}), 0
}

// setattr takes what a shell's > does, to make a file empty, and touch; nobody
// changes modes and owners.
func (s *server) setattr(n *node, r *request) ([]byte, unix.Errno) {
	var in setattrIn
	if _, ok := decode(r.body, &in); !ok || in.Valid&(setMode|setUID|setGID) != 0 {
		return nil, unix.EPERM
	}
	return s.attr(n, r)
}

// open refuses root, too, what nobody may do, as sysfs does.
func (s *server) open(n *node, r *request) ([]byte, unix.Errno) {
	var in openIn
	if _, ok := decode(r.body, &in); !ok {
		return nil, unix.EINVAL
	}
	how := in.Flags & unix.O_ACCMODE
	if how != unix.O_WRONLY && n.entry.Mode&0o444 == 0 || how != unix.O_RDONLY && n.entry.Mode&0o222 == 0 {
		return nil, unix.EACCES
	}
	return encode(nil, &openOut{Handle: s.handles.add(&handle{}), Flags: openDirect}), 0
}

func (s *server) read(n *node, r *request) ([]byte, unix.Errno) {
	var in readIn
	_, ok := decode(r.body, &in)
	h := s.handles.get(in.Handle)
	if !ok || h == nil {
		return nil, unix.EBADF
	}
	// Root of a container with users of its own has another number here.
	text, errno := h.readAt(s.tree, n, tree.Reader{Privileged: r.UID == 0}, in.Offset, uint64(in.Size))
	if errno == unix.ENOENT {
		errno = unix.ENODEV // that is what an open file says whose device is gone
	}
	return []byte(text), errno
}

// write is one request, wherever in the file it is.
func (s *server) write(n *node, r *request) ([]byte, unix.Errno) {
	var in readIn
	data, ok := decode(r.body, &in)
	if !ok || uint64(in.Size) > uint64(len(data)) {
		return nil, unix.EINVAL
	}
	took, err := s.tree.Write(context.Background(), n.path, n.entry.ID, data[:in.Size])
	if err != nil {
		return nil, tree.Errno(err)
	}
	return encode(nil, &writeOut{Size: uint32(took)}), 0
}
