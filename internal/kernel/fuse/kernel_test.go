package fuse

import (
	"context"
	"sync"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// kernel asks a server as the kernel does.
type kernel struct {
	t *testing.T
	s *server
}

// user is somebody who isn't root.
func user(node uint64) fuse.InHeader {
	return fuse.InHeader{NodeId: node, Caller: fuse.Caller{Owner: fuse.Owner{Uid: 1000}}}
}

// look looks a path up, name by name.
func (k *kernel) look(path ...string) (fuse.EntryOut, fuse.Status) {
	k.t.Helper()
	e := fuse.EntryOut{NodeId: fuse.FUSE_ROOT_ID}
	for _, name := range path {
		h := user(e.NodeId)
		e = fuse.EntryOut{}
		if code := k.s.Lookup(nil, &h, name, &e); code != fuse.OK {
			return e, code
		}
	}
	return e, fuse.OK
}

func (k *kernel) open(node uint64, flags uint32) (uint64, fuse.Status) {
	k.t.Helper()
	var out fuse.OpenOut
	code := k.s.Open(nil, &fuse.OpenIn{InHeader: user(node), Flags: flags}, &out)
	if code == fuse.OK && out.OpenFlags != fuse.FOPEN_DIRECT_IO {
		k.t.Errorf("opened with flags %#x", out.OpenFlags)
	}
	return out.Fh, code
}

// read reads at most 8 octets.
func (k *kernel) read(node, handle, off uint64) (string, fuse.Status) {
	k.t.Helper()
	buf := make([]byte, 8)
	res, code := k.s.Read(nil, &fuse.ReadIn{InHeader: user(node), Fh: handle, Offset: off, Size: 8}, buf)
	if code != fuse.OK {
		return "", code
	}
	text, code := res.Bytes(buf)
	return string(text), code
}

// oneBond is a bond whose file mode reads what was written to it.
type oneBond struct {
	mu   sync.Mutex
	mode string
	gone bool
}

func (s *oneBond) Bond(context.Context, string) (bond.State, error) { return bond.State{}, unix.ENODEV }

func (s *oneBond) Brief(context.Context) ([]bond.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return nil, nil
	}
	return []bond.State{{Name: "bond0", Index: 7}}, nil
}

func (s *oneBond) ReadFileOf(context.Context, string, int, string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return "", unix.ENODEV
	}
	return s.mode, nil
}

func (s *oneBond) SetSysfs(_ context.Context, _ string, o []option.Assign) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o[0].Value == "bad" {
		return &control.Error{Message: "no", Errno: unix.EINVAL}
	}
	s.mode = o[0].Value
	return nil
}

func (s *oneBond) ReadFiles(context.Context, string) (map[string]string, error) { return nil, nil }
func (s *oneBond) Module(context.Context) (bond.ModuleState, error)             { return bond.ModuleState{}, nil }
func (s *oneBond) Delete(context.Context, string) error                         { return nil }
func (s *oneBond) Sync(context.Context) error                                   { return nil }
func (s *oneBond) Create(context.Context, control.CreateRequest) (string, error) {
	return "", unix.EBUSY
}

// served is a server of one bond's files.
func served(t *testing.T) (*kernel, *server, *oneBond) {
	t.Helper()
	src := &oneBond{mode: "balance-rr 0\n"}
	s, err := newServer(tree.New(src, tree.Host{Sys: t.TempDir(), Proc: t.TempDir()}, "6.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	return &kernel{t: t, s: s}, s, src
}
