package contest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// runRTT sends echo requests from A to B, and returns the round trips in
// ascending order.
func runRTT(ctx context.Context, l *lab.Lab, count int, every time.Duration) ([]time.Duration, error) {
	r, err := traffic.Ping(ctx, traffic.PingConfig{
		From: l.A, Src: lab.AddrA4.Addr(), Dst: lab.AddrB4.Addr(), Count: count, Interval: every,
	})
	if err != nil {
		return nil, err
	}
	if r.Received < count*9/10 {
		return nil, fmt.Errorf("echo: %s", r)
	}
	slices.Sort(r.RTT)
	return r.RTT, nil
}

// quantile is a value of a sorted list, q from 0 to 1.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
