package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
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

// What is ours to answer is what the commands themselves take.
func TestForeignWords(t *testing.T) {
	for line, want := range map[string]struct{ ifup, ifdown bool }{
		"bond0":                                {false, false},
		"bond0 boot":                           {false, false},
		"-a":                                   {true, true},
		"--all":                                {true, true},
		"-v eth0":                              {true, true},
		"eth0 --force":                         {true, true},
		"-n bond0":                             {false, false},
		"-nv bond0":                            {true, true},
		"--dry-run bond0":                      {false, false},
		"--dry-run=maybe bond0":                {false, false}, // ours, and wrong
		"--from=/etc/network/interfaces bond0": {false, false},
		"--from -a bond0":                      {false, false}, // a folder of that name
		"--from":                               {false, false}, // of which? ours to complain
		"--root / bond0":                       {false, false},
		"-h":                                   {false, false},
		"--help":                               {false, false},
		"--without-missing bond0":              {false, true}, // ifdown has no such flag
		"-- -a":                                {false, false},
		"":                                     {false, false},
	} {
		words := strings.Fields(line)
		if got := foreign(ifupCmd(), words); got != want.ifup {
			t.Errorf("ifup %s: foreign %v", line, got)
		}
		if got := foreign(ifdownCmd(), words); got != want.ifdown {
			t.Errorf("ifdown %s: foreign %v", line, got)
		}
	}
}
