package monitor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// HookEvent says that a queueing discipline or a filter of a device was removed.
type HookEvent struct {
	Index int // 0: events were lost, it may have been any device
}

// tcMsg is struct tcmsg of linux/rtnetlink.h as far as it is read.
type tcMsg struct {
	_       uint8
	_       [3]uint8
	ifindex int32
}

// subscribeHooks opens a socket that receives every change to qdiscs and filters.
func subscribeHooks() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_TC - 1)}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind: %w", err), unix.Close(fd))
	}
	if mayForce() {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer)
	}
	return os.NewFile(uintptr(fd), "netlink hooks"), nil
}

// pumpHooks reports removals, one event for each device and datagram.
func (w *Watch) pumpHooks(f *os.File) {
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
		if err != nil {
			return
		}
		if errors.Is(got, unix.ENOBUFS) {
			if !w.emit(WatchEvent{Hook: &HookEvent{}}) {
				return
			}
			continue
		}
		if got != nil {
			return
		}
		for _, index := range removals(buf[:n]) {
			if !w.emit(WatchEvent{Hook: &HookEvent{Index: index}}) {
				return
			}
		}
	}
}

// removals are the devices of the RTM_DELQDISC and RTM_DELTFILTER messages in a
// datagram, each once where they come in a row.
func removals(b []byte) []int {
	var out []int
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return out
		}
		kind := binary.NativeEndian.Uint16(b[4:])
		if (kind == unix.RTM_DELQDISC || kind == unix.RTM_DELTFILTER) && size >= unix.NLMSG_HDRLEN+int(unsafe.Sizeof(tcMsg{})) {
			index := int(int32(binary.NativeEndian.Uint32(b[unix.NLMSG_HDRLEN+int(unsafe.Offsetof(tcMsg{}.ifindex)):])))
			if len(out) == 0 || out[len(out)-1] != index {
				out = append(out, index)
			}
		}
		b = b[min((size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(b)):]
	}
	return out
}
