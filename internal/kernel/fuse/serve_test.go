package fuse

import (
	"encoding/binary"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/kernel/tree"
)

// The structures are the kernel's, which counts their octets.
func TestSizes(t *testing.T) {
	for _, s := range []struct {
		v    any
		want int
	}{
		{inHeader{}, 40}, {outHeader{}, headerSize}, {initIn{}, 16}, {initOut{}, 64}, {attr{}, 88}, {entryOut{}, 128},
		{attrOut{}, 104}, {openIn{}, 8}, {openOut{}, 16}, {readIn{}, 40}, {writeOut{}, 8}, {releaseIn{}, 24}, {statfsOut{}, 80},
		{forgetIn{}, 8}, {batchForgetIn{}, 8}, {forgetOne{}, 16}, {direntHeader{}, direntSize},
	} {
		if got := binary.Size(s.v); got != s.want {
			t.Errorf("%T has %d octets, want %d", s.v, got, s.want)
		}
	}
}

func TestAnOldKernelIsRefused(t *testing.T) {
	for _, in := range []initIn{{Major: 6, Minor: 40}, {Major: 7, Minor: 30}} {
		if _, errno := initialize(encode(nil, &in)); errno != unix.EPROTO {
			t.Errorf("%+v: %v", in, errno)
		}
	}
}

func TestReadsInPiecesFitTogether(t *testing.T) {
	k, _, src := served(t)
	mode, errno := k.look("sys", "class", "net", "bond0", "bonding", "mode")
	if errno != 0 || mode.Attr.Mode != unix.S_IFREG|0o644 || mode.Attr.Size != 4096 || mode.Valid+mode.AttrValid != 0 {
		t.Fatalf("%v %+v", errno, mode)
	}
	h, errno := k.open(mode.Node, unix.O_RDONLY)
	if errno != 0 {
		t.Fatal(errno)
	}
	read := func(off uint64) string {
		t.Helper()
		body, errno := k.ask(opRead, mode.Node, &readIn{Handle: h, Offset: off, Size: 8}, "")
		if errno != 0 {
			t.Fatal(errno)
		}
		return string(body)
	}
	if got := read(0); got != "balance-" {
		t.Errorf("first piece %q", got)
	}
	src.mode = "active-backup 1\n"
	if got := read(8) + read(16); got != "rr 0\n" {
		t.Errorf("the rest %q", got)
	}
	if got := read(0) + read(8); got != "active-backup 1\n" {
		t.Errorf("again %q", got)
	}
	src.gone = true
	if _, errno := k.ask(opRead, mode.Node, &readIn{Handle: h, Size: 8}, ""); errno != unix.ENODEV {
		t.Errorf("when it is gone: %v", errno)
	}
	if _, errno := k.look("sys", "class", "net", "bond0"); errno != unix.ENOENT {
		t.Errorf("look-up when it is gone: %v", errno)
	}
	if _, errno := k.ask(opRelease, mode.Node, &releaseIn{Handle: h}, ""); errno != 0 {
		t.Error(errno)
	}
	if _, errno := k.ask(opRead, mode.Node, &readIn{Handle: h, Size: 8}, ""); errno != unix.EBADF {
		t.Errorf("of a closed file: %v", errno)
	}
}

func TestWrites(t *testing.T) {
	k, _, src := served(t)
	mode, _ := k.look("sys", "class", "net", "bond0", "bonding", "mode")
	h, errno := k.open(mode.Node, unix.O_WRONLY|unix.O_TRUNC)
	if errno != 0 {
		t.Fatal(errno)
	}
	if _, errno := k.ask(opSetattr, mode.Node, &setattrIn{Valid: 1 << 3}, ""); errno != 0 {
		t.Errorf("truncate: %v", errno)
	}
	body, errno := k.ask(opWrite, mode.Node, &readIn{Handle: h, Offset: 99, Size: 3}, "xor")
	var out writeOut
	if decode(body, &out); errno != 0 || out.Size != 3 || src.mode != "xor" {
		t.Errorf("%v %+v, mode %q", errno, out, src.mode)
	}
	if _, errno := k.ask(opWrite, mode.Node, &readIn{Handle: h, Size: 3}, "bad"); errno != unix.EINVAL {
		t.Errorf("a bad value: %v", errno)
	}
	if _, errno := k.ask(opWrite, mode.Node, &readIn{Handle: h, Size: 30}, "short"); errno != unix.EINVAL {
		t.Errorf("less than it says: %v", errno)
	}
	status, _ := k.look("sys", "class", "net", "bond0", "bonding", "mii_status")
	for flags, want := range map[uint32]unix.Errno{unix.O_RDONLY: 0, unix.O_WRONLY: unix.EACCES, unix.O_RDWR: unix.EACCES} {
		if _, errno := k.open(status.Node, flags); errno != want {
			t.Errorf("open %#x of a file that can only be read: %v", flags, errno)
		}
	}
}

func TestRefusals(t *testing.T) {
	k, _, _ := served(t)
	for op, want := range map[uint32]unix.Errno{
		opCreate: unix.EACCES, opMkdir: unix.EPERM, opUnlink: unix.EPERM, opRename2: unix.EPERM, opSymlink: unix.EPERM,
		25: unix.ENOSYS, 22: unix.ENOSYS, 40: unix.ENOSYS, 999: unix.ENOSYS, // flush, getxattr, poll
	} {
		if _, errno := k.ask(op, rootID, nil, "x\x00"); errno != want {
			t.Errorf("request %d: %v, want %v", op, errno, want)
		}
	}
	if _, errno := k.ask(opSetattr, rootID, &setattrIn{Valid: setMode}, ""); errno != unix.EPERM {
		t.Errorf("chmod: %v", errno)
	}
	if _, errno := k.ask(opGetattr, 12345, nil, ""); errno != unix.ESTALE {
		t.Errorf("a node nobody looked up: %v", errno)
	}
	if _, errno := k.ask(opStatfs, rootID, nil, ""); errno != 0 {
		t.Errorf("statfs: %v", errno)
	}
}

// A list is read on at any of its entries.
func TestFolders(t *testing.T) {
	k, _, _ := served(t)
	folder, _ := k.look("sys", "class", "net", "bond0", "bonding")
	body, errno := k.ask(opOpendir, folder.Node, &openIn{}, "")
	var out openOut
	if decode(body, &out); errno != 0 {
		t.Fatal(errno)
	}
	var names []string
	for off := uint64(0); ; {
		body, errno := k.ask(opReaddir, folder.Node, &readIn{Handle: out.Handle, Offset: off, Size: 100}, "")
		if errno != 0 || len(body) > 100 {
			t.Fatalf("%v, %d octets", errno, len(body))
		}
		if len(body) == 0 {
			break
		}
		for len(body) > 0 {
			var h direntHeader
			rest, _ := decode(body, &h)
			names = append(names, string(rest[:h.Namelen]))
			body, off = rest[(h.Namelen+7)&^7:], h.Next
			if h.Type<<12 != unix.S_IFREG {
				t.Errorf("%s is of type %d", names[len(names)-1], h.Type)
			}
		}
	}
	if len(names) != 38 || names[0] != "active_slave" || names[37] != "xmit_hash_policy" {
		t.Errorf("%d names: %v", len(names), names)
	}
	if _, errno := k.ask(opReleasedir, folder.Node, &releaseIn{Handle: out.Handle}, ""); errno != 0 {
		t.Error(errno)
	}
}

// Nothing is remembered that the kernel has forgotten, or never heard of.
func TestForgetting(t *testing.T) {
	k, s, _ := served(t)
	known := func() int {
		s.nodes.mu.Lock()
		defer s.nodes.mu.Unlock()
		return len(s.nodes.byID)
	}
	sys, _ := k.look("sys")
	for range 2 {
		k.look("sys")
	}
	proc, _ := k.look("proc")
	if known() != 3 {
		t.Errorf("%d nodes", known())
	}
	k.send(opForget, sys.Node, &forgetIn{Lookups: 2}, "")
	k.ask(opStatfs, rootID, nil, "") // forgetting is done in order
	if known() != 3 {
		t.Errorf("%d nodes, one of them looked up once more", known())
	}
	k.send(opBatchForget, 0, &batchForgetIn{Count: 3}, string(encode(encode(encode(nil, &forgetOne{sys.Node, 1}), &forgetOne{proc.Node, 5}), &forgetOne{rootID, 1})))
	k.ask(opStatfs, rootID, nil, "")
	if known() != 1 {
		t.Errorf("%d nodes beside the root", known()-1)
	}
	k.takesNot = true
	k.send(opLookup, rootID, nil, "sys\x00")
	k.unmount()
}

// Whatever the kernel says, nothing falls over.
func FuzzRequests(f *testing.F) {
	f.Add(uint32(opRead), uint64(rootID), []byte("12345678"))
	f.Add(uint32(opLookup), uint64(rootID), []byte("sys\x00"))
	f.Add(uint32(opLookup), uint64(rootID), []byte("proc/net/../x"))
	f.Add(uint32(opBatchForget), uint64(0), encode(nil, &batchForgetIn{Count: 1 << 31}))
	f.Add(uint32(opWrite), uint64(rootID), encode(nil, &readIn{Size: 1 << 31}))
	f.Add(uint32(opReaddir), uint64(rootID), encode(nil, &readIn{Handle: 1, Offset: 1 << 63, Size: 1 << 31}))
	f.Add(uint32(opInit), uint64(0), []byte{})
	src := &oneBond{mode: "x\n"}
	f.Fuzz(func(t *testing.T, op uint32, node uint64, body []byte) {
		s, err := newServer(answersTo{t}, tree.New(src, tree.Host{Sys: "/nonexistent", Proc: "/nonexistent"}, "6.1.0"))
		if err != nil {
			t.Fatal(err)
		}
		s.handles.add(&handle{entries: []tree.Entry{{Name: "a"}, {Name: "bc"}}})
		bonding, err := s.tree.Find("sys/class/net/bond0/bonding/mode")
		if err != nil {
			t.Fatal(err)
		}
		s.nodes.lookup("sys/class/net/bond0/bonding/mode", bonding)
		for _, n := range []uint64{node, rootID, bonding.ID} {
			s.serve(&request{inHeader: inHeader{Op: op, Node: n, Unique: 5}, body: body})
		}
	})
}

// answersTo takes answers that are whole.
type answersTo struct{ t *testing.T }

func (a answersTo) Read([]byte) (int, error) { return 0, io.EOF }

func (a answersTo) Write(p []byte) (int, error) {
	var h outHeader
	if _, ok := decode(p, &h); !ok || int(h.Len) != len(p) || h.Unique != 5 || h.Error > 0 || h.Error < -4095 || h.Error != 0 && len(p) != headerSize {
		a.t.Errorf("answer %+v in %d octets", h, len(p))
	}
	return len(p), nil
}

func TestTable(t *testing.T) {
	got := parseTable("36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw\n" +
		"99 36 0:50 / /run/a\\040folder rw - fuse.tapbond tapbond rw,user_id=0\nbroken\n")
	want := []entry{{"98:0", "/mnt", "ext3"}, {"0:50", "/run/a folder", "fuse.tapbond"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
