package fuse

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A mount point is made, and removed again, but nothing above it; a link is not
// followed.
func TestMountPoint(t *testing.T) {
	above := t.TempDir()
	link := filepath.Join(above, "link")
	if err := os.Symlink(filepath.Join(above, "leads-nowhere"), link); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]error{
		filepath.Join(above, "new"):       nil,
		filepath.Join(above, "deep/down"): unix.ENOENT,
		link:                              unix.ELOOP,
	} {
		m := &Mount{dir: dir}
		err := m.prepare()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", dir, err, want)
		}
		if want == unix.ENOENT && !strings.Contains(err.Error(), "mkdir -p "+filepath.Join(above, "deep")) {
			t.Errorf("%s: %v does not say what to do", dir, err)
		}
		m.forget()
	}
	left, err := os.ReadDir(above)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
}
