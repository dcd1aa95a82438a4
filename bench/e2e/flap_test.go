package e2e

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
)

// TestFlapping: one slave loses and gets its carrier 1, 10 and 100 times a
// second. A flow on the other loses nothing, nothing grows, the log stays
// readable, and in the end all is as it should be, at once.
func TestFlapping(t *testing.T) {
	for _, mode := range []string{"active-backup", "balance-xor"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b := start(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, "mode "+mode+" miimon 100 xmit_hash_policy layer3+4")
			b.flap(mode, 10, time.Second) // what grows once has grown
			for _, hz := range []int{1, 10, 100} {
				b.flap(mode, hz, pick(3*time.Second, time.Minute))
			}
		})
	}
}

// flap has a flow on one slave and flaps the other.
func (b *bed) flap(mode string, hz int, d time.Duration) {
	t := b.t
	t.Helper()
	what := fmt.Sprintf("%s, %d Hz", mode, hz)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	rate := 10_000
	if labtest.RaceEnabled {
		rate = 2_000
	}
	var flow traffic.FlowResult
	var wg sync.WaitGroup
	before := b.state()
	wg.Go(func() {
		var err error
		flow, err = traffic.Run(ctx, traffic.FlowConfig{From: b.lab.A, To: b.lab.B, Src: ends[0][0], Dst: ends[0][1], Size: 200, Rate: rate, Patience: stragglers})
		if err != nil {
			t.Error(err)
		}
	})
	// Whichever it is on, the other one flaps.
	shaky := 1
	b.until("the flow is on a slave", func(st bond.State) bool {
		for i, s := range st.Slaves {
			if s.Traffic.TxFrames-before.Slaves[i].Traffic.TxFrames > 100 {
				shaky = 1 - i
				return true
			}
		}
		return false
	})
	was, lines := b.usage(), len(strings.Split(b.proc.Output(), "\n"))
	began := time.Now()
	half := time.Second / time.Duration(2*hz)
	for n := 0; time.Since(began) < d; n++ {
		_, err := b.lab.Link(shaky).Carrier(n%2 == 1)
		b.must(err)
		pause(t, time.Until(began.Add(time.Duration(n+1)*half)))
	}
	_, err := b.lab.Link(shaky).Carrier(false)
	b.must(err)
	b.until("the link is down", func(st bond.State) bool { return st.Slaves[shaky].MIIStatus == "DOWN" })
	span, err := b.lab.Link(shaky).Carrier(true)
	b.must(err)
	st := b.until("all links are up", func(st bond.State) bool { return st.Slaves[0].MIIStatus == "UP" && st.Slaves[1].MIIStatus == "UP" })
	took := st.Slaves[shaky].Since.Sub(span.End)
	limit := 50 * time.Millisecond
	if labtest.RaceEnabled {
		limit = 250 * time.Millisecond
	}
	if took > limit {
		t.Errorf("%s: the link is up %v after its carrier", what, took)
	}
	stop()
	wg.Wait()
	if sum := flow.Receive.Total(); sum.Lost > 0 || sum.Duplicated > 0 || sum.Reordered > 0 {
		t.Errorf("%s: %s; the bond dropped %v", what, flow, b.state().Drops)
	}
	said := len(strings.Split(b.proc.Output(), "\n")) - lines
	if most := int(time.Since(began)/time.Second) + 1 + 6 + 2; said > most { // the first 6 are free; and the last down and up
		t.Errorf("%s: %d lines of log in %v", what, said, time.Since(began))
	}
	now := b.usage()
	t.Logf("%s for %v: %d failures, %d lines of log, up again after %v; %s; %+v, then %+v", what, d,
		st.Slaves[shaky].Failures-before.Slaves[shaky].Failures, said, took, flow, was, now)
	room := 16 << 20
	if labtest.RaceEnabled {
		room = 64 << 20 // the detector remembers
	}
	if now.files > was.files+4 || now.threads > was.threads+6 || now.octets > was.octets+room {
		t.Errorf("%s: before %+v, after %+v", what, was, now)
	}
}

// usage is what the process holds.
type usage struct{ files, threads, octets int }

var statusLine = regexp.MustCompile(`(?m)^(Threads|VmRSS):\s+(\d+)`)

func (b *bed) usage() usage {
	b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.proc.PID()))
	b.must(err)
	u := usage{files: b.descriptors()}
	for _, m := range statusLine.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(m[2])
		b.must(err)
		if m[1] == "Threads" {
			u.threads = n
		} else {
			u.octets = n << 10
		}
	}
	return u
}
