package traffic

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is a set of message headers over buffers of equal size, for sendmmsg
// and recvmmsg.
type batch struct {
	hdrs []unix.Mmsghdr
	iovs []unix.Iovec
	bufs [][]byte
	ctl  [][]byte // ancillary data, nil without
}

// newBatch makes n messages of size octets each, with room for ctl octets of
// ancillary data.
func newBatch(n, size, ctl int) *batch {
	b := &batch{
		hdrs: make([]unix.Mmsghdr, n), iovs: make([]unix.Iovec, n),
		bufs: make([][]byte, n), ctl: make([][]byte, n),
	}
	for i := range n {
		b.bufs[i] = make([]byte, size)
		b.iovs[i].Base = &b.bufs[i][0]
		b.iovs[i].SetLen(size)
		b.hdrs[i].Hdr.Iov = &b.iovs[i]
		b.hdrs[i].Hdr.SetIovlen(1)
		if ctl > 0 {
			b.ctl[i] = make([]byte, ctl)
			b.hdrs[i].Hdr.Control = &b.ctl[i][0]
			b.hdrs[i].Hdr.SetControllen(ctl)
		}
	}
	return b
}

// send hands the first n messages to the kernel without waiting and returns
// how many it took; errno is set only if it took none.
func (b *batch) send(fd uintptr, n int) (int, syscall.Errno) {
	r, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&b.hdrs[0])), uintptr(n),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// receive takes what is there without waiting. The length of message i is
// hdrs[i].Len.
func (b *batch) receive(fd uintptr) (int, syscall.Errno) {
	for i := range b.hdrs {
		if len(b.ctl[i]) > 0 {
			b.hdrs[i].Hdr.SetControllen(len(b.ctl[i])) // the kernel shortened it
		}
	}
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.hdrs[0])), uintptr(len(b.hdrs)),
		unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// control is the ancillary data of message i.
func (b *batch) control(i int) []byte {
	return b.ctl[i][:b.hdrs[i].Hdr.Controllen]
}

// kernelTime finds the kernel's receive time in ancillary data: nanoseconds on
// the wall clock, 0 if there is none.
func kernelTime(ctl []byte) int64 {
	const head = unix.SizeofCmsghdr
	for len(ctl) >= head {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&ctl[0]))
		size := int(h.Len)
		if size < head || size > len(ctl) {
			return 0
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_TIMESTAMPNS && size >= head+int(unsafe.Sizeof(unix.Timespec{})) {
			return (*unix.Timespec)(unsafe.Pointer(&ctl[head])).Nano()
		}
		ctl = ctl[min(len(ctl), unix.CmsgSpace(size-head)):]
	}
	return 0
}

// timeControl is the room kernelTime needs.
var timeControl = unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{})))
