package nic

import (
	"github.com/tapbond/tapbond/internal/vnet"
	"golang.org/x/sys/unix"
)

// sender is one goroutine's Writer on a Port, with its own scratch, so that
// writers share nothing but the socket.
type sender struct {
	port *afPort
	pkts []vnet.Packet
	sent vnet.Sent
	fn   func(fd uintptr)

	hdrs [batchSize]unix.Mmsghdr
	iov  [batchSize][2]unix.Iovec
	zero [vnet.HdrLen]byte // the header of a frame that needs nothing
}

// Writer implements Port.
func (p *afPort) Writer() vnet.Writer {
	w := &sender{port: p}
	for i := range w.hdrs {
		h := &w.hdrs[i].Hdr
		h.Iov = &w.iov[i][0]
		h.Iovlen = 1
		if p.header && !p.offload {
			w.iov[i][0].Base = &w.zero[0]
			w.iov[i][0].SetLen(len(w.zero))
			h.Iovlen = 2
		}
	}
	w.fn = w.send
	return w
}

// WriteBatch implements vnet.Writer.
func (w *sender) WriteBatch(pkts []vnet.Packet) vnet.Sent {
	w.pkts, w.sent = pkts, vnet.Sent{}
	if w.port.outRaw.Control(w.fn) != nil {
		w.sent = vnet.Sent{Down: len(pkts), Err: unix.EBADF}
	}
	w.pkts = nil
	return w.sent
}

// load points header i at a frame.
func (w *sender) load(i int, p *vnet.Packet) {
	b, v := p.Buf, 0
	switch {
	case !w.port.header:
		b = b[vnet.HdrLen:]
	case !w.port.offload:
		b, v = b[vnet.HdrLen:], 1
	}
	w.iov[i][v].Base = &b[0]
	w.iov[i][v].SetLen(len(b))
}

// send is a WriteBatch with the descriptor held. sendmmsg stops at the first
// frame that fails, and says why when it is called again with that one first.
func (w *sender) send(fd uintptr) {
	s := &w.sent
	retried := false
	for rest := w.pkts; len(rest) > 0; {
		n := min(len(rest), batchSize)
		for i := range n {
			w.load(i, &rest[i])
		}
		done, errno := sendmmsg(fd, w.hdrs[:n])
		if errno == 0 {
			for i := range done {
				s.Octets += len(rest[i].Buf) - vnet.HdrLen
			}
			s.OK += done
			rest = rest[done:]
			continue
		}
		if errno == unix.EINTR {
			continue
		}
		if errno == unix.EMSGSIZE {
			if errno = w.port.long.send(rest[0].Buf, w.port.offload); errno == 0 {
				s.Octets += len(rest[0].Buf) - vnet.HdrLen
				s.OK++
				rest = rest[1:]
				continue
			}
		}
		s.Err = errno
		switch errno {
		case unix.ENOBUFS, unix.EAGAIN, unix.ENOMEM:
			// One more try, then the slave has had its chance: the others wait.
			if retried {
				s.Full += len(rest)
				return
			}
			retried = true
			continue
		case unix.ENETDOWN, unix.ENXIO, unix.ENODEV:
			// ENETDOWN may be news of a down long past, told once.
			if retried {
				s.Down += len(rest)
				return
			}
			retried = true
			continue
		case unix.EMSGSIZE:
			s.TooBig++
		case unix.EINVAL:
			s.Invalid++
		default:
			s.Failed++
		}
		rest = rest[1:]
	}
}
