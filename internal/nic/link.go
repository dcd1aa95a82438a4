package nic

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A packet socket says ENETDOWN once when its interface is set down, and
// nothing more if the interface is then deleted: the kernel has taken the
// socket off the interface by then (packet_notifier). So once a reader has
// seen ENETDOWN it looks every now and then whether the interface still
// exists, until it is up. The socket's own name tells: its index becomes -1
// when the interface is deleted or moved to another namespace, whatever takes
// over the index or the name later.

type linkState int

const (
	linkUp linkState = iota
	linkDown
	linkGone
)

// How long a reader on a down interface sleeps between looks: from the first,
// doubling, to the last.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 160 * time.Millisecond
)

// look returns the state of the interface that the packet socket fd was bound
// to as index.
func look(fd, index int) linkState {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return linkGone
	}
	if ll, ok := sa.(*unix.SockaddrLinklayer); ok && ll.Ifindex != index {
		return linkGone
	}
	ifr, err := nameOf(fd, index)
	if err != nil || unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr) != nil {
		return linkDown // between two states, or renamed this instant
	}
	if ifr.Uint16()&unix.IFF_UP == 0 {
		return linkDown
	}
	return linkUp
}

// nameOf returns a request that carries the present name of interface index in
// the namespace of the socket fd.
func nameOf(fd, index int) (*unix.Ifreq, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return nil, err
	}
	ifr.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, ifr); err != nil {
		return nil, err
	}
	return unix.NewIfreq(ifr.Name())
}

// deadliner bounds a RawConn's waiting.
type deadliner interface{ SetReadDeadline(t time.Time) error }

// reader waits for frames on a packet socket, through any number of downs and
// ups of its interface. It is one goroutine's.
type reader struct {
	conn  deadliner
	raw   syscall.RawConn
	index int

	// take tries to receive without waiting. EAGAIN makes the reader wait,
	// 0 makes it return; any other errno makes it look at the interface.
	take func(fd uintptr) unix.Errno

	try   func(fd uintptr) bool // wraps take for RawConn.Read
	errno unix.Errno            // take's last answer
	waked bool                  // take said EAGAIN before, in this wait
	sleep time.Duration         // 0 unless the interface is being looked after
}

func (r *reader) init(conn deadliner, raw syscall.RawConn, index int, take func(fd uintptr) unix.Errno) {
	r.conn, r.raw, r.index, r.take = conn, raw, index, take
	r.try = func(fd uintptr) bool {
		r.errno = r.take(fd)
		if r.errno == unix.EAGAIN && !r.waked {
			r.waked = true
			return false
		}
		// EAGAIN after a wake-up means that there was an error to be had and
		// another call on the socket had it. Look.
		return true
	}
}

// wait returns nil when take succeeded, or a final error.
func (r *reader) wait() error {
	for {
		r.waked = false
		err := r.raw.Read(r.try)
		if err == nil && r.errno == 0 {
			if r.sleep != 0 {
				r.sleep = 0
				r.conn.SetReadDeadline(time.Time{})
			}
			return nil
		}
		state := linkUp
		gone := r.raw.Control(func(fd uintptr) { state = look(int(fd), r.index) })
		switch {
		case gone != nil:
			return os.ErrClosed
		case state == linkGone:
			return ErrGone
		case state == linkDown:
			r.sleep = min(max(2*r.sleep, firstLook), lastLook)
			r.conn.SetReadDeadline(time.Now().Add(r.sleep))
		case r.sleep != 0:
			r.sleep = 0
			r.conn.SetReadDeadline(time.Time{})
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			// The netpoller refuses to wait on a socket that has an error and
			// nothing else. The error is gone once it was read: sleep without
			// the netpoller until then.
			r.raw.Control(func(fd uintptr) {
				if e := r.take(fd); e == unix.EAGAIN {
					fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
					unix.Poll(fds, int(firstLook/time.Millisecond))
				}
			})
		}
	}
}
