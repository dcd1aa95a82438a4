package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
)

// marker is the file that a snapshot is known by: nothing else is ever replaced.
const marker = ".tapbond-snapshot"

// Snapshot writes the tree to dir as plain files. What was in dir, an earlier
// snapshot, is exchanged for it in one step: whoever opens a path under dir finds
// one or the other, whole. The earlier one stays beside dir, hidden, until the
// next, for those who are in it. A bond's options are of one moment.
func (t *Tree) Snapshot(ctx context.Context, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	there, err := replaceable(dir)
	if err != nil {
		return err
	}
	next := beside(dir, "next")
	old := beside(dir, "old")
	lock, err := begin(next)
	if err != nil {
		return err
	}
	defer lock.Close()
	defer os.RemoveAll(next)
	if err := t.writeTo(ctx, next); err != nil {
		return err
	}
	if err := os.Chmod(next, folderMode); err != nil {
		return err
	}
	if !there {
		return os.Rename(next, dir)
	}
	if err := unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE); err != nil {
		return fmt.Errorf("exchange %s for the new snapshot: %w", dir, err)
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	return os.Rename(next, old)
}

// begin makes the folder that is written to, or takes the one that a killed
// process left. Whoever writes holds a lock on it. What somebody else has put
// there, where all may write, isn't emptied: it may lead anywhere.
func begin(next string) (lock *os.File, err error) {
	switch err := os.Mkdir(next, 0o700); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w; make the folder above it: mkdir -p %s", err, filepath.Dir(next))
	case err != nil && !errors.Is(err, fs.ErrExist):
		return nil, err
	}
	if lock, err = os.OpenFile(next, unix.O_NOFOLLOW|unix.O_DIRECTORY, 0); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(lock.Fd()), &st); err != nil || int(st.Uid) != os.Geteuid() {
		lock.Close()
		return nil, errors.Join(err, fmt.Errorf("%s: somebody else's: %w", next, unix.EPERM))
	}
	if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil || !isAt(lock, next) {
		lock.Close()
		return nil, fmt.Errorf("%s: another snapshot is being written: %w", next, unix.EBUSY)
	}
	names, err := lock.Readdirnames(-1)
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(filepath.Join(next, name)))
	}
	if err != nil {
		lock.Close()
	}
	return lock, err
}

// isAt reports whether path is still f: its writer may have been done just now.
func isAt(f *os.File, path string) bool {
	is, err := f.Stat()
	if err != nil {
		return false
	}
	at, err := os.Lstat(path)
	return err == nil && os.SameFile(is, at)
}

func beside(dir, what string) string {
	return filepath.Join(filepath.Dir(dir), "."+filepath.Base(dir)+"."+what)
}

// replaceable reports whether dir is there, and refuses what is no snapshot.
func replaceable(dir string) (there bool, err error) {
	if to, err := os.Readlink(dir); err == nil {
		return true, fmt.Errorf("%s is a link to %s; name that folder itself: %w", dir, to, unix.ELOOP)
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case len(entries) == 0:
		return true, nil
	}
	if _, err := os.Lstat(filepath.Join(dir, marker)); err != nil {
		return true, fmt.Errorf("%s is neither empty nor a snapshot: %w", dir, unix.ENOTEMPTY)
	}
	return true, nil
}

func (t *Tree) writeTo(ctx context.Context, dir string) error {
	still, err := t.freeze(ctx)
	if err != nil {
		return err
	}
	frozen := New(still, t.host, t.release)
	v := &view{t: frozen}
	if err := frozen.copy(ctx, v, frozen.root, dir); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, marker), nil, fileMode)
}

// Modes of a snapshot: it is for everybody to read, whatever the umask.
const (
	folderMode = 0o755
	fileMode   = 0o444
)

// copy writes what is under a folder of the tree.
func (t *Tree) copy(ctx context.Context, v *view, n *node, dir string) error {
	nodes, err := n.list(v)
	if err != nil {
		return err
	}
	for _, c := range nodes {
		at := filepath.Join(dir, c.Name)
		switch {
		case c.host && isNumber(c.Name): // a process, which won't be there for long
		case c.Mode.IsDir():
			err = errors.Join(os.Mkdir(at, folderMode), os.Chmod(at, folderMode))
			if err == nil {
				err = t.copy(ctx, v, c, at)
			}
		case c.Mode&fs.ModeSymlink != 0:
			err = os.Symlink(c.Target, at)
		case c.read != nil:
			text, unreadable := c.read(ctx, Reader{})
			if unreadable != nil {
				continue // like the speed of a device without carrier
			}
			err = errors.Join(os.WriteFile(at, []byte(text), fileMode), os.Chmod(at, fileMode))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isNumber(name string) bool { return strings.Trim(name, "0123456789") == "" }

// frozen is a Source that tells of one moment.
type frozen struct {
	Source
	bonds []bond.State
	texts map[string]map[string]string // by bond and file
}

func (t *Tree) freeze(ctx context.Context) (*frozen, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	f := &frozen{Source: t.src, texts: map[string]map[string]string{}}
	bonds, err := t.src.Brief(ctx)
	if errors.Is(err, control.ErrNoServer) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	for _, b := range bonds {
		st, err := t.src.Bond(ctx, b.Name)
		var texts map[string]string
		if err == nil {
			texts, err = t.src.ReadFiles(ctx, b.Name)
		}
		if errors.Is(err, unix.ENODEV) || errors.Is(err, control.ErrNoServer) {
			continue // it has just gone
		}
		if err != nil {
			return nil, err
		}
		f.bonds, f.texts[st.Name] = append(f.bonds, st), texts
	}
	return f, nil
}

func (f *frozen) Brief(context.Context) ([]bond.State, error) { return f.bonds, nil }

func (f *frozen) Bond(_ context.Context, name string) (bond.State, error) {
	for _, st := range f.bonds {
		if st.Name == name {
			return st, nil
		}
	}
	return bond.State{}, unix.ENODEV
}

func (f *frozen) ReadFileOf(_ context.Context, name string, _ int, file string) (string, error) {
	text, ok := f.texts[name][file]
	if !ok {
		return "", unix.ENOENT
	}
	return text, nil
}
