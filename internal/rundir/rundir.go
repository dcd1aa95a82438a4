// Package rundir makes and opens what a daemon keeps under its run folder, so that
// nobody else can have put something there for it: each part of the path has an
// owner, a mode and a type that exclude it.
package rundir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links are followed on the way to a folder.
const maxLinks = 16

// Make makes a folder, with those above it that are missing, whatever the umask is,
// and returns an error if somebody else could change what is in it.
func Make(dir string) error {
	dir = filepath.Clean(dir)
	if err := make1(dir); err != nil {
		return err
	}
	return Check(dir)
}

func make1(dir string) error {
	if _, err := os.Lstat(dir); err == nil {
		return nil // Check judges it
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := make1(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, os.ErrExist) {
		return nil // by another process of ours, or not: Check judges it
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// Check returns an error unless a folder belongs to root or to the caller and nobody
// else could change it or put another one in its place.
func Check(dir string) error {
	dir = filepath.Clean(dir)
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		return refuse(dir, "is a link")
	case !info.IsDir():
		return refuse(dir, "is no folder")
	case !owned(info):
		return refuse(dir, fmt.Sprintf("belongs to user %d", uid(info)))
	case info.Mode().Perm()&0o022 != 0:
		return refuse(dir, fmt.Sprintf("can be written to by others (mode %04o)", info.Mode().Perm()))
	}
	return above(filepath.Dir(dir), maxLinks)
}

// above checks the folders on the way. In one that others may write to, a folder
// stays what it is only if it is sticky, as /tmp is.
func above(dir string, links int) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !owned(info) && !unmapped(uid(info)) {
		return refuse(dir, fmt.Sprintf("belongs to user %d, who could put another folder in the place of the one in it", uid(info)))
	}
	if info.Mode()&os.ModeSymlink != 0 {
		to, err := os.Readlink(dir)
		if err != nil || links == 0 {
			return errors.Join(refuse(dir, "is a link that can't be followed"), err)
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(dir), to)
		}
		if err := above(filepath.Clean(to), links-1); err != nil {
			return err
		}
	} else if open := info.Mode().Perm() & 0o022; open != 0 && info.Mode()&os.ModeSticky == 0 && (open&0o002 != 0 || gid(info) != 0) {
		return refuse(dir, fmt.Sprintf("can be written to by others (mode %04o)", info.Mode().Perm()))
	}
	if up := filepath.Dir(dir); up != dir {
		return above(up, links)
	}
	return nil
}

func refuse(dir, why string) error {
	return fmt.Errorf("run folder: %s %s: it is not used; remove it, or set TAPBOND_RUN to another place", dir, why)
}

func stat(info os.FileInfo) *syscall.Stat_t {
	st, _ := info.Sys().(*syscall.Stat_t)
	return st
}

func uid(info os.FileInfo) int { return int(stat(info).Uid) }
func gid(info os.FileInfo) int { return int(stat(info).Gid) }

func owned(info os.FileInfo) bool { return uid(info) == 0 || uid(info) == os.Geteuid() }

// unmapped reports whether an owner is none of this user namespace: what is above a
// container may belong to the root outside.
func unmapped(uid int) bool {
	u := userNamespace()
	return u.inner && uid == u.overflow
}

type users struct {
	inner    bool
	overflow int
}

var userNamespace = sync.OnceValue(func() users {
	u := users{overflow: 65534}
	if text, err := os.ReadFile("/proc/self/uid_map"); err == nil {
		f := strings.Fields(string(text))
		u.inner = len(f) != 3 || f[0] != "0" || f[1] != "0" || f[2] != "4294967295"
	}
	if text, err := os.ReadFile("/proc/sys/kernel/overflowuid"); err == nil {
		_, _ = fmt.Sscan(string(text), &u.overflow)
	}
	return u
})

// Create makes a file that isn't there, for its owner alone. Nothing is followed and
// nothing overwritten.
func Create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o600); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Open opens a file with these flags, one of root's or the caller's own that has no
// other name. It is made if the flags say so.
func Open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a link, which is not followed: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file", path)
	case !owned(info):
		err = fmt.Errorf("%s belongs to user %d", path, uid(info))
	case stat(info).Nlink > 1:
		err = fmt.Errorf("%s has another name, too", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
