package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/modconf"
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
	set, err := ifcfg.Read(os.DirFS(dir), dir, nil, new(modconf.Config))
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stdout := os.Stdout
	os.Stdout = w
	p, err := (&scripts{dryRun: true}).handOver("ifup", "eth5", []string{"ifcfg-eth5", "boot"}, set)
	os.Stdout = stdout
	w.Close()
	said, _ := io.ReadAll(r)
	if err != nil || p == nil || len(p.Steps) > 0 || string(said) != real+" ifcfg-eth5 boot\n" {
		t.Errorf("%v, %v: %q", p, err, said)
	}
}
