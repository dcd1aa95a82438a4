package e2e

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// What is timed here is timed on a machine that may do something else besides. How
// much that is is looked at all the time: tests allow for it when they judge.
// Those that load the machine themselves don't: it is what they are about.

// slowness is how many threads want each processor: 1 on an idle machine.
type slowness struct {
	mu sync.Mutex
	// seconds are the means of the last ones, the newest last.
	seconds []float64
}

var thisMachine slowness

const (
	lookEvery    = 20 * time.Millisecond
	slowWindow   = 20 // seconds
	slownessHigh = 10 // past it a test that is late is late
)

// watch looks until the process ends.
func (s *slowness) watch() {
	tick := time.NewTicker(lookEvery)
	var sum, n float64
	for begin := time.Now(); ; <-tick.C {
		sum, n = sum+runnable(), n+1
		if time.Since(begin) < time.Second {
			continue
		}
		s.add(sum / n / float64(runtime.NumCPU()))
		begin, sum, n = time.Now(), 0, 0
	}
}

func (s *slowness) add(mean float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seconds = append(s.seconds, mean)
	if len(s.seconds) > slowWindow {
		s.seconds = s.seconds[1:]
	}
}

// worst is that of the worst of the last seconds.
func (s *slowness) worst() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	worst := 1.0
	for _, v := range s.seconds {
		worst = max(worst, v)
	}
	return min(worst, slownessHigh)
}

// runnable is how many threads run or want to, 0 if the kernel doesn't say.
func runnable() float64 {
	text, _ := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(text)); len(f) > 3 {
		now, _, _ := strings.Cut(f[3], "/")
		n, _ := strconv.ParseFloat(now, 64)
		return n - 1 // this one
	}
	return 0
}

// allow is how late something may be that is d late at most on an idle machine.
func allow(d time.Duration) time.Duration {
	return time.Duration(float64(d) * thisMachine.worst())
}

// hold is what a busy machine may add to something that takes long in any case.
func hold() time.Duration { return 3 * (grace() - allowedIdle) }

// grace is how much later than it should be something may be seen: what tests look
// with takes its time, too.
func grace() time.Duration { return allow(allowedIdle) }

const allowedIdle = 100 * time.Millisecond

// The measure is that of the worst second, of those that count, and bounded.
func TestSlowness(t *testing.T) {
	var s slowness
	want := func(what string, want float64) {
		t.Helper()
		if got := s.worst(); got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("nothing known", 1)
	s.add(0.2)
	want("idle", 1)
	s.add(3)
	for range slowWindow - 1 {
		s.add(1.5)
	}
	want("a bad second", 3)
	s.add(1.5)
	want("that is over", 1.5)
	s.add(200)
	want("too much", slownessHigh)
	if n := runnable(); n < 0 || n > 1e6 {
		t.Errorf("%v threads", n)
	}
}
