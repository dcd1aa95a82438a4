package tap

import (
	"errors"
	"os"
	"sync"
	"unsafe"

	"github.com/tapbond/tapbond/internal/park"
	"github.com/tapbond/tapbond/internal/vnet"
	"golang.org/x/sys/unix"
)

const (
	// batchSize bounds a batch; more gains nothing and costs cache
	// (docs/performance.md).
	batchSize = 32
	// arenaSize holds a batch, packed: 32 frames of the usual size, or two
	// super-frames. More of those would have left the cache before they are
	// sent.
	arenaSize = maxFrame + 70<<10
	// maxFrame is the largest read: header and 64 KB super-frame.
	maxFrame = vnet.HdrLen + 65536 + 64
	// align of each frame in the arena: a cache line of its own.
	align = 64
)

// ErrGone ends reading from a TAP that was deleted.
var ErrGone = errors.New("tap: device is gone")

// queue is one attached file of a TAP.
type queue struct {
	file *park.File
	vnet bool

	// The reader's scratch.
	arena  []byte
	pkts   []vnet.Packet
	final  error
	readFn func(fd uintptr) bool
}

func newQueue(f *park.File, offload bool) *queue {
	q := &queue{file: f, vnet: offload, arena: make([]byte, arenaSize), pkts: make([]vnet.Packet, 0, batchSize)}
	q.readFn = q.drain
	return q
}

// ReadBatch implements vnet.Reader. A TAP that is down is waited for.
func (q *queue) ReadBatch() ([]vnet.Packet, error) {
	q.pkts = q.pkts[:0]
	if err := q.file.Read(q.readFn); err != nil {
		return nil, os.ErrClosed // the only reason without a deadline
	}
	if len(q.pkts) == 0 {
		return nil, q.final
	}
	return q.pkts, nil
}

// drain takes what the queue holds; false waits for more.
func (q *queue) drain(fd uintptr) bool {
	off := 0
	for len(q.pkts) < batchSize && len(q.arena)-off >= maxFrame {
		slot := q.arena[off : off+maxFrame]
		frame := slot
		if !q.vnet {
			clear(slot[:vnet.HdrLen])
			frame = slot[vnet.HdrLen:]
		}
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&frame[0])), uintptr(len(frame)))
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return len(q.pkts) > 0
		default:
			return q.failed(errno)
		}
		used := int(n) + len(slot) - len(frame)
		q.pkts = append(q.pkts, vnet.Packet{Buf: slot[:used:used]})
		off += (used + align - 1) &^ (align - 1)
	}
	return true
}

// failed sorts out a read error: EBADFD is a TAP that was deleted, for good.
// What was read before it is still delivered; the next read finds it again.
func (q *queue) failed(errno unix.Errno) bool {
	q.final = errno
	if errno == unix.EBADFD {
		q.final = ErrGone
	}
	return true
}

// WriteBatch implements vnet.Writer, for any number of callers at a time.
//
// The kernel takes one frame a call. The descriptor is held by Control, which
// keeps it from being closed meanwhile and, unlike RawConn.Write, doesn't make
// writers wait for each other. A writer's scratch comes from a pool because
// the closure that Control takes would escape.
func (q *queue) WriteBatch(pkts []vnet.Packet) vnet.Sent {
	w, _ := writers.Get().(*writer)
	w.pkts, w.sent, w.skip = pkts, vnet.Sent{}, vnet.HdrLen
	if q.vnet {
		w.skip = 0
	}
	if err := q.file.Control(w.fn); err != nil {
		w.sent = vnet.Sent{Down: len(pkts), Err: unix.EBADF}
	}
	sent := w.sent
	w.pkts = nil
	writers.Put(w)
	return sent
}

// writer is one WriteBatch under way.
type writer struct {
	pkts []vnet.Packet
	skip int
	sent vnet.Sent
	fn   func(fd uintptr)
}

var writers = sync.Pool{New: func() any {
	w := new(writer)
	w.fn = w.write
	return w
}}

func (w *writer) write(fd uintptr) {
	s := &w.sent
	for i := range w.pkts {
		buf := w.pkts[i].Buf[w.skip:]
		errno := writeFrame(fd, buf)
		if full(errno) {
			errno = writeFrame(fd, buf)
		}
		switch {
		case errno == 0:
			s.OK++
			s.Octets += len(w.pkts[i].Buf) - vnet.HdrLen
			continue
		case full(errno):
			s.Full++
		case errno == unix.EIO, errno == unix.EBADFD, errno == unix.ENETDOWN, errno == unix.ENODEV:
			// Down or gone: the rest would fare the same.
			s.Down, s.Err = len(w.pkts)-i, errno
			return
		case errno == unix.EMSGSIZE:
			s.TooBig++
		case errno == unix.EINVAL:
			s.Invalid++
		default:
			s.Failed++
		}
		s.Err = errno
	}
}

func full(errno unix.Errno) bool {
	return errno == unix.EAGAIN || errno == unix.ENOBUFS || errno == unix.ENOMEM
}

func writeFrame(fd uintptr, b []byte) unix.Errno {
	for {
		_, _, errno := unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		if errno != unix.EINTR {
			return errno
		}
	}
}
