package contest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
)

// tcpBlock is iperf3's size of a write.
const tcpBlock = 128 << 10

// streams are TCP connections of iperf3's shape: each writes blocks as fast as
// they are taken, and the other end reads them away.
type streams struct {
	pairs    [][2]net.Conn // A's end and B's
	received atomic.Int64
	wg       sync.WaitGroup
}

// dialStreams opens n connections from A to an address of B's.
func dialStreams(ctx context.Context, l *lab.Lab, to netip.Addr, n int) (_ *streams, err error) {
	s := new(streams)
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	var ln net.Listener
	err = l.B.Do(func() (err error) {
		ln, err = net.Listen("tcp", netip.AddrPortFrom(to, 0).String())
		return err
	})
	if err != nil {
		return nil, err
	}
	defer ln.Close()
	stop := context.AfterFunc(ctx, func() { ln.Close() })
	defer stop()
	for range n {
		var near net.Conn
		err := l.A.Do(func() (err error) {
			near, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", ln.Addr().String())
			return err
		})
		if err != nil {
			return nil, err
		}
		far, err := ln.Accept()
		if err != nil {
			near.Close()
			return nil, err
		}
		s.pairs = append(s.pairs, [2]net.Conn{near, far})
	}
	return s, nil
}

// pace holds each stream to so many bits a second, from either end.
func (s *streams) pace(bits uint64) error {
	for _, p := range s.pairs {
		for _, c := range p {
			raw, err := c.(*net.TCPConn).SyscallConn()
			if err != nil {
				return err
			}
			var errno error
			err = raw.Control(func(fd uintptr) {
				errno = unix.SetsockoptUint64(int(fd), unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, bits/8)
			})
			if err := errors.Join(err, errno); err != nil {
				return fmt.Errorf("SO_MAX_PACING_RATE: %w", err)
			}
		}
	}
	return nil
}

// start begins to send, until the time is over.
func (s *streams) start(in bool, until time.Time) {
	for _, p := range s.pairs {
		src, dst := p[0], p[1]
		if in {
			src, dst = dst, src
		}
		s.wg.Go(func() { pump(src, until) })
		s.wg.Go(func() { s.drain(dst) })
	}
}

// wait waits for the end of all that was started; the end of ctx ends it too.
func (s *streams) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	s.wg.Wait()
	return ctx.Err()
}

func (s *streams) close() {
	for _, p := range s.pairs {
		p[0].Close()
		p[1].Close()
	}
}

// pump writes until the time is over.
func pump(c net.Conn, until time.Time) {
	defer c.Close()
	_ = c.SetWriteDeadline(until) // a stream that can't get rid of a block ends too
	block := make([]byte, tcpBlock)
	for time.Now().Before(until) {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// drain counts what comes until the end.
func (s *streams) drain(c net.Conn) {
	block := make([]byte, tcpBlock)
	for {
		n, err := c.Read(block)
		s.received.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// runStreams is runTCP without iperf3.
func runStreams(ctx context.Context, l *lab.Lab, to netip.Addr, spec tcpSpec, d time.Duration) (tcpResult, error) {
	s, err := dialStreams(ctx, l, to, spec.streams)
	if err != nil {
		return tcpResult{}, err
	}
	defer s.close()
	began := time.Now()
	s.start(spec.in, began.Add(d))
	err = s.wait(ctx)
	return tcpResult{float64(s.received.Load()), time.Since(began)}, err
}
