package ifup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindReal(t *testing.T) {
	dir := t.TempDir()
	theirs := filepath.Join(dir, "tapbond-test-ifup")
	if err := os.WriteFile(theirs, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for path, want := range map[string]string{dir: theirs, "": "", ".": "", ":": "", ".:" + dir: theirs} {
		t.Setenv("PATH", path)
		if got := FindReal("tapbond-test-ifup"); got != want {
			t.Errorf("PATH=%q: %q, want %q", path, got, want)
		}
	}
	// Handed over already: no second time.
	t.Setenv("PATH", dir)
	t.Setenv(handedVar, "1")
	if got := FindReal("tapbond-test-ifup"); got != "" {
		t.Errorf("round and round: %q", got)
	}
}
