package contest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// tcpSpec is TCP as fast as it goes.
type tcpSpec struct {
	streams int
	in      bool // from B to A
	ipv6    bool
}

// tcpResult is what arrived.
type tcpResult struct {
	octets float64
	took   time.Duration
}

// runTCP sends for about so long. iperf3 does it where it is installed.
func runTCP(ctx context.Context, l *lab.Lab, s tcpSpec, d time.Duration) (tcpResult, error) {
	to := lab.AddrB4.Addr()
	if s.ipv6 {
		to = lab.AddrB6.Addr()
	}
	if iperf, err := exec.LookPath("iperf3"); err == nil {
		return runIperf(ctx, l, iperf, to, s, d)
	}
	return runStreams(ctx, l, to, s, d)
}

// tcpTool names what runTCP sends with.
func tcpTool() string {
	if _, err := exec.LookPath("iperf3"); err == nil {
		return "iperf3"
	}
	return "built-in sender"
}

func runIperf(ctx context.Context, l *lab.Lab, iperf string, to netip.Addr, s tcpSpec, d time.Duration) (tcpResult, error) {
	server, err := l.Start(ctx, l.B, iperf, []string{"-s", "-1", "--forceflush", "-B", to.String()}, nil)
	if err != nil {
		return tcpResult{}, err
	}
	defer server.Kill()
	if _, err := server.WaitLine(ctx, "Server listening"); err != nil {
		return tcpResult{}, err
	}
	args := []string{"-J", "-c", to.String(), "-P", fmt.Sprint(s.streams), "-t", fmt.Sprint(max(1, int(d.Seconds()+0.5)))}
	if s.in {
		args = append(args, "-R")
	}
	out, err := l.A.Command(ctx, iperf, args...).Output()
	var report struct {
		Error string
		End   struct {
			Received struct{ Bytes, Seconds float64 } `json:"sum_received"`
		}
	}
	if e := json.Unmarshal(out, &report); e != nil {
		return tcpResult{}, errors.Join(err, fmt.Errorf("iperf3: %w", e))
	}
	if report.Error != "" {
		return tcpResult{}, fmt.Errorf("iperf3: %s", report.Error)
	}
	r := report.End.Received
	return tcpResult{r.Bytes, time.Duration(r.Seconds * float64(time.Second))}, err
}

// tcpBlock is iperf3's size of a write.
const tcpBlock = 128 << 10

// runStreams is of iperf3's shape: each stream writes blocks as fast as they
// are taken, and the other end reads them away.
func runStreams(ctx context.Context, l *lab.Lab, to netip.Addr, s tcpSpec, d time.Duration) (res tcpResult, err error) {
	var ln net.Listener
	err = l.B.Do(func() (err error) {
		ln, err = net.Listen("tcp", netip.AddrPortFrom(to, 0).String())
		return err
	})
	if err != nil {
		return res, err
	}
	defer ln.Close()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	var wg sync.WaitGroup
	var received atomic.Int64
	began := time.Now()
	for range s.streams {
		var near net.Conn
		err := l.A.Do(func() (err error) {
			near, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", ln.Addr().String())
			return err
		})
		if err != nil {
			return res, err
		}
		conns = append(conns, near)
		far, err := ln.Accept()
		if err != nil {
			return res, err
		}
		conns = append(conns, far)
		src, dst := near, far
		if s.in {
			src, dst = far, near
		}
		wg.Go(func() { pump(src, began.Add(d)) })
		wg.Go(func() { received.Add(drain(dst)) })
	}
	wg.Wait()
	return tcpResult{float64(received.Load()), time.Since(began)}, ctx.Err()
}

// pump writes until the time is over.
func pump(c net.Conn, until time.Time) {
	defer c.Close()
	block := make([]byte, tcpBlock)
	for time.Now().Before(until) {
		if _, err := c.Write(block); err != nil {
			return
		}
	}
}

// drain counts what comes until the end.
func drain(c net.Conn) (n int64) {
	block := make([]byte, tcpBlock)
	for {
		k, err := c.Read(block)
		n += int64(k)
		if err != nil {
			return n
		}
	}
}
