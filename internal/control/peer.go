package control

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peers is a listener whose connections tell who is at their other end as
// their remote address. Permission is the socket file's; this is for the log.
type peers struct{ net.Listener }

// Accept implements net.Listener.
func (l peers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if u, ok := conn.(*net.UnixConn); ok && err == nil {
		return &peerConn{u, peerOf(u)}, nil
	}
	return conn, err
}

type peerConn struct {
	*net.UnixConn
	peer peer
}

// RemoteAddr implements net.Conn.
func (c *peerConn) RemoteAddr() net.Addr { return c.peer }

// peer is a process as an address.
type peer struct{ pid, uid int }

func (peer) Network() string  { return "unix" }
func (p peer) String() string { return fmt.Sprintf("pid %d uid %d", p.pid, p.uid) }

func peerOf(u *net.UnixConn) peer {
	raw, err := u.SyscallConn()
	if err != nil {
		return peer{}
	}
	p := peer{uid: -1}
	_ = raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{int(c.Pid), int(c.Uid)}
		}
	})
	return p
}
