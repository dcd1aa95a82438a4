package installed

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindPassesOverOurselvesAndWrappers(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	var dirs []string
	for i, make := range []func(string) error{
		func(p string) error { return os.Symlink(self, p) },
		func(p string) error { return os.WriteFile(p, []byte("#!/bin/sh\nexec tapbond "), 0o755) },
		func(p string) error { return os.WriteFile(p, []byte("not executable"), 0o644) },
		func(p string) error { return os.Mkdir(p, 0o755) },
		func(p string) error { return os.WriteFile(p, []byte("\x7fELF"), 0o755) },
	} {
		d := path(string(rune('a' + i)))
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := make(filepath.Join(d, "frobnicate")); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, d)
	}
	for i := range dirs {
		list := ""
		for _, d := range dirs[:i+1] {
			list += d + string(filepath.ListSeparator)
		}
		t.Setenv("PATH", list)
		got, err := Find("frobnicate")
		if last := i == len(dirs)-1; last != (err == nil) || last && got != filepath.Join(dirs[i], "frobnicate") {
			t.Errorf("with %d folders: %q, %v", i+1, got, err)
		}
	}
	t.Chdir(filepath.Join(dir, "e"))
	for _, here := range []string{"", ".", ":"} {
		t.Setenv("PATH", here)
		if got, err := Find("frobnicate"); err == nil {
			t.Errorf("PATH=%q: %s, of where we stand", here, got)
		}
	}
	if _, err := Find("tapbond-no-such-program"); err == nil || err.Error() != "the tapbond-no-such-program command is not installed" {
		t.Errorf("%v", err)
	}
}
