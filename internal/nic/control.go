package nic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/tapbond/tapbond/internal/park"
	"golang.org/x/sys/unix"
)

// controlPriority is the highest a socket may ask for without more rights.
const controlPriority = 7

// controlBuffer is the receive buffer's size in bytes: room for some thousand
// LACPDUs, a tenth of a second of a flood.
const controlBuffer = 512 << 10

// afControl is a ControlPort over a packet socket.
type afControl struct {
	rx    *park.File // unknown to the netpoller: a flood must not wake a thread for each frame
	index int
	r     reader
	hears atomic.Bool
	in    *cutter // of ReceiveCuts

	// The receiver's scratch.
	hdr     [1]unix.Mmsghdr
	iov     unix.Iovec
	from    unix.RawSockaddrLinklayer
	control [64]byte
}

var _ ControlPort = (*afControl)(nil)

// OpenControl opens the control socket of an interface, which may be down.
func OpenControl(ifi *net.Interface, f Filter) (ControlPort, error) {
	conn, raw, err := listen(ifi, 0)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // and with it the netpoller's interest in the socket
	c := &afControl{index: ifi.Index}
	if c.rx, err = park.Dup(raw, "packet"); err != nil {
		return nil, fmt.Errorf("slave %s: control: %w", ifi.Name, err)
	}
	err = withFD(c.rx, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, controlPriority); err != nil {
			return fmt.Errorf("setsockopt SO_PRIORITY: %w", err)
		}
		return setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, "SO_RCVBUF", controlBuffer)
	})
	if err == nil {
		err = c.SetFilter(f)
	}
	if err != nil {
		c.rx.Close()
		return nil, fmt.Errorf("slave %s: control: %w", ifi.Name, err)
	}
	h := &c.hdr[0].Hdr
	h.Iov = &c.iov
	h.Iovlen = 1
	h.Name = (*byte)(unsafe.Pointer(&c.from))
	h.Control = &c.control[0]
	c.r.init(c.rx, c.rx, ifi.Index, c.take)
	return c, nil
}

// SetFilter implements ControlPort. Until something is let through the socket is
// not among those that each frame of data is shown to; once it is it stays, as
// the kernel would wait for all processors to take it out.
func (c *afControl) SetFilter(f Filter) error {
	if err := withFD(c.rx, func(fd int) error { return attach(fd, f.program()) }); err != nil || f.empty() || c.hears.Swap(true) {
		return err
	}
	var all [2]byte
	binary.BigEndian.PutUint16(all[:], unix.ETH_P_ALL)
	return withFD(c.rx, func(fd int) error {
		err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: c.index, Protocol: binary.NativeEndian.Uint16(all[:])})
		if err != nil {
			c.hears.Store(false)
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	})
}

// Send implements ControlPort.
func (c *afControl) Send(frame []byte) error {
	return withFD(c.rx, func(fd int) error {
		err := unix.Send(fd, frame, unix.MSG_DONTWAIT)
		if errors.Is(err, unix.ENETDOWN) {
			// The socket tells once that its interface was down, even if that
			// is long past.
			err = unix.Send(fd, frame, unix.MSG_DONTWAIT)
		}
		return err
	})
}

func (c *afControl) take(fd uintptr) unix.Errno {
	h := &c.hdr[0].Hdr
	h.Namelen = unix.SizeofSockaddrLinklayer
	h.SetControllen(auxLen)
	_, errno := recvmmsg(fd, c.hdr[:])
	return errno
}

// Receive implements ControlPort.
func (c *afControl) Receive(buf []byte) (Received, error) {
	if len(buf) == 0 {
		return Received{}, errors.New("control: empty buffer")
	}
	c.iov.Base = &buf[0]
	c.iov.SetLen(len(buf))
	defer func() { c.iov.Base = nil }()
	for {
		if err := c.r.wait(); err != nil {
			return Received{}, err
		}
		h := &c.hdr[0]
		if h.Hdr.Flags&unix.MSG_TRUNC != 0 || c.from.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		got := Received{N: int(h.Len), Type: c.from.Pkttype}
		got.TPID, got.TCI, got.Tagged = vlanTag(auxdata(c.control[:h.Hdr.Controllen]))
		return got, nil
	}
}

// JoinGroup implements ControlPort.
func (c *afControl) JoinGroup(mac MAC) error { return c.group(unix.PACKET_ADD_MEMBERSHIP, mac) }

// LeaveGroup implements ControlPort.
func (c *afControl) LeaveGroup(mac MAC) error { return c.group(unix.PACKET_DROP_MEMBERSHIP, mac) }

func (c *afControl) group(op int, mac MAC) error {
	return withFD(c.rx, func(fd int) error { return member(fd, c.index, op, unix.PACKET_MR_MULTICAST, mac) })
}

// Close implements ControlPort.
func (c *afControl) Close() error {
	if err := c.rx.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
