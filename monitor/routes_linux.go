package monitor

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// routesPace is the least time between two events that say that routes changed:
// a router's table may change many times a second, and what changed isn't read.
const routesPace = 100 * time.Millisecond

// subscribeRoutes opens a socket that hears of every route that comes or goes.
func subscribeRoutes() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	group := func(n uint) uint32 { return 1 << (n - 1) }
	groups := group(unix.RTNLGRP_IPV4_ROUTE) | group(unix.RTNLGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("bind: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "netlink routes"), nil
}

// pumpRoutes says that routes changed, not which: one event for all that have
// come. What the socket had no room for is a change as well.
func (w *Watch) pumpRoutes(f *os.File) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1<<16)
	drain := func(fd uintptr) (heard bool) {
		for {
			_, _, err := unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
			switch {
			case err == nil, errors.Is(err, unix.ENOBUFS):
				heard = true
			case !errors.Is(err, unix.EINTR):
				return heard
			}
		}
	}
	for raw.Read(drain) == nil && w.emit(WatchEvent{Routes: true}) {
		select {
		case <-w.done:
			return
		case <-time.After(routesPace):
		}
	}
}
