package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// SenderConfig describes UDP traffic to one address.
type SenderConfig struct {
	// From is the namespace to send in.
	From Place
	// Src is the address to send from. The port of flow i is Src's plus i, or
	// any where Src's is 0.
	Src netip.AddrPort
	// Dst is where to.
	Dst netip.AddrPort
	// FirstFlow and Flows number the flows: each has its own source port and
	// its own sequence, counted from 0. Flows 0 means 1. Frames are shared out
	// among the flows in small bursts.
	FirstFlow uint16
	Flows     int
	// Size of the UDP payload in octets, MinPayload to MaxPayload; 0 means 214,
	// a 256 octet frame over IPv4.
	Size int
	// Rate in frames a second, all flows together; 0 means as fast as the
	// kernel takes them.
	Rate int
	// Count ends the sending after so many frames; 0 means no end but the
	// context's.
	Count uint64
}

// DefaultSize is the UDP payload that makes a 256 octet Ethernet frame.
const DefaultSize = 256 - 14 - 20 - 8

func (c *SenderConfig) normalize() error {
	if c.Flows == 0 {
		c.Flows = 1
	}
	if c.Size == 0 {
		c.Size = DefaultSize
	}
	if c.Size < MinPayload || c.Size > MaxPayload {
		return fmt.Errorf("payload of %d octets: want %d to %d", c.Size, MinPayload, MaxPayload)
	}
	if c.Flows < 0 || int(c.FirstFlow)+c.Flows > 1<<16 || c.Rate < 0 {
		return fmt.Errorf("%d flows from %d at %d frames/s: out of range", c.Flows, c.FirstFlow, c.Rate)
	}
	return nil
}

// SendReport is what a Sender did.
type SendReport struct {
	// Sent is the number of frames the kernel accepted, by flow.
	Sent []uint64
	// Stalls counts the times the socket's buffer was full, Errors those the
	// kernel refused for another reason; Err is the last such. A refused frame
	// uses up no number.
	Stalls, Errors uint64
	Err            error
	// Slipped is the time by which a fixed rate fell behind and was not caught
	// up with, so as not to send in bursts.
	Slipped time.Duration
	Began   Stamp
	Ended   Stamp
}

// Total is the number of frames sent by all flows.
func (r SendReport) Total() uint64 {
	var n uint64
	for _, s := range r.Sent {
		n += s
	}
	return n
}

// Rate is what was sent a second.
func (r SendReport) Rate() float64 {
	return float64(r.Total()) / r.Ended.Sub(r.Began).Seconds()
}

// Sender sends numbered UDP.
type Sender struct {
	cfg   SenderConfig
	files []*os.File
	fds   []uintptr // of files, valid while they are open
	batch *batch
}

const (
	sendBatch = 64
	// sendQuantum is how long a paced sender sleeps at least.
	sendQuantum = 50 * time.Microsecond
	// sendLag is how far a paced sender may fall behind and catch up.
	sendLag = 2 * time.Millisecond
)

// NewSender opens the sockets.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if err := cfg.normalize(); err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg, batch: newBatch(sendBatch, cfg.Size, 0)}
	for i := range cfg.Flows {
		src := cfg.Src
		if src.Port() != 0 {
			src = netip.AddrPortFrom(src.Addr(), src.Port()+uint16(i))
		}
		f, err := openIn(cfg.From, "udp sender", domainOf(cfg.Dst.Addr()), unix.SOCK_DGRAM, 0, func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 4<<20); err != nil {
				return fmt.Errorf("SO_SNDBUFFORCE: %w", err)
			}
			if src.IsValid() {
				if err := unix.Bind(fd, sockaddr(src)); err != nil {
					return fmt.Errorf("bind %s: %w", src, err)
				}
			}
			if err := unix.Connect(fd, sockaddr(cfg.Dst)); err != nil {
				return fmt.Errorf("connect %s: %w", cfg.Dst, err)
			}
			return nil
		})
		if err != nil {
			s.Close()
			return nil, err
		}
		s.files = append(s.files, f)
		fd, err := number(f)
		if err != nil {
			s.Close()
			return nil, err
		}
		s.fds = append(s.fds, fd)
	}
	return s, nil
}

// Close closes the sockets. Run must have ended.
func (s *Sender) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files = nil
	return errors.Join(errs...)
}

// Run sends until the count is reached or ctx ends; neither is an error. It
// may be called once.
func (s *Sender) Run(ctx context.Context) (SendReport, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Precise sleeps: the kernel may otherwise add 50 us to each.
	if slack, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err == nil {
		if unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) == nil {
			defer unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack), 0, 0, 0)
		}
	}
	r := SendReport{Sent: make([]uint64, s.cfg.Flows), Began: Now()}
	limit := s.cfg.Count
	if limit == 0 {
		limit = 1<<64 - 1
	}
	pace := pacer{rate: s.cfg.Rate, start: r.Began}
	done := ctx.Done()
	for flow, total := 0, uint64(0); total < limit; flow = (flow + 1) % s.cfg.Flows {
		select {
		case <-done:
			limit = 0
			continue
		default:
		}
		due := min(pace.due(Now()), limit-total, sendBatch)
		if due == 0 {
			pace.sleep()
			continue
		}
		n, errno := s.burst(flow, r.Sent[flow], int(due))
		r.Sent[flow] += uint64(n)
		total += uint64(n)
		pace.sent += uint64(n)
		switch errno {
		case 0:
		case syscall.EAGAIN:
			r.Stalls++
			nap(sendQuantum)
		default:
			r.Errors++
			r.Err = errno
			nap(sendQuantum)
		}
	}
	r.Ended = Now()
	r.Slipped = pace.slipped
	return r, nil
}

// burst sends n frames of a flow, numbered from seq, and returns how many the
// kernel took.
func (s *Sender) burst(flow int, seq uint64, n int) (int, syscall.Errno) {
	h := Header{Flow: s.cfg.FirstFlow + uint16(flow), Sent: Now()}
	for i := range n {
		h.Seq = seq + uint64(i)
		PutPayload(s.batch.bufs[i], h)
	}
	return s.batch.send(s.fds[flow], n)
}

// pacer says when frames are due, by absolute time.
type pacer struct {
	rate    int // frames a second; 0: always
	start   Stamp
	sent    uint64
	slipped time.Duration
}

// due is the number of frames that should have been sent by now and were not.
func (p *pacer) due(now Stamp) uint64 {
	if p.rate == 0 {
		return sendBatch
	}
	target := p.frames(now.Sub(p.start))
	if target <= p.sent {
		return 0
	}
	late := target - p.sent
	if most := max(sendBatch, p.frames(sendLag)); late > most {
		slip := time.Duration(float64(late-most) / float64(p.rate) * 1e9)
		p.start += Stamp(slip)
		p.slipped += slip
		late = most
	}
	return late
}

func (p *pacer) frames(d time.Duration) uint64 {
	sec, rest := d/time.Second, d%time.Second
	return uint64(sec)*uint64(p.rate) + uint64(rest)*uint64(p.rate)/uint64(time.Second)
}

// sleep waits until the next frame is due, at least sendQuantum.
func (p *pacer) sleep() {
	next := p.start + Stamp(float64(p.sent+1)/float64(p.rate)*1e9)
	nap(max(sendQuantum, next.Sub(Now())))
}

// nap sleeps in the kernel, at most 10 ms at a time so that the end of a
// context is seen. The runtime's own timers are too coarse for this.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(min(d, 10*time.Millisecond)))
	unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil) // cut short by a signal: fine
}
