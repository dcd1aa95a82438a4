package bond

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// flapFor publishes what n flaps a second say, for so many seconds.
func flapFor(b *Bus, slave string, n, seconds int) {
	for range n * seconds {
		for _, e := range []Event{
			{Slave: slave, Kind: "link_down", Message: "link status definitely down, disabling slave"},
			{Slave: "eth9", Kind: "active_change", Message: "making interface the new active one"},
			{Slave: slave, Kind: "link_up", Message: "link status definitely up"},
			{Slave: slave, Kind: "active_change", Message: "making interface the new active one"},
		} {
			e.Bond, e.Time = "bond0", time.Now()
			b.publish(e)
		}
		pass(time.Second / time.Duration(n))
	}
}

func TestFlappingIsLoggedOnceASecond(t *testing.T) {
	for _, rate := range []int{1, 10, 100} {
		synctest.Test(t, func(t *testing.T) {
			b := NewBus()
			var out bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				b.Log(ctx, slog.New(slog.NewTextHandler(&out, nil)))
				close(done)
			}()
			synctest.Wait()
			const seconds = 20
			flapFor(b, "eth1", rate, seconds)
			b.publish(Event{Bond: "bond0", Slave: "eth1", Kind: "enslave", Message: "other events are as ever", Time: time.Now()})
			pass(3 * time.Second)
			cancel()
			<-done
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if n := len(lines); n > seconds+2+quietAfter || n < seconds {
				t.Errorf("%d flaps a second for %d s: %d lines", rate, seconds, n)
			}
			// What is left out is counted, and the last word is the last state.
			total := 0
			for _, l := range lines {
				total++
				if _, n, ok := strings.Cut(l, "left_out="); ok {
					k := 0
					for _, c := range n {
						k = k*10 + int(c-'0')
					}
					total += k
				}
			}
			if total != 4*rate*seconds+1 {
				t.Errorf("%d flaps a second: %d lines told of, want %d", rate, total, 4*rate*seconds+1)
			}
			last := lines[len(lines)-1]
			if strings.Contains(last, "kind=enslave") {
				last = lines[len(lines)-2]
			}
			if !strings.Contains(last, "(slave eth1): making interface the new active one") {
				t.Errorf("the last line is %s", last)
			}
		})
	}
}

// The first lines about each of many slaves are all written.
func TestManyLinksAtOnceAreLogged(t *testing.T) {
	q := newQuiet()
	now := time.Unix(0, 0)
	for i := range 16 {
		for _, kind := range []string{"link_down", "active_change", "link_up"} {
			e := Event{Bond: "bond0", Slave: string(rune('a' + i)), Kind: kind, Time: now}
			if ok, n := q.admit(&e); !ok || n != 0 {
				t.Errorf("slave %d, %s: %v, %d left out", i, kind, ok, n)
			}
		}
	}
	for i := range 3 * quietAfter {
		e := Event{Bond: "bond1", Slave: "eth0", Kind: "link_up", Time: now}
		if i%2 == 1 {
			e = Event{Bond: "bond1", Kind: "delete", Time: now}
		}
		if ok, _ := q.admit(&e); !ok {
			t.Error("a new bond of the same name has to keep quiet")
		}
	}
	q.due(now.Add(time.Minute), false, func(e *Event, n int) { t.Errorf("left out: %+v", e) })
	if len(q.causes) > 0 {
		t.Errorf("%d slaves are remembered for ever", len(q.causes))
	}
}
