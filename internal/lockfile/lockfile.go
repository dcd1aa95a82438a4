// Package lockfile has locks between processes: files that are there only while
// somebody holds them.
package lockfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeld says that another process, or another Take of this one, has the lock.
var ErrHeld = errors.New("held by another process")

// Take takes the lock at path, in a folder that is there, or returns ErrHeld. Who
// has it removes the file and then closes it, in that order: what was locked must
// still be what has the name. A killed process's is nobody's.
func Take(path string) (*os.File, error) {
	for {
		lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			lock.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, ErrHeld
			}
			return nil, fmt.Errorf("flock %s: %w", path, err)
		}
		locked, err := lock.Stat()
		if err != nil {
			lock.Close()
			return nil, err
		}
		if named, err := os.Lstat(path); err == nil && os.SameFile(locked, named) {
			return lock, nil
		}
		lock.Close()
	}
}
