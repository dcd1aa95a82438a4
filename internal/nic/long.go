package nic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/tapbond/tapbond/internal/vnet"
	"golang.org/x/sys/unix"
)

// long sends frames that are over the MTU by their VLAN tags alone. A packet
// socket's send lets one 802.1Q tag be extra, and refuses a full frame with two
// tags or an 802.1ad one; its ring, if it speaks virtio-net headers, has no such
// limit. VLAN devices on the kernel's bonding send them, so we must. They are few:
// super-frames have no limit. The ring is made for the first one.
//
// A slot is its header, a virtio-net header and the frame, which the kernel copies
// whole (HdrLen says so): none of the ring is with the NIC afterwards.
type long struct {
	index int

	mu     sync.Mutex // writers share the ring; it is unmapped with the port
	closed bool
	err    error // why there is no ring
	out    *os.File
	fd     int
	ring   []byte
	size   int // of a slot
	next   int
}

// slotData is where a slot of TPACKET_V2 has its data.
const slotData = (unix.SizeofTpacket2Hdr + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1)

// stacked says whether a frame has tags that a packet socket's send doesn't count
// as extra.
func stacked(f []byte) bool {
	if len(f) < 18 {
		return false
	}
	switch binary.BigEndian.Uint16(f[12:]) {
	case unix.ETH_P_8021AD:
		return true
	case unix.ETH_P_8021Q:
		inner := binary.BigEndian.Uint16(f[16:])
		return inner == unix.ETH_P_8021Q || inner == unix.ETH_P_8021AD
	}
	return false
}

// send sends one frame behind its virtio-net header. EMSGSIZE is left for a frame
// that is really too long.
func (l *long) send(b []byte, live bool) unix.Errno {
	if !stacked(b[vnet.HdrLen:]) {
		return unix.EMSGSIZE
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.open(len(b)); err != nil {
		return unix.EMSGSIZE
	}
	slot := l.ring[l.next*l.size:][:l.size]
	hdr := (*unix.Tpacket2Hdr)(unsafe.Pointer(&slot[0]))
	if atomic.LoadUint32(&hdr.Status) != unix.TP_STATUS_AVAILABLE {
		return unix.ENOBUFS // still on its way
	}
	var h vnet.Hdr
	if live {
		h.Decode(b)
	}
	h.HdrLen = uint16(len(b) - vnet.HdrLen)
	h.Encode(slot[slotData:])
	copy(slot[slotData+vnet.HdrLen:], b[vnet.HdrLen:])
	hdr.Len = uint32(len(b))
	atomic.StoreUint32(&hdr.Status, unix.TP_STATUS_SEND_REQUEST)
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(l.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	switch {
	case errno != 0: // the kernel is still at this slot
		atomic.StoreUint32(&hdr.Status, unix.TP_STATUS_AVAILABLE)
		return errno
	case n == 0:
		errno = unix.EINVAL // passed over, PACKET_LOSS
	}
	l.next = (l.next + 1) % (len(l.ring) / l.size)
	return errno
}

// open has the ring ready for n bytes with the virtio-net header.
func (l *long) open(n int) error {
	if l.closed || l.err != nil {
		return errors.Join(l.err, os.ErrClosed)
	}
	if l.ring != nil && slotData+n <= l.size {
		return nil
	}
	l.unmap()
	l.err = l.make(n)
	return l.err
}

func (l *long) make(n int) error {
	size := 2048
	for size < slotData+n {
		size *= 2
	}
	block := max(size, os.Getpagesize())
	blocks := max(4, 256<<10/block)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	out := os.NewFile(uintptr(fd), "packet ring")
	req := unix.TpacketReq{Block_size: uint32(block), Block_nr: uint32(blocks), Frame_size: uint32(size), Frame_nr: uint32(blocks * (block / size))}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2),
		setOne(fd, unix.PACKET_VNET_HDR, "PACKET_VNET_HDR"),
		setOne(fd, unix.PACKET_LOSS, "PACKET_LOSS"),
		unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_TX_RING, &req),
		unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: l.index}))
	if err != nil {
		return errors.Join(fmt.Errorf("ring of a packet socket: %w", err), out.Close())
	}
	ring, err := unix.Mmap(fd, 0, block*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return errors.Join(fmt.Errorf("ring of a packet socket: mmap: %w", err), out.Close())
	}
	l.out, l.fd, l.ring, l.size, l.next = out, fd, ring, size, 0
	return nil
}

func (l *long) unmap() error {
	if l.ring == nil {
		return nil
	}
	err := errors.Join(unix.Munmap(l.ring), l.out.Close())
	l.ring = nil
	return err
}

// Close gives the ring back; what is sent later is refused.
func (l *long) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.unmap()
}
