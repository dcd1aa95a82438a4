package bond

import (
	"testing"
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/policy"
)

// In a flood, so many a second pass, of callers first; clients don't notice it.
func TestARPMeter(t *testing.T) {
	for _, c := range []struct {
		name      string
		flood     []alb.Standing // in turn, 100,000 a second
		passed    int            // of the flood in 10 s
		callers   int            // of those
		strangers bool           // are among them
	}{
		{"strangers", []alb.Standing{alb.Stranger}, 50_500, 0, true},
		{"callers", []alb.Standing{alb.Caller}, 51_000, 51_000, false},
		{"callers first", []alb.Standing{alb.Stranger, alb.Stranger, alb.Stranger, alb.Caller}, 51_000, 50_000, true},
	} {
		var m arpMeter
		passed, callers, strangers := 0, 0, 0
		for n := range 1_000_000 {
			now := time.Duration(n) * 10 * time.Microsecond
			if n%1000 == 0 && !m.take(now, alb.Client) {
				t.Fatalf("%s: a client's is dropped after %v", c.name, now)
			}
			switch from := c.flood[n%len(c.flood)]; {
			case !m.take(now, from):
			case from == alb.Caller:
				passed, callers = passed+1, callers+1
			default:
				passed, strangers = passed+1, strangers+1
			}
		}
		if passed < c.passed-2 || passed > c.passed+2 || callers < c.callers || strangers > 0 != c.strangers {
			t.Errorf("%s: %d passed, %d of callers", c.name, passed, callers)
		}
	}
	var m arpMeter
	for n := range 20_000 { // 4,000 a second
		if !m.take(time.Duration(n)*250*time.Microsecond, alb.Stranger) {
			t.Fatalf("dropped after %d that are no flood", n)
		}
	}
}

// What a slave has too much of is counted, and the data in between delivered.
func TestARPFloodIsDropped(t *testing.T) {
	for _, mode := range []policy.Mode{policy.BalanceTLB, policy.BalanceALB} {
		s := viewOf(mode, sink{}, sink{})
		s.rx = []rxRule{rxActive}
		w := newRxWorker(0, nil, sink{}, nil)
		w.notes.wake = func() {}
		stranger := []byte{2, 0, 0, 0, 0, 66}
		data, ask := udpTo(1), arpReply(1)
		for _, b := range [][]byte{data, ask} {
			copy(b, s.mac[:])
			copy(b[6:], stranger)
		}
		copy(ask, []byte{255, 255, 255, 255, 255, 255})
		const n = 5000
		for range n / 50 {
			w.deliver(s, append(batchOf(ask, 50), batchOf(data, 5)...))
		}
		got, flood := w.count.frames.value(), w.drops.n[policy.RxARPFlood].value()
		if flood < n/2 || got < n/10+500 || got+flood != n+n/10 {
			t.Errorf("%v: %d delivered, %d dropped", mode, got, flood)
		}
	}
}
