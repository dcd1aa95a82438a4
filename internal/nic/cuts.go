package nic

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cutter takes the beginnings of many frames with few calls.
type cutter struct {
	r       reader
	into    []Cut
	got     int        // of the last call
	later   unix.Errno // an error that the next wait shall see
	hdrs    [batchSize]unix.Mmsghdr
	iov     [batchSize]unix.Iovec
	from    [batchSize]unix.RawSockaddrLinklayer
	control [batchSize][64]byte
}

func newCutter(c *afControl) *cutter {
	in := &cutter{}
	for i := range in.hdrs {
		h := &in.hdrs[i].Hdr
		h.Iov = &in.iov[i]
		h.Iovlen = 1
		h.Name = (*byte)(unsafe.Pointer(&in.from[i]))
		h.Control = &in.control[i][0]
	}
	in.r.init(c.rx, c.rx, c.index, in.take)
	return in
}

// take is one recvmmsg into the cuts that are still empty.
func (in *cutter) take(fd uintptr) unix.Errno {
	if errno := in.later; errno != 0 {
		in.later = 0
		return errno
	}
	want := min(len(in.into), batchSize)
	for i := range want {
		h := &in.hdrs[i].Hdr
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.SetControllen(auxLen)
		in.iov[i].Base = &in.into[i].Data[0]
		in.iov[i].SetLen(CutLen)
	}
	n, errno := recvmmsg(fd, in.hdrs[:want])
	for i := range want {
		in.iov[i].Base = nil
	}
	in.got = n
	return errno
}

// keep describes the frames of the last call, but for those that this host sent,
// and returns how many they are.
func (in *cutter) keep() int {
	n := 0
	for i := range in.got {
		if in.from[i].Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if n != i {
			in.into[n].Data = in.into[i].Data
		}
		got := Received{N: min(int(in.hdrs[i].Len), CutLen), Type: in.from[i].Pkttype}
		got.TPID, got.TCI, got.Tagged = vlanTag(auxdata(in.control[i][:in.hdrs[i].Hdr.Controllen]))
		in.into[n].Received = got
		n++
	}
	return n
}

// ReceiveCuts implements ControlPort.
func (c *afControl) ReceiveCuts(cuts []Cut) (int, error) {
	if c.in == nil {
		c.in = newCutter(c)
	}
	in := c.in
	defer func() { in.into = nil }()
	for total := 0; ; {
		in.into, in.got = cuts[total:], 0
		full := min(len(in.into), batchSize)
		if total == 0 {
			if err := in.r.wait(); err != nil {
				return 0, err
			}
		} else if c.rx.Control(func(fd uintptr) {
			if errno := in.take(fd); errno != 0 && errno != unix.EAGAIN {
				in.later = errno
			}
		}) != nil {
			return total, nil // closed, as the next call finds
		}
		total += in.keep()
		if total > 0 && (in.got < full || total == len(cuts)) {
			return total, nil
		}
	}
}
