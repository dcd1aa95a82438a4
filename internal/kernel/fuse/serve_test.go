package fuse

import (
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

func TestReadsInPiecesFitTogether(t *testing.T) {
	k, s, src := served(t)
	mode, code := k.look("sys", "devices", "virtual", "net", "bond0", "bonding", "mode")
	if code != fuse.OK || mode.Mode != unix.S_IFREG|0o644 || mode.Size != 4096 {
		t.Fatalf("%v %+v", code, mode)
	}
	if mode.EntryTimeout()+mode.AttrTimeout() != 0 {
		t.Error("the kernel may keep it")
	}
	h, code := k.open(mode.NodeId, unix.O_RDONLY)
	if code != fuse.OK {
		t.Fatal(code)
	}
	read := func(off uint64) string {
		t.Helper()
		text, code := k.read(mode.NodeId, h, off)
		if code != fuse.OK {
			t.Fatal(code)
		}
		return text
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
	if _, code := k.read(mode.NodeId, h, 0); code != fuse.ENODEV {
		t.Errorf("when it is gone: %v", code)
	}
	if _, code := k.look("sys", "devices", "virtual", "net", "bond0"); code != fuse.ENOENT {
		t.Errorf("look-up when it is gone: %v", code)
	}
	s.Release(nil, &fuse.ReleaseIn{Fh: h})
	if _, code := k.read(mode.NodeId, h, 0); code != fuse.EBADF {
		t.Errorf("of a closed file: %v", code)
	}
}

func TestWrites(t *testing.T) {
	k, s, src := served(t)
	mode, _ := k.look("sys", "devices", "virtual", "net", "bond0", "bonding", "mode")
	h, code := k.open(mode.NodeId, unix.O_WRONLY|unix.O_TRUNC)
	if code != fuse.OK {
		t.Fatal(code)
	}
	truncate := fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: user(mode.NodeId), Valid: fuse.FATTR_SIZE}}
	if code := s.SetAttr(nil, &truncate, &fuse.AttrOut{}); code != fuse.OK {
		t.Errorf("truncate: %v", code)
	}
	write := func(text string) (uint32, fuse.Status) {
		return s.Write(nil, &fuse.WriteIn{InHeader: user(mode.NodeId), Fh: h, Offset: 99, Size: uint32(len(text))}, []byte(text))
	}
	if n, code := write("xor"); code != fuse.OK || n != 3 || src.mode != "xor" {
		t.Errorf("%v, %d octets, mode %q", code, n, src.mode)
	}
	if _, code := write("bad"); code != fuse.EINVAL {
		t.Errorf("a bad value: %v", code)
	}
	status, _ := k.look("sys", "devices", "virtual", "net", "bond0", "bonding", "mii_status")
	for flags, want := range map[uint32]fuse.Status{unix.O_RDONLY: fuse.OK, unix.O_WRONLY: fuse.EACCES, unix.O_RDWR: fuse.EACCES} {
		if _, code := k.open(status.NodeId, flags); code != want {
			t.Errorf("open %#x of a file that can only be read: %v", flags, code)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, s, _ := served(t)
	root := user(fuse.FUSE_ROOT_ID)
	for what, code := range map[string]fuse.Status{
		"mkdir":  s.Mkdir(nil, &fuse.MkdirIn{InHeader: root}, "x", nil),
		"unlink": s.Unlink(nil, &root, "x"), "rmdir": s.Rmdir(nil, &root, "x"),
		"rename": s.Rename(nil, &fuse.RenameIn{InHeader: root}, "x", "y"), "symlink": s.Symlink(nil, &root, "x", "y", nil),
		"link": s.Link(nil, &fuse.LinkIn{InHeader: root}, "x", nil), "mknod": s.Mknod(nil, &fuse.MknodIn{InHeader: root}, "x", nil),
		"chmod": s.SetAttr(nil, &fuse.SetAttrIn{SetAttrInCommon: fuse.SetAttrInCommon{InHeader: root, Valid: fuse.FATTR_MODE}}, nil),
	} {
		if code != fuse.EPERM {
			t.Errorf("%s: %v", what, code)
		}
	}
	if code := s.Create(nil, &fuse.CreateIn{InHeader: root}, "x", nil); code != fuse.EACCES {
		t.Errorf("create: %v", code)
	}
	if code := s.GetAttr(nil, &fuse.GetAttrIn{InHeader: user(12345)}, nil); code != stale {
		t.Errorf("a node nobody looked up: %v", code)
	}
}

// A list is read on at any of its entries.
func TestFolders(t *testing.T) {
	k, s, _ := served(t)
	folder, _ := k.look("sys", "devices", "virtual", "net", "bond0", "bonding")
	var out fuse.OpenOut
	if code := s.OpenDir(nil, &fuse.OpenIn{InHeader: user(folder.NodeId)}, &out); code != fuse.OK {
		t.Fatal(code)
	}
	entries, pieces := 0, 0
	for off := uint64(0); ; pieces++ {
		list := fuse.NewDirEntryList(make([]byte, 100), off)
		if code := s.ReadDir(nil, &fuse.ReadIn{Fh: out.Fh, Offset: off}, list); code != fuse.OK {
			t.Fatal(code)
		}
		if list.Offset == off {
			break
		}
		entries += int(list.Offset - off)
		off = list.Offset
	}
	if entries != 38 || pieces < 12 {
		t.Errorf("%d entries in %d pieces", entries, pieces)
	}
	s.ReleaseDir(&fuse.ReleaseIn{Fh: out.Fh})
	if code := s.ReadDir(nil, &fuse.ReadIn{Fh: out.Fh}, nil); code != fuse.EBADF {
		t.Errorf("of a closed folder: %v", code)
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
	s.Forget(sys.NodeId, 2)
	if known() != 3 {
		t.Errorf("%d nodes, one of them looked up once more", known())
	}
	s.Forget(sys.NodeId, 1)
	s.Forget(proc.NodeId, 5)
	s.Forget(fuse.FUSE_ROOT_ID, 1)
	s.Forget(12345, 1)
	if known() != 1 {
		t.Errorf("%d nodes beside the root", known()-1)
	}
}

func TestTable(t *testing.T) {
	got := parseTable("36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw\n" +
		"99 36 0:50 / /run/a\\040folder rw - fuse.tapbond tapbond rw,user_id=0\nbroken\n")
	want := []entry{{"98:0", "/mnt", "ext3"}, {"0:50", "/run/a folder", "fuse.tapbond"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%+v", got)
	}
}
