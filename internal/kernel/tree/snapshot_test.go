package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSnapshot(t *testing.T) {
	d, tr := planted(t)
	above := t.TempDir()
	dir := filepath.Join(above, "snap")
	if err := tr.Snapshot(t.Context(), filepath.Join(above, "a/snap")); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "mkdir -p "+above+"/a") {
		t.Errorf("in a folder that isn't there: %v", err)
	}
	if err := os.Symlink(above, filepath.Join(above, "link")); err != nil {
		t.Fatal(err)
	}
	if err := tr.Snapshot(t.Context(), filepath.Join(above, "link")); !errors.Is(err, unix.ELOOP) {
		t.Errorf("at a link: %v", err)
	}
	if err := os.Remove(filepath.Join(above, "link")); err != nil {
		t.Fatal(err)
	}
	reads := func(at, path, want string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(at, path))
		if string(text) != want || err != nil {
			t.Errorf("%s reads %q %v, want %q", path, text, err, want)
		}
	}
	for range 3 {
		if err := tr.Snapshot(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	reads(dir, "sys/class/net/bonding_masters", "bond0\n")
	reads(dir, "sys/class/net/bond0/lower_eth1/bonding_slave/mii_status", "going back\n")
	reads(dir, "sys/class/net/eth0/master/bonding/mode", "active-backup\n")
	reads(dir, "sys/class/net/bond0/statistics/rx_packets", "7\n")
	reads(dir, "sys/class/net/bond0/bonding/ad_actor_key", "") // everybody may read it
	if _, err := os.Lstat(filepath.Join(dir, "proc/1")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process is in it: %v", err)
	}
	// Who is in the old one stays there.
	in, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	d.texts["bond0"]["mode"] = "broadcast\n"
	d.add(stateOf("bond1"))
	if err := tr.Snapshot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	reads(dir, "sys/class/net/bond0/bonding/mode", "broadcast\n")
	reads(dir, "sys/class/net/bonding_masters", "bond0 bond1\n")
	if text, err := in.ReadFile("sys/class/net/bond0/bonding/mode"); string(text) != "active-backup\n" || err != nil {
		t.Errorf("the old one reads %q %v", text, err)
	}
	d.gone = true
	if err := tr.Snapshot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	reads(dir, "sys/class/net/bonding_masters", "")
	left, _ := os.ReadDir(filepath.Dir(dir))
	if len(left) != 2 {
		t.Errorf("beside it: %v", left)
	}
}

// What a killed process left of a snapshot is in nobody's way; one that is being
// written is.
func TestSnapshotBesideAnother(t *testing.T) {
	_, tr := planted(t)
	dir := filepath.Join(t.TempDir(), "snap")
	other, err := begin(beside(dir, "next"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(beside(dir, "next"), "half"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tr.Snapshot(t.Context(), dir); !errors.Is(err, unix.EBUSY) {
		t.Errorf("beside one that is being written: %v", err)
	}
	other.Close()
	if err := tr.Snapshot(t.Context(), dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "half")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is in it: %v", err)
	}
}

// Only a snapshot is ever replaced.
func TestSnapshotOverSomethingElse(t *testing.T) {
	_, tr := planted(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tr.Snapshot(t.Context(), dir); !errors.Is(err, unix.ENOTEMPTY) {
		t.Errorf("a folder with something in it: %v", err)
	}
	if err := tr.Snapshot(t.Context(), file); err == nil {
		t.Error("a file")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// Whoever looks while snapshots are written finds a whole one, and has until the
// next but one to look around in it.
func TestSnapshotsUnderAReader(t *testing.T) {
	d, tr := planted(t)
	dir := filepath.Join(t.TempDir(), "snap")
	if err := tr.Snapshot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	looked, written := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(written)
		for i := range 30 {
			<-looked
			d.mu.Lock()
			d.texts["bond0"]["mode"] = strings.Repeat("x", i) + "\n"
			d.mu.Unlock()
			if err := tr.Snapshot(t.Context(), dir); err != nil {
				t.Error(err)
			}
		}
	}()
	for look := 0; ; look++ {
		in, err := os.OpenRoot(filepath.Join(dir, "sys/class/net/bond0/bonding"))
		if err != nil {
			t.Error(err)
			break
		}
		text, err := in.ReadFile("mode")
		in.Close()
		if err != nil || !strings.HasSuffix(string(text), "\n") {
			t.Errorf("look %d: %q %v", look, text, err)
			break
		}
		select {
		case <-written:
			return
		case looked <- struct{}{}:
		default:
		}
	}
	close(looked)
	<-written
}

// A link where the next snapshot is written may lead to what is somebody's.
func TestSnapshotFollowsNoLink(t *testing.T) {
	_, tr := planted(t)
	at := t.TempDir()
	precious := filepath.Join(at, "precious")
	if err := os.MkdirAll(filepath.Join(precious, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(at, ".snap.next")); err != nil {
		t.Fatal(err)
	}
	if err := tr.Snapshot(t.Context(), filepath.Join(at, "snap")); !errors.Is(err, unix.ENOTDIR) && !errors.Is(err, unix.ELOOP) {
		t.Errorf("through a link: %v", err)
	}
	if _, err := os.Stat(filepath.Join(precious, "data")); err != nil {
		t.Error(err)
	}
}

func TestSnapshotTakesNoForeignFolder(t *testing.T) {
	_, tr := planted(t)
	at := t.TempDir()
	next := filepath.Join(at, ".snap.next")
	if err := os.MkdirAll(filepath.Join(next, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Chown(next, 12345, 12345) == nil { // only root can give it away
		if err := tr.Snapshot(t.Context(), filepath.Join(at, "snap")); !errors.Is(err, unix.EPERM) {
			t.Errorf("in somebody's folder: %v", err)
		}
		if _, err := os.Stat(filepath.Join(next, "data")); err != nil {
			t.Error(err)
		}
		if err := os.Chown(next, os.Geteuid(), os.Getegid()); err != nil {
			t.Fatal(err)
		}
	}
	// One that is ours was left by a killed process.
	if err := tr.Snapshot(t.Context(), filepath.Join(at, "snap")); err != nil {
		t.Error(err)
	}
}

func TestSnapshotIsForEverybody(t *testing.T) {
	_, tr := planted(t)
	dir := filepath.Join(t.TempDir(), "snap")
	was := unix.Umask(0o077)
	defer unix.Umask(was)
	if err := tr.Snapshot(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{"": 0o755, "sys/class": 0o755, "sys/class/net/bonding_masters": 0o444} {
		if info, err := os.Stat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
}
