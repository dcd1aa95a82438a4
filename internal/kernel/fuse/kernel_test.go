package fuse

import (
	"bytes"
	"context"
	"io"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// kernel is the other end of the connection: each request is written whole, each
// answer read whole.
type kernel struct {
	t        *testing.T
	requests chan []byte
	answers  chan []byte
	unique   uint64
	closed   sync.Once
	takesNot bool // answers are too late
}

func (k *kernel) Read(p []byte) (int, error) {
	r, ok := <-k.requests
	if !ok {
		return 0, unix.ENODEV
	}
	return copy(p, r), nil
}

func (k *kernel) Write(p []byte) (int, error) {
	if k.takesNot {
		return 0, unix.ENOENT
	}
	k.answers <- bytes.Clone(p)
	return len(p), nil
}

func (k *kernel) unmount() { k.closed.Do(func() { close(k.requests) }) }

// send sends a request that isn't answered.
func (k *kernel) send(op uint32, node uint64, in any, more string) {
	h := inHeader{Op: op, Node: node, Unique: k.next(), UID: 1000}
	msg := encode(nil, &h)
	if in != nil {
		msg = encode(msg, in)
	}
	k.requests <- append(msg, more...)
}

func (k *kernel) next() uint64 { k.unique++; return k.unique }

// ask sends a request and returns its answer.
func (k *kernel) ask(op uint32, node uint64, in any, more string) ([]byte, unix.Errno) {
	k.t.Helper()
	k.send(op, node, in, more)
	msg := <-k.answers
	var h outHeader
	body, ok := decode(msg, &h)
	if !ok || int(h.Len) != len(msg) || h.Unique != k.unique {
		k.t.Fatalf("answer to request %d: %+v, %d octets", k.unique, h, len(msg))
	}
	return body, unix.Errno(-h.Error)
}

// look looks a path up, name by name.
func (k *kernel) look(path ...string) (entryOut, unix.Errno) {
	k.t.Helper()
	e := entryOut{Node: rootID}
	for _, name := range path {
		body, errno := k.ask(opLookup, e.Node, nil, name+"\x00")
		if errno != 0 {
			return e, errno
		}
		decode(body, &e)
	}
	return e, 0
}

func (k *kernel) open(node uint64, flags uint32) (uint64, unix.Errno) {
	body, errno := k.ask(opOpen, node, &openIn{Flags: flags}, "")
	var out openOut
	decode(body, &out)
	if errno == 0 && out.Flags != openDirect {
		k.t.Errorf("opened with flags %#x", out.Flags)
	}
	return out.Handle, errno
}

// oneBond is a bond whose file mode reads what was written to it.
type oneBond struct {
	mu   sync.Mutex
	mode string
	gone bool
}

func (s *oneBond) Bonds(context.Context) ([]bond.State, error) {
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
func (s *oneBond) Delete(context.Context, string) error                         { return nil }
func (s *oneBond) Sync(context.Context) error                                   { return nil }
func (s *oneBond) Create(context.Context, control.CreateRequest) (string, error) {
	return "", unix.EBUSY
}

// served is a server, run by a kernel that has begun.
func served(t *testing.T) (*kernel, *server, *oneBond) {
	t.Helper()
	k := &kernel{t: t, requests: make(chan []byte), answers: make(chan []byte, 1)}
	src := &oneBond{mode: "balance-rr 0\n"}
	s, err := newServer(k, tree.New(src, tree.Host{Sys: t.TempDir(), Proc: t.TempDir()}, "6.1.0"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.run() }()
	t.Cleanup(func() {
		k.unmount()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	body, errno := k.ask(opInit, 0, &initIn{Major: major, Minor: 45, Flags: ^uint32(0)}, "")
	var out initOut
	if _, ok := decode(body, &out); !ok || errno != 0 || len(body) != 64 || out.Flags != initBigWrites|initParallelDirOps || out.MaxWrite != maxData {
		t.Fatalf("init: %v %+v", errno, out)
	}
	return k, s, src
}

var _ io.ReadWriter = (*kernel)(nil)
