package unmanage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// folder is where a manager reads its files. No link leads out of root: a
// manager's own file system is its container's to fill, and we are root outside.
type folder struct {
	root *os.Root
	dir  string // in root; need not be there
}

// open finds the folder of a running manager, seen from here; 0 is one that
// doesn't run yet. Usually its /run is ours; by way of the process the same
// folder may be read-only.
func (d *dropin) open(pid int) (*folder, error) {
	theirs := fmt.Sprintf("/proc/%d/root", pid)
	var a, b unix.Stat_t
	if pid == 0 || unix.Stat(d.run, &a) != nil || unix.Stat(theirs+d.run, &b) != nil || a.Ino == b.Ino && a.Dev == b.Dev {
		root, err := os.OpenRoot(d.run)
		return &folder{root, d.dir}, err
	}
	root, err := os.OpenRoot(theirs)
	return &folder{root, path.Join(strings.TrimPrefix(d.run, "/"), d.dir)}, err
}

func (f *folder) close() { f.root.Close() }

func (f *folder) at(name string) string { return path.Join(f.dir, name) }

// read returns "" for a file that isn't there.
func (f *folder) read(name string) string {
	text, err := f.root.ReadFile(f.at(name))
	if err != nil {
		return ""
	}
	return string(text)
}

// write makes a file, and the folder, for everybody to read, whatever the umask
// that we were started with: networkd isn't root.
func (f *folder) write(name, text string) error {
	if err := f.make(f.dir); err != nil {
		return err
	}
	// Never half a file, nor one that the next reading takes for another.
	tmp := f.at(name + "~")
	if err := f.root.WriteFile(tmp, []byte(text), 0o644); err != nil {
		return err
	}
	if err := f.root.Chmod(tmp, 0o644); err != nil {
		return err
	}
	return f.root.Rename(tmp, f.at(name))
}

// make makes a folder, as far as it isn't there.
func (f *folder) make(dir string) error {
	if _, err := f.root.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.make(path.Dir(dir)); err != nil {
		return err
	}
	switch err := f.root.Mkdir(dir, 0o755); {
	case errors.Is(err, fs.ErrExist):
		return nil // the manager itself has just made it
	case err != nil:
		return err
	}
	return f.root.Chmod(dir, 0o755)
}

// remove has nothing to do where there is no such file.
func (f *folder) remove(name string) error {
	if err := f.root.Remove(f.at(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// names are those in the folder, none if it isn't there.
func (f *folder) names() ([]string, error) {
	dir, err := f.root.Open(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return dir.Readdirnames(-1)
}
