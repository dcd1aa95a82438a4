package tap

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Elsewhere reports whether a TAP that isn't in this network namespace any more is
// in another one, by its open queues; else it was deleted. Linux before 5.2 doesn't
// say.
func (d *device) Elsewhere() bool {
	err := d.control(func(fd int) error {
		ns, err := unix.IoctlRetInt(fd, unix.TUNGETDEVNETNS)
		if err == nil {
			err = unix.Close(ns)
		}
		return err
	})
	return err == nil
}

// Discard closes the queues of a TAP that isn't in this network namespace any more.
// One that was moved to another namespace is deleted by that: it doesn't outlive its
// queues.
func (d *device) Discard() error {
	err := d.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 0) })
	if errors.Is(err, unix.EBADFD) { // deleted
		err = nil
	}
	return errors.Join(err, d.Close())
}
