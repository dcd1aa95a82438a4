package lab

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Counter counts the frames of one interface and direction that a filter
// accepts, exactly and without reading any: it is a packet socket with hardly
// any room, whose statistics count what it could not take as well.
type Counter struct {
	mu    sync.Mutex
	fd    int
	total uint64
}

// Seen says which frames of an interface are meant.
type Seen uint8

// Frames of an interface.
const (
	Received Seen = iota // come in, before any ingress hook
	SentOut              // handed to the driver, after queueing disciplines
)

// Count starts a counter on an interface of the host. match is a socket
// filter: other than 0 counts. nil counts every frame. The frame begins at the
// destination MAC; the outer VLAN tag of a received one is missing. Frames
// sent from a packet socket that bypasses queueing disciplines are not seen.
func (h *Host) Count(ifname string, seen Seen, match []bpf.Instruction) (*Counter, error) {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", h.Name, ifname, err)
	}
	c := &Counter{fd: -1}
	err = h.Do(func() (err error) {
		c.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s %s: packet socket: %w", h.Name, ifname, err)
	}
	if err := c.open(link.Attrs().Index, seen, match); err != nil {
		c.Close()
		return nil, fmt.Errorf("%s %s: counter: %w", h.Name, ifname, err)
	}
	return c, nil
}

// open prepares the socket; it hears nothing before it is bound at the end.
func (c *Counter) open(index int, seen Seen, match []bpf.Instruction) error {
	if match == nil {
		match = []bpf.Instruction{bpf.RetConstant{Val: 1}}
	}
	if seen == Received {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
			return fmt.Errorf("PACKET_IGNORE_OUTGOING: %w", err)
		}
	} else {
		match = append([]bpf.Instruction{
			bpf.LoadExtension{Num: bpf.ExtType},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: 1},
			bpf.RetConstant{Val: 0},
		}, match...)
	}
	raw, err := bpf.Assemble(match)
	if err != nil {
		return err
	}
	program := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		program[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.SetsockoptSockFprog(c.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &fprog); err != nil {
		return fmt.Errorf("SO_ATTACH_FILTER: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil { // the kernel's minimum
		return fmt.Errorf("SO_RCVBUF: %w", err)
	}
	var protocol [2]byte
	binary.BigEndian.PutUint16(protocol[:], unix.ETH_P_ALL)
	return unix.Bind(c.fd, &unix.SockaddrLinklayer{
		Protocol: binary.NativeEndian.Uint16(protocol[:]), Ifindex: index,
	})
}

// Read returns the frames counted since the start. More than 2^32 between two
// calls are counted wrong.
func (c *Counter) Read() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var stats unix.TpacketStats
	size := uint32(unsafe.Sizeof(stats))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(c.fd), unix.SOL_PACKET, unix.PACKET_STATISTICS,
		uintptr(unsafe.Pointer(&stats)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("getsockopt PACKET_STATISTICS: %w", errno)
	}
	c.total += uint64(stats.Packets) // reading sets the kernel's to 0; drops are included
	return c.total, nil
}

// Close ends the counting.
func (c *Counter) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return nil
	}
	err := unix.Close(c.fd)
	c.fd = -1
	return err
}
