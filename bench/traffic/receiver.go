package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ReceiverConfig describes where numbered UDP is expected.
type ReceiverConfig struct {
	// At is the namespace to receive in.
	At Place
	// Addr is the address to receive at; port 0 takes any (see Receiver.Addr).
	Addr netip.AddrPort
	// FirstFlow and Flows are the senders'. Flows 0 means 1.
	FirstFlow uint16
	Flows     int
	// MaxSize is the largest payload expected, in octets; 0 means 2048. A
	// longer one counts as corrupted.
	MaxSize int
	// Log keeps the arrivals of so many frames, the first ones, for
	// Receiver.Arrivals.
	Log int
}

// Arrival is one received frame.
type Arrival struct {
	Header
	At Stamp // when the kernel received it
}

// Receiver receives numbered UDP and keeps an account of each flow.
type Receiver struct {
	cfg      ReceiverConfig
	file     *os.File
	addr     netip.AddrPort
	accounts []account
	log      []Arrival
	stray    uint64        // not of our flows, or not intact
	arrived  atomic.Uint64 // different messages so far, for Settle
	done     chan struct{}
	err      error // of the loop, valid once done is closed
}

// NewReceiver opens the socket and begins to receive.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	if cfg.Flows == 0 {
		cfg.Flows = 1
	}
	if cfg.MaxSize == 0 {
		cfg.MaxSize = 2048
	}
	if cfg.Flows < 0 || int(cfg.FirstFlow)+cfg.Flows > 1<<16 || cfg.MaxSize < 0 || cfg.Log < 0 {
		return nil, fmt.Errorf("receiver: %d flows from %d, size %d, log %d: out of range",
			cfg.Flows, cfg.FirstFlow, cfg.MaxSize, cfg.Log)
	}
	r := &Receiver{
		cfg: cfg, accounts: make([]account, cfg.Flows), log: make([]Arrival, 0, cfg.Log), done: make(chan struct{}),
	}
	var err error
	r.file, err = openIn(cfg.At, "udp receiver", domainOf(cfg.Addr.Addr()), unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := listenBig(fd); err != nil {
			return err
		}
		if err := unix.Bind(fd, sockaddr(cfg.Addr)); err != nil {
			return fmt.Errorf("bind %s: %w", cfg.Addr, err)
		}
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return fmt.Errorf("getsockname: %w", err)
		}
		r.addr = fromSockaddr(sa)
		return nil
	})
	if err != nil {
		return nil, err
	}
	raw, err := r.file.SyscallConn()
	if err != nil {
		r.file.Close()
		return nil, err
	}
	go r.loop(raw)
	return r, nil
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// Addr is the address received at.
func (r *Receiver) Addr() netip.AddrPort { return r.addr }

const receiveBatch = 64

func (r *Receiver) loop(raw syscall.RawConn) {
	defer close(r.done)
	b := newBatch(receiveBatch, r.cfg.MaxSize, timeControl)
	for {
		var n int
		var errno syscall.Errno
		err := raw.Read(func(fd uintptr) bool {
			n, errno = b.receive(fd)
			return errno != syscall.EAGAIN
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return
		case err != nil:
			r.err = err
			return
		case errno != 0 && errno != syscall.EINTR:
			r.err = fmt.Errorf("udp receiver: recvmmsg: %w", errno)
			return
		}
		offset := wallOffset()
		for i := range n {
			r.take(b, i, offset)
		}
	}
}

func (r *Receiver) take(b *batch, i int, offset int64) {
	size := int(b.hdrs[i].Len)
	if size > len(b.bufs[i]) { // truncated
		r.stray++
		return
	}
	h, intact := ParsePayload(b.bufs[i][:size])
	flow := int(h.Flow) - int(r.cfg.FirstFlow)
	if !intact || flow < 0 || flow >= len(r.accounts) {
		r.stray++
		return
	}
	var at Stamp
	if t := kernelTime(b.control(i)); t != 0 {
		at = Stamp(t - offset)
	} else {
		at = Now()
	}
	fresh, ok := r.accounts[flow].add(h.Seq, at)
	if !ok {
		r.stray++
		return
	}
	if fresh {
		r.arrived.Add(1)
	}
	if len(r.log) < cap(r.log) {
		r.log = append(r.log, Arrival{h, at})
	}
}

// Settle waits until so many different messages have come, and a moment longer
// for copies of them that are late; or until none has come for a while, or ctx
// ends.
func (r *Receiver) Settle(ctx context.Context, messages uint64, quiet time.Duration) {
	const step, late = time.Millisecond, 5 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	last, since := r.arrived.Load(), time.Now()
	for last < messages && time.Since(since) < quiet {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		case <-r.done:
			return
		}
		if now := r.arrived.Load(); now != last {
			last, since = now, time.Now()
		}
	}
	for range late / step {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ReceiveReport is what a Receiver saw.
type ReceiveReport struct {
	Flows []FlowReport
	// Corrupted are messages that were not as sent, or not of our flows.
	Corrupted uint64
	// SocketDrops are messages the socket had no room for.
	SocketDrops uint64
}

// Stop takes what has arrived, ends the receiving and reports. sent is what
// each flow's sender sent.
func (r *Receiver) Stop(sent []uint64) (ReceiveReport, error) {
	if len(sent) != len(r.accounts) {
		return ReceiveReport{}, fmt.Errorf("udp receiver: %d counts for %d flows", len(sent), len(r.accounts))
	}
	r.file.SetReadDeadline(time.Now())
	<-r.done
	drops, err := socketDrops(r.file)
	r.file.Close()
	rep := ReceiveReport{Corrupted: r.stray, SocketDrops: drops}
	for i := range r.accounts {
		rep.Flows = append(rep.Flows, r.accounts[i].report(r.cfg.FirstFlow+uint16(i), sent[i]))
	}
	return rep, errors.Join(r.err, err)
}

// Close ends the receiving without a report.
func (r *Receiver) Close() error {
	err := r.file.Close()
	<-r.done
	return err
}

// Arrivals are the logged frames in order of arrival, valid after Stop.
func (r *Receiver) Arrivals() []Arrival { return r.log }

// Seen reports whether a frame arrived, valid after Stop.
func (r *Receiver) Seen(flow uint16, seq uint64) bool {
	i := int(flow) - int(r.cfg.FirstFlow)
	return i >= 0 && i < len(r.accounts) && r.accounts[i].has(seq)
}
