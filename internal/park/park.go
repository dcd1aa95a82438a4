// Package park waits for a descriptor to become readable, and is told of it
// once.
//
// Go's netpoller is told of every frame that arrives on a descriptor it knows,
// whether somebody waits for it or not: while a worker is busy with one batch,
// each frame of the next wakes another thread, which finds nothing to do. Under
// load that cost half of the processor time (docs/performance.md). A File is
// therefore unknown to the netpoller. It has an epoll of its own, armed for one
// event when its reader goes to sleep, and the netpoller knows that epoll.
// Before it sleeps a reader that is woken for every frame lingers (linger.go).
package park

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// File is a descriptor that one goroutine reads. The methods other than Read
// may be called by any goroutine.
type File struct {
	file *os.File // the descriptor
	raw  syscall.RawConn
	fd   int32
	ep   *os.File // what its reader sleeps on
	wait syscall.RawConn

	// The reader's own: the callbacks are made once, or they would be
	// allocated for every call.
	fn    func(fd uintptr) bool
	done  bool
	armed bool
	empty time.Duration // when there was nothing to read the last time, since start
	tries int           // of lingering in this wait
	try   func(fd uintptr)
	sleep func(ep uintptr) bool
}

var _ syscall.RawConn = (*File)(nil)

// Dup makes a File of the descriptor behind conn, which stays open and is to
// be closed by its owner: until then the netpoller watches it.
func Dup(conn syscall.RawConn, name string) (*File, error) {
	fd, err := -1, error(nil)
	if e := conn.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) }); e != nil {
		return nil, e
	}
	if err != nil {
		return nil, fmt.Errorf("dup: %w", err)
	}
	return New(fd, name)
}

// New makes a File of fd, which it owns from now on, even on an error. fd
// becomes non-blocking.
func New(fd int, name string) (*File, error) {
	// os.NewFile registers what doesn't block; so it is made to block first.
	if err := unix.SetNonblock(fd, false); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	f := &File{file: os.NewFile(uintptr(fd), name), fd: int32(fd)}
	f.try = func(fd uintptr) { f.done = f.fn(fd) }
	f.sleep = f.doze
	if err := f.open(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *File) open() error {
	if err := unix.SetNonblock(int(f.fd), true); err != nil {
		return err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil { // what os.NewFile gives to the netpoller
		return errors.Join(err, unix.Close(ep))
	}
	f.ep = os.NewFile(uintptr(ep), "epoll")
	if f.raw, err = f.file.SyscallConn(); err != nil {
		return err
	}
	if f.wait, err = f.ep.SyscallConn(); err != nil {
		return err
	}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, int(f.fd), &unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: f.fd}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// Read calls fn with the descriptor until fn returns true, and sleeps between
// the calls until the descriptor is readable or has an error. Its own error is
// os.ErrClosed or os.ErrDeadlineExceeded.
func (f *File) Read(fn func(fd uintptr) bool) error {
	f.fn, f.tries = fn, 0
	for {
		if f.raw.Control(f.try) != nil {
			return os.ErrClosed
		}
		if f.done {
			return nil
		}
		if f.linger() {
			continue
		}
		f.armed, f.tries = false, 0
		if err := f.wait.Read(f.sleep); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return os.ErrDeadlineExceeded
			}
			return os.ErrClosed
		}
	}
}

// doze arms the epoll and, called again, takes its event; that disarms it.
func (f *File) doze(ep uintptr) bool {
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: f.fd}
	if !f.armed {
		f.armed = true
		_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, ep, unix.EPOLL_CTL_MOD, uintptr(f.fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
		return errno != 0 // closed meanwhile: the next call to try says so
	}
	n, _, _ := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, ep, uintptr(unsafe.Pointer(&ev)), 1, 0, 0, 0)
	return n != 0
}

// Control calls fn with the descriptor and keeps it open meanwhile.
func (f *File) Control(fn func(fd uintptr)) error {
	if f.raw.Control(fn) != nil {
		return os.ErrClosed
	}
	return nil
}

// Write isn't provided: nobody here waits for room.
func (f *File) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

// SetReadDeadline has Read return os.ErrDeadlineExceeded from then on instead
// of sleeping; the zero time means never.
func (f *File) SetReadDeadline(t time.Time) error { return f.ep.SetReadDeadline(t) }

// Close wakes Read. The descriptor is given back when nothing uses it any more.
func (f *File) Close() error {
	var errs []error
	if f.ep != nil {
		errs = append(errs, f.ep.Close())
	}
	return errors.Join(append(errs, f.file.Close())...)
}
