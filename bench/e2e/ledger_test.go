package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
)

// TestLedger: every frame is somewhere. Sent is received plus what each place
// on the way dropped and counted, to the frame: at a rate that loses nothing
// and at one that nobody can sustain, both ways.
func TestLedger(t *testing.T) {
	mild := 20_000
	if labtest.RaceEnabled {
		mild = 3_000
	}
	for _, mode := range []string{"active-backup", "balance-xor", "balance-xor express on"} {
		b := start(t, lab.Topology{Name: strings.ReplaceAll(mode, " ", "-"), Slaves: 2, Wire: true, PeerOffloads: true}, "mode "+mode+" miimon 100 xmit_hash_policy layer3+4")
		for _, rate := range []int{mild, 0} {
			for _, dir := range []lab.Direction{lab.ToB, lab.ToA} {
				name := fmt.Sprintf("%s, %d frames/s, direction %d", mode, rate, dir)
				b.closes(name, dir, rate)
			}
		}
	}
}

func (b *bed) closes(title string, dir lab.Direction, rate int) {
	b.t.Helper()
	count := uint64(pick(50_000, 1_000_000))
	if rate > 0 {
		count = uint64(pick(rate, 1_000_000))
	}
	from, to, src, dst := b.lab.A, b.lab.B, ends[0][0], ends[0][1]
	if dir == lab.ToA {
		from, to, src, dst = to, from, dst, src
	}
	b.must(b.lab.AwaitSilence(b.t.Context(), 100*time.Millisecond))
	before, err := bench.ReadAccount(b.lab, "bond0")
	b.must(err)
	was := b.state()
	r, err := traffic.Run(b.t.Context(), traffic.FlowConfig{From: from, To: to, Src: src, Dst: dst, Flows: 8, Size: 100, Rate: rate, Count: count, Patience: allow(200 * time.Millisecond)})
	b.must(err)
	b.must(b.lab.AwaitSilence(b.t.Context(), 100*time.Millisecond))
	is := b.state()
	after, err := bench.ReadAccount(b.lab, "bond0")
	b.must(err)
	reasons := dropsBetween(was, is, dir)
	l := bench.NewLedger(bench.LedgerConfig{
		Title: title, Direction: dir, Before: before, After: after, Result: r,
		Reasons: reasons, Accepted: is.Traffic.TxFrames - was.Traffic.TxFrames,
	})
	if err := l.Check(); err != nil {
		b.t.Errorf("%s: %v", title, err)
	}
	sum := r.Receive.Total()
	b.t.Logf("%s: sent %d, received %d, the bond dropped %v", title, sum.Sent, sum.Received, reasons)
	if rate > 0 && sum.Lost > 0 {
		b.t.Errorf("%s: lost %d at a mild rate\n%s", title, sum.Lost, l)
	}
}

// dropsBetween are the bond's drops of one direction between two states, the
// receive sockets' included.
func dropsBetween(was, is bond.State, dir lab.Direction) map[string]uint64 {
	prefix := "tx_"
	out := make(map[string]uint64)
	if dir == lab.ToA {
		prefix = "rx_"
		for i, s := range is.Slaves {
			if n := s.SocketDrops - was.Slaves[i].SocketDrops; n > 0 {
				out["socket of "+s.Name] = n
			}
		}
	}
	for name, n := range is.Drops {
		if strings.HasPrefix(name, prefix) && n > was.Drops[name] {
			out[name] = n - was.Drops[name]
		}
	}
	return out
}
