package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// subscribeRaw opens a socket that receives the messages of a multicast group of
// rtnetlink, whole.
func subscribeRaw(group uint) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (group - 1)}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind: %w", err), unix.Close(fd))
	}
	if mayForce() {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer)
	}
	return os.NewFile(uintptr(fd), "netlink group"), nil
}

// pumpRaw emits what convert makes of each datagram, and lost when the kernel had to
// drop some.
func (w *Watch) pumpRaw(f *os.File, convert func([]byte) []WatchEvent, lost ...WatchEvent) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1<<16)
	for {
		var n int
		var got error
		err := raw.Read(func(fd uintptr) bool {
			n, _, got = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			return !errors.Is(got, unix.EAGAIN) && !errors.Is(got, unix.EINTR)
		})
		events := lost
		switch {
		case err != nil:
			return
		case got == nil:
			events = convert(buf[:n])
		case !errors.Is(got, unix.ENOBUFS):
			return
		}
		for _, ev := range events {
			if !w.emit(ev) {
				return
			}
		}
	}
}

type message struct {
	kind uint16
	data []byte // behind the header
}

// messages splits a datagram. What is malformed ends it.
func messages(b []byte) []message {
	var out []message
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			break
		}
		out = append(out, message{binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:size]})
		b = b[min((size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(b)):]
	}
	return out
}
