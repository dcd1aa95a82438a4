package e2e

import (
	"encoding/hex"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"

	"github.com/tapbond/tapbond/bench/traffic"
)

// What the bond sends is compared with what the kernel's driver sent
// (testdata/wire): the same frames in the same order at the same pace.

// sent is one frame that the bond sent on a slave.
type sent struct {
	at    time.Duration
	frame string // hex
}

// recordedWire reads what a slave carried of the bond's own frames. What came
// back to a slave from the others carries the bond's address, too: from and
// until say when the slave was the active one.
func recordedWire(t *testing.T, name string, from, until time.Duration) []sent {
	t.Helper()
	data, err := os.ReadFile("testdata/wire/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var out []sent
	for line := range strings.Lines(string(data)) {
		var s sent
		var seconds float64
		if _, err := fmt.Sscan(line, &seconds, &s.frame); err != nil {
			continue // the heading
		}
		s.at = time.Duration(seconds * float64(time.Second))
		if probe(s.frame) && s.at >= from && s.at < until {
			out = append(out, s)
		}
	}
	return out
}

// probe: an ARP request of 10.1.0.9 or a solicitation of fd00::9, at the bond's
// address.
func probe(frame string) bool {
	if len(frame) < 84 || frame[12:24] != "020000000000" {
		return false
	}
	switch frame[24:28] {
	case "0806":
		return frame[40:44] == "0001" && frame[56:64] == "0a010009"
	case "86dd":
		return strings.HasPrefix(frame[44:], "fd000000000000000000000000000009") && frame[108:110] == "87"
	}
	return false
}

// shape is the frames in order, a repeated sequence of them said once, and the
// pace at which the first of the sequence comes again.
func shape(frames []sent) (order []string, pace time.Duration) {
	var steps []time.Duration
	last := map[string]time.Duration{}
	for _, f := range frames {
		if at, ok := last[f.frame]; ok {
			steps = append(steps, f.at-at)
		} else {
			order = append(order, f.frame)
		}
		last[f.frame] = f.at
	}
	if len(steps) > 0 {
		slices.Sort(steps)
		pace = steps[len(steps)/2]
	}
	return order, pace
}

// inOrder: the frames go round in their order, once the ones that come but
// once are through.
func inOrder(t *testing.T, name string, frames []sent, order []string) {
	t.Helper()
	count := map[string]int{}
	for _, f := range frames {
		count[f.frame]++
	}
	var round []string
	for _, o := range order {
		if count[o] > 1 {
			round = append(round, o)
		}
	}
	next := 0
	for i, f := range frames {
		if count[f.frame] == 1 {
			continue
		}
		if f.frame != round[next] {
			t.Errorf("%s: frame %d is out of turn: %s", name, i, f.frame)
			return
		}
		next = (next + 1) % len(round)
	}
}

// nsPlace is a namespace by name.
type nsPlace string

func (p nsPlace) Do(fn func() error) error {
	done := make(chan error)
	go func() {
		ns, err := netns.GetFromName(string(p))
		if err == nil {
			defer ns.Close()
			runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
			if err = netns.Set(ns); err == nil {
				err = fn()
			}
		}
		done <- err
	}()
	return <-done
}

// tapWire records what arrives at the far end of a slave's cable.
func (b *booth) tapWire(i int, start time.Time) (frames func() []sent) {
	b.t.Helper()
	c, err := traffic.ListenFrames(nsPlace(b.sw), fmt.Sprintf("s%d", i), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	var mu sync.Mutex
	var got []sent
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			f, at, err := c.Receive()
			if err != nil {
				return
			}
			if s := (sent{at: at.Sub(traffic.StampOf(start)), frame: hex.EncodeToString(f)}); probe(s.frame) {
				mu.Lock()
				got = append(got, s)
				mu.Unlock()
			}
		}
	})
	b.t.Cleanup(func() {
		_ = c.Close()
		wg.Wait()
	})
	return func() []sent {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func compareWire(t *testing.T, name string, want, got []sent) {
	t.Helper()
	wantOrder, wantPace := shape(want)
	order, pace := shape(got)
	if d := cmp.Diff(wantOrder, order); d != "" {
		t.Errorf("%s (-driver +tapbond)\n%s", name, d)
		return
	}
	inOrder(t, name, got, order)
	// The driver's clock had ticks of 10 ms, and it waits one more.
	if pace < wantPace-25*time.Millisecond || pace > wantPace+15*time.Millisecond {
		t.Errorf("%s: once in %v, the driver once in %v", name, pace, wantPace)
	}
}

// The tests of what is on the wire compare spacings with the driver's, so nothing
// runs beside them.
func TestWireOfTheARPMonitor(t *testing.T) {
	b := newBooth(t)
	start := time.Now()
	wires := []func() []sent{b.tapWire(0, start), b.tapWire(1, start)}
	b.probed("mode active-backup arp_interval 200 arp_ip_target 10.1.0.1,10.1.0.2 arp_validate all")
	enough := func(i, n int) {
		t.Helper()
		b.eventually("frames", "enough", func() string {
			if len(wires[i]()) >= n {
				return "enough"
			}
			return "waiting"
		})
	}
	enough(0, 16)
	if early := wires[1](); len(early) > 0 {
		t.Errorf("a backup asks: %v", early)
	}
	b.silence(0)
	b.awaitLog("bond0: (slave eth1): making interface the new active one")
	enough(1, 17)
	const moved = 3500 * time.Millisecond // in the recording
	compareWire(t, "eth0", recordedWire(t, "ab-arpmon-eth0", 0, moved), wires[0]())
	compareWire(t, "eth1", recordedWire(t, "ab-arpmon-eth1", moved, time.Hour), wires[1]())
	// The new one asks behind the announcement, at once.
	after := wires[1]()
	if wait := after[1].at - after[0].at; wait > allow(50*time.Millisecond) {
		t.Errorf("the new active slave asks after %v", wait)
	}
}

func TestWireOfTheNSMonitor(t *testing.T) {
	b := newBooth(t)
	start := time.Now()
	wire := b.tapWire(0, start)
	b.probed("mode active-backup arp_interval 200 ns_ip6_target fd00::1 arp_validate all")
	b.eventually("frames", "enough", func() string {
		if len(wire()) >= 10 {
			return "enough"
		}
		return "waiting"
	})
	compareWire(t, "eth0", recordedWire(t, "ab-ns6-eth0", 0, time.Hour), wire())
}
