package nic

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/tapbond/tapbond/internal/park"
	"golang.org/x/sys/unix"
)

// Options of Open.
type Options struct {
	// Offload: Writers take live virtio-net headers.
	Offload bool
	// LeaveIP: IP and ARP are not received, be they in a VLAN; somebody else sees
	// to them.
	LeaveIP bool
	// LeaveLACP: LACPDUs are not received. Of Slow Protocols only Markers are, whose
	// place among the data matters.
	LeaveLACP bool
	// RcvBuf and SndBuf are the socket buffers in octets, 0 for 4 MB: room for
	// some sixty super-frames. More would only be delay under overload.
	RcvBuf, SndBuf int
}

const defaultBuffer = 4 << 20

// afPort is a Port over a packet socket.
type afPort struct {
	rx      *park.File // receives
	out     *os.File   // sends
	outRaw  syscall.RawConn
	index   int
	mtu     int
	offload bool
	header  bool // the socket speaks virtio-net headers
	in      *receiver
	long    long

	received, truncated, malformed atomic.Uint64

	mu      sync.Mutex
	dropped uint64 // PACKET_STATISTICS, which the kernel resets when read
	arrived uint64 // likewise
	have    Membership
}

var _ Port = (*afPort)(nil)

// Open opens the data socket of an interface, which may be down. Nothing that
// arrived before is received, and nothing this host sends there.
func Open(ifi *net.Interface, o Options) (Port, error) {
	conn, raw, err := listen(ifi, unix.ETH_P_ALL)
	if err != nil {
		return nil, err
	}
	defer conn.Close() // and with it the netpoller's interest in the socket
	p := &afPort{index: ifi.Index, mtu: ifi.MTU, offload: o.Offload, long: long{index: ifi.Index}}
	if p.rx, err = park.Dup(raw, "packet"); err != nil {
		return nil, fmt.Errorf("slave %s: %w", ifi.Name, err)
	}
	if err := p.configure(o); err != nil {
		p.rx.Close()
		return nil, fmt.Errorf("slave %s: %w", ifi.Name, err)
	}
	if p.in, err = newReceiver(p); err != nil {
		return nil, errors.Join(fmt.Errorf("slave %s: %w", ifi.Name, err), p.Close())
	}
	return p, nil
}

func (p *afPort) configure(o Options) error {
	if o.RcvBuf == 0 {
		o.RcvBuf = defaultBuffer
	}
	if o.SndBuf == 0 {
		o.SndBuf = defaultBuffer
	}
	err := withFD(p.rx, func(fd int) error {
		err := setOne(fd, unix.PACKET_VNET_HDR, "PACKET_VNET_HDR")
		p.header = err == nil
		if err != nil && p.offload {
			return err
		}
		if err := setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, "SO_RCVBUF", o.RcvBuf); err != nil {
			return err
		}
		if prog := o.program(); prog != nil {
			return attach(fd, prog)
		}
		return acceptAll(fd)
	})
	if err != nil {
		return err
	}
	return p.openOut(o.SndBuf)
}

// openOut opens the socket for sending. It is one of its own, and blocking,
// which keeps it out of the netpoller: there every frame that a NIC has done
// with would be an event ("room to write"), and wake the one that waits to
// read. Sends carry MSG_DONTWAIT. Protocol 0 receives nothing.
func (p *afPort) openOut(sndBuf int) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("packet socket: %w", err)
	}
	p.out = os.NewFile(uintptr(fd), "packet")
	if p.outRaw, err = p.out.SyscallConn(); err != nil {
		return errors.Join(err, p.out.Close())
	}
	err = withFD(p.outRaw, func(fd int) error {
		if p.header {
			if err := setOne(fd, unix.PACKET_VNET_HDR, "PACKET_VNET_HDR"); err != nil {
				return err
			}
		}
		if err := setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, "SO_SNDBUF", sndBuf); err != nil {
			return err
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: p.index}); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, p.out.Close())
	}
	return nil
}

func (p *afPort) Index() int    { return p.index }
func (p *afPort) Offload() bool { return p.offload }

// Stats implements Port.
func (p *afPort) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = withFD(p.rx, func(fd int) error {
		s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err == nil {
			p.dropped += uint64(s.Drops)
			p.arrived += uint64(s.Packets - s.Drops) // the kernel adds them up
		}
		return err
	})
	return Stats{Arrived: p.arrived, Received: p.received.Load(), Dropped: p.dropped, Truncated: p.truncated.Load(), Malformed: p.malformed.Load()}
}

// Close implements Port. The descriptor is given back when the last call that
// uses it has returned.
func (p *afPort) Close() error {
	p.Stats() // the last chance to ask
	var errs [3]error
	var all sync.WaitGroup // the kernel waits for its processors at each
	for i, c := range []io.Closer{p.rx, p.out, &p.long} {
		all.Go(func() {
			if err := c.Close(); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
				errs[i] = err
			}
		})
	}
	all.Wait()
	return errors.Join(errs[:]...)
}
