package contest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
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
func runTCP(ctx context.Context, l *lab.Lab, builtIn bool, s tcpSpec, d time.Duration) (tcpResult, error) {
	to := lab.AddrB4.Addr()
	if s.ipv6 {
		to = lab.AddrB6.Addr()
	}
	if iperf, err := exec.LookPath("iperf3"); err == nil && !builtIn {
		return runIperf(ctx, l, iperf, to, s, d)
	}
	return runStreams(ctx, l, to, s, d)
}

// tcpTool names what runTCP sends with.
func tcpTool(builtIn bool) string {
	if _, err := exec.LookPath("iperf3"); err == nil && !builtIn {
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
