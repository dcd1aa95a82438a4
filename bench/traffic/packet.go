package traffic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// FrameConn sends and receives whole Ethernet frames at one interface, tags
// included. Its own frames do not come back, others' sent ones neither.
type FrameConn struct {
	file  *os.File
	raw   syscall.RawConn
	index int
	batch *batch // one message
}

// maxFrame is the room for a frame: a super-frame with tags, and one tag more
// to put back.
const maxFrame = 1<<16 + 64

// ListenFrames opens a packet socket on an interface. filter, nil for none, is
// a socket filter; it sees a received frame without its outer tag.
func ListenFrames(at Place, ifname string, filter []bpf.Instruction) (*FrameConn, error) {
	return listenFrames(at, ifname, unix.ETH_P_ALL, filter)
}

// ListenType opens a packet socket that hears untagged frames of one EtherType
// alone; the others don't pass it, and it costs them nothing.
func ListenType(at Place, ifname string, etherType uint16) (*FrameConn, error) {
	return listenFrames(at, ifname, etherType, nil)
}

func listenFrames(at Place, ifname string, protocol uint16, filter []bpf.Instruction) (*FrameConn, error) {
	c := &FrameConn{batch: newBatch(1, maxFrame, packetControl)}
	var err error
	c.file, err = openIn(at, "frames "+ifname, unix.AF_PACKET, unix.SOCK_RAW, 0, func(fd int) (err error) {
		if c.index, err = interfaceIndex(fd, ifname); err != nil {
			return err
		}
		if err := listenBig(fd); err != nil {
			return err
		}
		if filter != nil {
			if err := attach(fd, filter); err != nil {
				return err
			}
		}
		for name, opt := range map[string]int{"PACKET_AUXDATA": unix.PACKET_AUXDATA, "PACKET_IGNORE_OUTGOING": unix.PACKET_IGNORE_OUTGOING} {
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, opt, 1); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		// Last: before it is bound the socket hears nothing.
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: c.index})
	})
	if err != nil {
		return nil, err
	}
	if c.raw, err = c.file.SyscallConn(); err != nil {
		c.file.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the socket and ends a Receive.
func (c *FrameConn) Close() error { return c.file.Close() }

// SetDeadline is when Receive gives up: os.ErrDeadlineExceeded.
func (c *FrameConn) SetDeadline(t time.Time) error { return c.file.SetReadDeadline(t) }

// Send sends a frame as it is.
func (c *FrameConn) Send(frame []byte) error {
	var errno error
	err := c.raw.Write(func(fd uintptr) bool {
		errno = unix.Sendto(int(fd), frame, 0, &unix.SockaddrLinklayer{Ifindex: c.index})
		return !errors.Is(errno, unix.EAGAIN)
	})
	if err == nil && errno != nil {
		err = fmt.Errorf("%s: send %d octets: %w", c.file.Name(), len(frame), errno)
	}
	return err
}

// Receive waits for a frame and returns it with its tags inline, and when the
// kernel received it. The frame is valid until the next Receive.
func (c *FrameConn) Receive() ([]byte, Stamp, error) {
	var errno syscall.Errno
	for {
		err := c.raw.Read(func(fd uintptr) bool {
			_, errno = c.batch.receive(fd)
			return errno != syscall.EAGAIN
		})
		if err != nil {
			return nil, 0, err
		}
		if errno == 0 {
			break
		}
		if errno != syscall.EINTR && errno != syscall.ENETDOWN { // the interface may come up again
			return nil, 0, fmt.Errorf("%s: recvmmsg: %w", c.file.Name(), errno)
		}
	}
	ctl := c.batch.control(0)
	at := Now()
	if t := kernelTime(ctl); t != 0 {
		at = Stamp(t - wallOffset())
	}
	frame := c.batch.bufs[0][:min(int(c.batch.hdrs[0].Len), maxFrame-4)]
	return restoreTag(frame, ctl), at, nil
}

const sizeofAuxdata = int(unsafe.Sizeof(unix.TpacketAuxdata{}))

// packetControl is the room for receive time and auxiliary data.
var packetControl = timeControl + unix.CmsgSpace(sizeofAuxdata)

// restoreTag puts the outer VLAN tag, which the kernel takes out of received
// frames, back in. frame is at the start of a buffer with room for it.
func restoreTag(frame, ctl []byte) []byte {
	const head = unix.SizeofCmsghdr
	for len(ctl) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&ctl[0]))
		size := int(h.Len)
		if size < head || size > len(ctl) {
			return frame
		}
		if h.Level == unix.SOL_PACKET && h.Type == unix.PACKET_AUXDATA && size >= head+sizeofAuxdata {
			aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&ctl[head]))
			if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 || len(frame) < 12 {
				return frame
			}
			tpid := uint16(tpidCustomer)
			if aux.Status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
				tpid = aux.Vlan_tpid
			}
			frame = frame[:len(frame)+4]
			copy(frame[16:], frame[12:len(frame)-4])
			binary.BigEndian.PutUint16(frame[12:], tpid)
			binary.BigEndian.PutUint16(frame[14:], aux.Vlan_tci)
			return frame
		}
		ctl = ctl[min(len(ctl), unix.CmsgSpace(size-head)):]
	}
	return frame
}
