package nic

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cutter takes the beginnings of many frames with one call.
type cutter struct {
	r       reader
	want    int // messages of the next recvmmsg
	got     int // and of the last
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

func (in *cutter) take(fd uintptr) unix.Errno {
	for i := range in.want {
		h := &in.hdrs[i].Hdr
		h.Namelen = unix.SizeofSockaddrLinklayer
		h.SetControllen(auxLen)
	}
	n, errno := recvmmsg(fd, in.hdrs[:in.want])
	in.got = n
	return errno
}

// ReceiveCuts implements ControlPort.
func (c *afControl) ReceiveCuts(cuts []Cut) (int, error) {
	if c.in == nil {
		c.in = newCutter(c)
	}
	in := c.in
	in.want = min(len(cuts), batchSize)
	for i := range in.want {
		in.iov[i].Base = &cuts[i].Data[0]
		in.iov[i].SetLen(CutLen)
	}
	defer func() {
		for i := range in.want {
			in.iov[i].Base = nil
		}
	}()
	for {
		in.got = 0
		if err := in.r.wait(); err != nil {
			return 0, err
		}
		n := 0
		for i := range in.got {
			if in.from[i].Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			if n != i {
				cuts[n].Data = cuts[i].Data
			}
			got := Received{N: min(int(in.hdrs[i].Len), CutLen), Type: in.from[i].Pkttype}
			got.TPID, got.TCI, got.Tagged = vlanTag(auxdata(in.control[i][:in.hdrs[i].Hdr.Controllen]))
			cuts[n].Received = got
			n++
		}
		if n > 0 {
			return n, nil
		}
	}
}
