package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// FailoverConfig is a measurement of one cut.
type FailoverConfig struct {
	// Lab has a wire.
	Lab *lab.Lab
	// Link is cut.
	Link int
	// Cut does it; nil means the link's carrier, at both ends.
	Cut func(*lab.Link) (lab.Span, error)
	// Direction of the traffic, ToB where 0.
	Direction lab.Direction
	// Src and Dst default to A's and B's IPv4 addresses of the lab, by direction.
	Src, Dst netip.Addr
	// Rate in frames a second, 0 means 100000. Size is the UDP payload, 0 means
	// that of a 256 octet frame.
	Rate, Size int
	// Before and After the cut traffic runs so long; 0 means 200 ms and 300 ms.
	Before, After time.Duration
}

// FailoverResult is what a cut did to one flow. Times of frames are the
// kernel's, at their arrival.
type FailoverResult struct {
	// Cut is the time around the call that cut the link.
	Cut lab.Span
	// Carried is the number of frames the link carried before the cut and
	// after; a flow that used another link is not touched by it.
	CarriedBefore, CarriedAfter uint64
	// NewLink is the link that carried the first frame sent after the cut began
	// on another link than the cut one, -1 if none did.
	NewLink int
	// SentAt is when that frame was sent, from the beginning of the cut; OnWire
	// when it was seen on the new link; Gap when it arrived at the receiver.
	// A frame sent before the bond had noticed is lost, so SentAt is how late
	// the bond was.
	SentAt, OnWire, Gap time.Duration
	// Arrived reports whether that frame reached the receiver. If not, Gap is
	// that of the first one that did, and 0 if none.
	Arrived bool
	Flow    traffic.FlowReport
	Send    traffic.SendReport
}

// String is a line for people.
func (r FailoverResult) String() string {
	return fmt.Sprintf("link %d after %s (frame sent at %s, on the wire at %s); lost %d duplicated %d reordered %d; longest gap %s",
		r.NewLink, r.Gap, r.SentAt, r.OnWire, r.Flow.Lost, r.Flow.Duplicated, r.Flow.Reordered, r.Flow.LongestGap)
}

// failoverFlow is the flow number of the measurement.
const failoverFlow = 0x0fa1

func (c *FailoverConfig) normalize() error {
	if c.Lab == nil || c.Lab.Wire == nil {
		return lab.ErrNoWire
	}
	if c.Link < 0 || c.Link >= len(c.Lab.Links()) {
		return fmt.Errorf("failover: no link %d", c.Link)
	}
	c.Direction = cmp.Or(c.Direction, lab.ToB)
	a, b := lab.AddrA4.Addr(), lab.AddrB4.Addr()
	if c.Direction == lab.ToA {
		a, b = b, a
	}
	if !c.Src.IsValid() {
		c.Src = a
	}
	if !c.Dst.IsValid() {
		c.Dst = b
	}
	c.Rate = cmp.Or(c.Rate, 100_000)
	c.Before = cmp.Or(c.Before, 200*time.Millisecond)
	c.After = cmp.Or(c.After, 300*time.Millisecond)
	if c.Cut == nil {
		c.Cut = func(k *lab.Link) (lab.Span, error) { return k.Carrier(false) }
	}
	return nil
}

// FailoverGap runs one flow, cuts the link and reports how long the flow was
// silent and what it lost. The link stays cut.
func FailoverGap(ctx context.Context, cfg FailoverConfig) (res FailoverResult, err error) {
	if err := cfg.normalize(); err != nil {
		return res, err
	}
	res.NewLink = -1
	l := cfg.Lab
	from, to := l.A, l.B
	if cfg.Direction == lab.ToA {
		from, to = to, from
	}
	total := float64(cfg.Rate) * (cfg.Before + cfg.After).Seconds()
	receiver, err := traffic.NewReceiver(traffic.ReceiverConfig{
		At: to, Addr: netip.AddrPortFrom(cfg.Dst, 0), FirstFlow: failoverFlow, Log: int(1.5*total) + 1000,
	})
	if err != nil {
		return res, err
	}
	sender, err := traffic.NewSender(traffic.SenderConfig{
		From: from, Src: netip.AddrPortFrom(cfg.Src, 0), Dst: receiver.Addr(), FirstFlow: failoverFlow,
		Rate: cfg.Rate, Size: cfg.Size,
	})
	if err != nil {
		return res, errors.Join(err, receiver.Close())
	}
	defer sender.Close()

	run, stop := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() {
		var err error
		res.Send, err = sender.Run(run)
		sent <- err
	}()
	sights, err := cfg.cut(ctx, &res)
	stop()
	err = errors.Join(err, <-sent)
	if err != nil {
		return res, errors.Join(err, receiver.Close())
	}
	const stragglers = 50 * time.Millisecond
	receiver.Settle(ctx, res.Send.Total(), stragglers)
	report, err := receiver.Stop(res.Send.Sent)
	if err != nil {
		return res, err
	}
	res.Flow = report.Flows[0]
	res.judge(sights, receiver.Arrivals())
	return res, nil
}

// sight is the first frame sent after the cut that a link carried.
type sight struct {
	link int
	traffic.Sighting
}

// cut waits, cuts, waits again, and returns what the links then carried.
func (c *FailoverConfig) cut(ctx context.Context, res *FailoverResult) ([]sight, error) {
	l := c.Lab
	// end is where frames of the direction come into link i's wire.
	end := func(i int) string {
		if c.Direction == lab.ToA {
			return fmt.Sprintf("b%d", i)
		}
		return fmt.Sprintf("a%d", i)
	}
	counter, err := l.Wire.Count(end(c.Link), lab.Received, traffic.Match(failoverFlow))
	if err != nil {
		return nil, err
	}
	defer counter.Close()
	if err := pause(ctx, c.Before); err != nil {
		return nil, err
	}
	var lookouts []*traffic.Lookout
	var links []int
	defer func() {
		for _, o := range lookouts {
			o.Close() // most are closed already
		}
	}()
	for i := range l.Links() {
		if i == c.Link {
			continue
		}
		o, err := traffic.NewLookout(l.Wire, end(i), failoverFlow)
		if err != nil {
			return nil, err
		}
		lookouts, links = append(lookouts, o), append(links, i)
	}
	if res.CarriedBefore, err = counter.Read(); err != nil {
		return nil, err
	}
	if res.Cut, err = c.Cut(l.Link(c.Link)); err != nil {
		return nil, err
	}
	since := traffic.StampOf(res.Cut.Start)
	watch, cancel := context.WithDeadline(ctx, res.Cut.Start.Add(c.After))
	defer cancel()
	var wg sync.WaitGroup
	found := make([]*sight, len(lookouts))
	errs := make([]error, len(lookouts))
	for i, o := range lookouts {
		wg.Go(func() {
			s, ok, err := o.Wait(watch, since)
			if ok {
				found[i] = &sight{links[i], s}
			}
			errs[i] = errors.Join(err, o.Close()) // it has seen enough
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	<-watch.Done()
	after, err := counter.Read()
	if err != nil {
		return nil, err
	}
	res.CarriedAfter = after - res.CarriedBefore
	var sights []sight
	for _, s := range found {
		if s != nil {
			sights = append(sights, *s)
		}
	}
	return sights, ctx.Err()
}

// judge finds the frame that ended the silence and when it arrived.
func (r *FailoverResult) judge(sights []sight, arrivals []traffic.Arrival) {
	if len(sights) == 0 {
		return
	}
	first := slices.MinFunc(sights, func(a, b sight) int { return cmp.Compare(a.At, b.At) })
	cut := traffic.StampOf(r.Cut.Start)
	r.NewLink = first.link
	r.SentAt, r.OnWire = first.Sent.Sub(cut), first.At.Sub(cut)
	for _, a := range arrivals {
		if a.Seq == first.Seq {
			r.Gap, r.Arrived = a.At.Sub(cut), true
			return
		}
	}
	for _, a := range arrivals {
		if a.Sent > first.Sent {
			r.Gap = a.At.Sub(cut)
			return
		}
	}
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
