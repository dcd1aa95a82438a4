package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// What isn't ours goes on word for word: without "boot" the system's own ifup
// would bring up what is to stay down.
func TestHandOverKeepsTheWords(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "ifup")
	if err := os.WriteFile(real, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stdout := os.Stdout
	os.Stdout = w
	nothing := func(*outlook) bool { return false }
	handed, err := (&scripts{dryRun: true, from: dir}).handOver(t.Context(), "ifup", "eth5", []string{"ifcfg-eth5", "boot"}, nothing)
	os.Stdout = stdout
	w.Close()
	said, _ := io.ReadAll(r)
	if err != nil || !handed || string(said) != real+" ifcfg-eth5 boot\n" {
		t.Errorf("%v, %v: %q", handed, err, said)
	}
}
