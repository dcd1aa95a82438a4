package traffic

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"
)

// FlowConfig describes traffic of one or more flows from one host to another.
type FlowConfig struct {
	From, To Place
	Src, Dst netip.Addr
	Flows    int    // 0 means 1
	First    uint16 // number of the first flow
	Size     int    // UDP payload in octets, as in SenderConfig
	Rate     int    // frames a second, 0: as fast as possible
	Count    uint64 // frames; 0: until ctx ends
	Log      int    // arrivals to keep, as in ReceiverConfig
	// Patience is how long to wait for stragglers after the last arrival; 0 means
	// 50 ms. It costs time only if something is lost.
	Patience time.Duration
}

// FlowResult is the account of both ends.
type FlowResult struct {
	Send    SendReport
	Receive ReceiveReport
}

// quiet is FlowConfig.Patience where it is 0.
const quiet = 50 * time.Millisecond

// Run sends, waits until everything has come or nothing more does, and
// reports. Ports are the kernel's choice.
func Run(ctx context.Context, cfg FlowConfig) (FlowResult, error) {
	r, err := NewReceiver(ReceiverConfig{
		At: cfg.To, Addr: netip.AddrPortFrom(cfg.Dst, 0), FirstFlow: cfg.First, Flows: cfg.Flows,
		MaxSize: max(2048, cfg.Size), Log: cfg.Log,
	})
	if err != nil {
		return FlowResult{}, err
	}
	s, err := NewSender(SenderConfig{
		From: cfg.From, Src: netip.AddrPortFrom(cfg.Src, 0), Dst: r.Addr(), FirstFlow: cfg.First, Flows: cfg.Flows,
		Size: cfg.Size, Rate: cfg.Rate, Count: cfg.Count,
	})
	if err != nil {
		r.Close()
		return FlowResult{}, err
	}
	defer s.Close()
	var res FlowResult
	if res.Send, err = s.Run(ctx); err != nil {
		r.Close()
		return res, err
	}
	// The context may have been what ended the sending.
	r.Settle(context.WithoutCancel(ctx), res.Send.Total(), cmp.Or(cfg.Patience, quiet))
	res.Receive, err = r.Stop(res.Send.Sent)
	return res, err
}

// String is a line for people.
func (r FlowResult) String() string {
	t := r.Receive.Total()
	return fmt.Sprintf("sent %d (%.0f/s) received %d lost %d duplicated %d reordered %d corrupted %d socket drops %d longest gap %s",
		t.Sent, r.Send.Rate(), t.Received, t.Lost, t.Duplicated, t.Reordered,
		r.Receive.Corrupted, r.Receive.SocketDrops, t.LongestGap.Round(time.Microsecond))
}
