package contest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// floodSpec is UDP as fast as the sender gets it out.
type floodSpec struct {
	name  string
	in    bool
	flows int
	// sizes are of whole frames without FCS, in turn.
	sizes []int
}

var (
	smallFrames = []int{60}
	// imix is the usual mix of 7 small, 4 middle and 1 large.
	imix = []int{60, 60, 590, 60, 60, 590, 60, 60, 590, 60, 1514, 590}
)

// floodResult is what arrived.
type floodResult struct {
	sent, frames uint64
	took         time.Duration
}

const (
	floodBatch = 64
	udpHeaders = 14 + 20 + 8
)

// runFlood sends for so long, and counts what the far host's stack was given: an
// interface doesn't count what takes the express lane. Nobody reads the receiving
// socket: what a reader costs is not in question.
func runFlood(ctx context.Context, l *lab.Lab, s floodSpec, d time.Duration) (res floodResult, err error) {
	from, to, src, dst := l.A, l.B, lab.AddrA4.Addr(), lab.AddrB4.Addr()
	if s.in {
		from, to, src, dst = to, from, dst, src
	}
	var sink *net.UDPConn
	if err = to.Do(func() (err error) {
		sink, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(dst, 0)))
		return err
	}); err != nil {
		return res, err
	}
	defer sink.Close()
	socks := make([]int, 0, s.flows)
	defer func() {
		for _, fd := range socks {
			unix.Close(fd)
		}
	}()
	for range max(1, s.flows) {
		fd, err := floodSocket(from, src, sink.LocalAddr().(*net.UDPAddr).AddrPort())
		if err != nil {
			return res, err
		}
		socks = append(socks, fd)
	}
	before, err := to.IPReceived()
	if err != nil {
		return res, err
	}
	began := time.Now()
	res.sent, err = flood(ctx, socks, s.sizes, began.Add(d))
	if err != nil {
		return res, err
	}
	// What is on its way arrives; a time that counts for the processor's work,
	// and hardly for the rate.
	after, err := settle(ctx, to)
	if err != nil {
		return res, err
	}
	res.took = d
	res.frames = after - before
	return res, nil
}

func floodSocket(from *lab.Host, src netip.Addr, dst netip.AddrPort) (fd int, err error) {
	err = from.Do(func() error {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: src.As4()}); err != nil {
			return err
		}
		return unix.Connect(fd, &unix.SockaddrInet4{Addr: dst.Addr().As4(), Port: int(dst.Port())})
	})
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	return fd, nil
}

// flood sends batches, a flow each, from a thread of its own.
func flood(ctx context.Context, socks, sizes []int, until time.Time) (sent uint64, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	payload := make([]byte, 2048)
	var hdrs [floodBatch]unix.Mmsghdr
	var iovs [floodBatch]unix.Iovec
	for i := range hdrs {
		iovs[i].Base = &payload[0]
		iovs[i].SetLen(sizes[i%len(sizes)] - udpHeaders)
		hdrs[i].Hdr.Iov = &iovs[i]
		hdrs[i].Hdr.SetIovlen(1)
	}
	for i := 0; ; i++ {
		n, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(socks[i%len(socks)]), uintptr(unsafe.Pointer(&hdrs[0])), floodBatch, 0, 0, 0)
		switch errno {
		case 0:
			sent += uint64(n)
		case unix.ENOBUFS, unix.EAGAIN, unix.EINTR:
		default:
			return sent, fmt.Errorf("flood: %w", errno)
		}
		if i%16 == 0 && (ctx.Err() != nil || !time.Now().Before(until)) {
			return sent, ctx.Err()
		}
	}
}

// settle waits until a host receives nothing more, a second at most.
func settle(ctx context.Context, h *lab.Host) (last uint64, err error) {
	for range 50 {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return last, err
		}
		n, err := h.IPReceived()
		if err != nil || n == last {
			return n, err
		}
		last = n
	}
	return last, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
