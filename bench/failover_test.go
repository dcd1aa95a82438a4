package bench_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
)

// viaRoute sends A's IPv4 traffic for B over one of the links.
func viaRoute(l *lab.Lab, link int) error {
	dev, err := l.A.Handle.LinkByName(l.Link(link).Slave())
	if err != nil {
		return err
	}
	dst := lab.AddrB4.Addr()
	return l.A.Handle.RouteReplace(&netlink.Route{
		LinkIndex: dev.Attrs().Index, Dst: netlink.NewIPNet(dst.AsSlice()), Scope: unix.RT_SCOPE_LINK, Src: lab.AddrA4.Addr().AsSlice(),
	})
}

// twoWays is a lab whose A reaches B by a route that the test changes: the
// simplest thing that can fail over.
func twoWays(t *testing.T) *lab.Lab {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 2, Wire: true, SlavesUp: true})
	if err := errors.Join(
		l.A.Neighbour("eth1", lab.AddrB4.Addr(), lab.HostMAC()),
		viaRoute(l, 0),
		l.AwaitSilence(t.Context(), 60*time.Millisecond),
	); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestFailoverGap(t *testing.T) {
	const delay = 30 * time.Millisecond
	for name, cut := range map[string]func(*lab.Link) (lab.Span, error){
		"carrier": func(k *lab.Link) (lab.Span, error) { return k.Carrier(false) },
		"silent": func(k *lab.Link) (lab.Span, error) {
			span := lab.Span{Start: time.Now()}
			err := k.Drop(lab.Both)
			span.End = time.Now()
			return span, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := twoWays(t)
			rerouted := make(chan error, 1)
			var at time.Time
			const rate = 20_000
			r, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{
				Lab: l, Link: 0, Rate: rate, Before: 100 * time.Millisecond, After: 200 * time.Millisecond,
				Cut: func(k *lab.Link) (lab.Span, error) {
					span, err := cut(k)
					time.AfterFunc(delay, func() {
						at = time.Now()
						rerouted <- viaRoute(l, 1)
					})
					return span, err
				},
			})
			if err := errors.Join(err, <-rerouted); err != nil {
				t.Fatal(err)
			}
			t.Log(r)
			if r.NewLink != 1 || !r.Arrived || r.CarriedBefore == 0 {
				t.Errorf("%s; link 0 carried %d before and %d after", r, r.CarriedBefore, r.CarriedAfter)
			}
			late := at.Sub(r.Cut.Start)
			if r.SentAt < late-time.Millisecond || r.SentAt > late+100*time.Millisecond {
				t.Errorf("first frame on the new link was sent after %s: want it after the new route, at %s", r.SentAt, late)
			}
			// The two clocks are read one after the other: a little apart.
			const slack = 100 * time.Microsecond
			if r.OnWire < r.SentAt-slack || r.Gap < r.OnWire-slack {
				t.Errorf("sent at %s, on the wire at %s, arrived at %s: out of order", r.SentAt, r.OnWire, r.Gap)
			}
			if r.Flow.LongestGap < delay/2 || r.Flow.Duplicated+r.Flow.Reordered != 0 {
				t.Errorf("%s", r)
			}
			// What was sent in the silence is what is missing, give or take what
			// was on its way at either end.
			if want := r.SentAt.Seconds() * rate; float64(r.Flow.Lost) > want+200 || float64(r.Flow.Lost) < want/2 {
				t.Errorf("lost %d: want about %.0f", r.Flow.Lost, want)
			}
		})
	}
}

// Nothing takes over.
func TestFailoverGapWithoutOther(t *testing.T) {
	l := twoWays(t)
	r, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{
		Lab: l, Link: 0, Rate: 10_000, Before: 50 * time.Millisecond, After: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.NewLink != -1 || r.Arrived || r.Gap != 0 || r.Flow.Lost == 0 || r.CarriedAfter > r.CarriedBefore {
		t.Errorf("%s; carried %d and %d", r, r.CarriedBefore, r.CarriedAfter)
	}
}

// A cut of a link that the flow does not use does nothing to it.
func TestFailoverGapOfIdleLink(t *testing.T) {
	l := twoWays(t)
	r, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{
		Lab: l, Link: 1, Rate: 10_000, Before: 50 * time.Millisecond, After: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.NewLink != 0 || !r.Arrived || r.Flow.Lost != 0 || r.CarriedBefore+r.CarriedAfter != 0 {
		t.Errorf("%s; link 1 carried %d and %d", r, r.CarriedBefore, r.CarriedAfter)
	}
}

func TestFailoverGapRefuses(t *testing.T) {
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	if _, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{Lab: l}); !errors.Is(err, lab.ErrNoWire) {
		t.Errorf("without a wire: %v: want %v", err, lab.ErrNoWire)
	}
	wired := benchtest.Build(t, lab.Topology{Name: "wired", Slaves: 1, Wire: true})
	_, err := bench.FailoverGap(t.Context(), bench.FailoverConfig{Lab: wired, Link: 1})
	if want := "failover: no link 1"; err == nil || err.Error() != want {
		t.Errorf("error %v: want %s", err, want)
	}
}

func ExampleLedger() {
	var l bench.Ledger
	l.Title = "to B"
	l.In("sender", "sent", 1000)
	l.OutReasons("bond", map[string]uint64{"tx_full": 3, "tx_down": 0})
	l.Out("receiver", "received", 997)
	fmt.Print(&l)
	fmt.Println(l.Check())
	// Output:
	// to B                                                            in          out
	// sender                   sent                                 1000
	// bond                     tx_full                                              3
	// receiver                 received                                           997
	// sum                                                           1000         1000
	// <nil>
}
