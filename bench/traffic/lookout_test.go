package traffic_test

import (
	"context"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// settled is how long nothing moves when a lab has come to rest.
const settled = 60 * time.Millisecond

func TestLookout(t *testing.T) {
	l := benchtest.Addressed(t, lab.Topology{Slaves: 1, Wire: true})
	lookout := func(flow uint16) *traffic.Lookout {
		o, err := traffic.NewLookout(l.Wire, "a0", flow)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Close() })
		return o
	}
	mine, other := lookout(3), lookout(4)
	r, err := traffic.Run(t.Context(), traffic.FlowConfig{
		From: l.A, To: l.B, Src: lab.AddrA6.Addr(), Dst: lab.AddrB6.Addr(), First: 3, Rate: 50_000, Count: 2000, Log: 2000,
	})
	if err != nil {
		t.Fatal(err)
	}
	middle := r.Send.Began + (r.Send.Ended-r.Send.Began)/2
	s, ok, err := mine.Wait(t.Context(), middle)
	if err != nil || !ok || s.Flow != 3 || s.Seq == 0 || s.Sent < middle || s.At < s.Sent-traffic.Stamp(100*time.Microsecond) {
		t.Errorf("saw %+v, %t, %v: want the first frame sent after %d", s, ok, err, middle)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if s, ok, err := other.Wait(ctx, 0); ok || err != nil {
		t.Errorf("saw %+v of a flow that is not there (%v)", s, err)
	}
	later := r.Send.Ended + traffic.Stamp(time.Second)
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if s, ok, err := mine.Wait(ctx, later); ok || err != nil {
		t.Errorf("saw %+v sent in the future (%v)", s, err)
	}
}
