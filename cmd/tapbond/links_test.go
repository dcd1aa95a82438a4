package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestLinks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	links := func() (string, error) {
		cmd := linksCmd()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetArgs([]string{dir})
		err := cmd.Execute()
		return out.String(), err
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // anew
		if out, err := links(); err != nil || out == "" {
			t.Fatalf("%v: %s", err, out)
		}
	}
	names := []string{"ifdown", "ifenslave", "ifup", "insmod", "ip", "lsmod", "modprobe", "rmmod"}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Fatalf("%v, %v", entries, err)
	}
	for i, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err != nil || e.Name() != names[i] || to != self {
			t.Errorf("%s -> %s, %v", e.Name(), to, err)
		}
	}
	// What is no link is somebody's program.
	path := filepath.Join(dir, "modprobe")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := links(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "#!/bin/sh" {
		t.Errorf("the file: %q, %v", text, err)
	}
}
