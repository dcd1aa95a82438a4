package unmanage

import (
	"os"
	"path/filepath"
	"testing"
)

// A link in a manager's file system leads nobody to what is outside of it.
func TestFolderIsNotLeft(t *testing.T) {
	outside := t.TempDir()
	for _, at := range []string{"systemd", "systemd/network"} {
		run := t.TempDir()
		if err := os.MkdirAll(filepath.Join(run, filepath.Dir(at)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(outside, filepath.Join(run, at)); err != nil {
			t.Fatal(err)
		}
		d := &dropin{run: run, dir: "systemd/network"}
		in, err := d.open(0)
		if err != nil {
			t.Fatal(err)
		}
		defer in.close()
		if err := in.write("0-tapbond-eth0.network", "text"); err == nil {
			t.Errorf("%s: written through a link", at)
		}
	}
	if left := files(t, outside); len(left) > 0 {
		t.Errorf("outside there is %v", left)
	}
	// The same with a file's own name.
	run := t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(run, "a~")); err != nil {
		t.Fatal(err)
	}
	in, err := (&dropin{run: run, dir: "."}).open(0)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	if err := in.write("a", "text"); err == nil {
		t.Error("written through a link in place of the file")
	}
	if text, err := os.ReadFile(precious); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}

// The way by the process' root finds the same folder.
func TestFolderOfAProcess(t *testing.T) {
	run := t.TempDir()
	d := &dropin{run: run, dir: "systemd/network"}
	in, err := d.open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	if err := in.write("a", "text"); err != nil {
		t.Fatal(err)
	}
	if names, err := in.names(); err != nil || len(names) != 1 || in.read("a") != "text" {
		t.Errorf("%v, %v", names, err)
	}
	if text, err := os.ReadFile(filepath.Join(run, "systemd/network/a")); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	for range 2 {
		if err := in.remove("a"); err != nil {
			t.Error(err)
		}
	}
}
