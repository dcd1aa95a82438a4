package traffic

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAccount(t *testing.T) {
	const ms = Stamp(time.Millisecond)
	type arrival struct {
		seq uint64
		at  Stamp
	}
	for _, tt := range []struct {
		name     string
		arrivals []arrival
		sent     uint64
		want     FlowReport
	}{
		{"nothing", nil, 3, FlowReport{Sent: 3, Lost: 3}},
		{"in order", []arrival{{0, 1 * ms}, {1, 2 * ms}, {2, 5 * ms}}, 3,
			FlowReport{Sent: 3, Received: 3, LongestGap: 3 * time.Millisecond, GapBegan: 2 * ms, First: ms, Last: 5 * ms}},
		{"first lost", []arrival{{1, 1 * ms}, {2, 1 * ms}}, 3,
			FlowReport{Sent: 3, Received: 2, Lost: 1, First: ms, Last: ms}},
		{"late", []arrival{{0, ms}, {2, ms}, {3, ms}, {1, ms}}, 4,
			FlowReport{Sent: 4, Received: 4, Reordered: 1, First: ms, Last: ms}},
		{"two late", []arrival{{3, ms}, {0, ms}, {1, ms}}, 4,
			FlowReport{Sent: 4, Received: 3, Lost: 1, Reordered: 2, First: ms, Last: ms}},
		{"twice", []arrival{{0, ms}, {0, 2 * ms}, {1, 3 * ms}, {0, 3 * ms}}, 2,
			FlowReport{Sent: 2, Received: 2, Duplicated: 2, LongestGap: time.Millisecond, GapBegan: ms, First: ms, Last: 3 * ms}},
		{"far ahead", []arrival{{0, ms}, {100_000, ms}}, 100_001,
			FlowReport{Sent: 100_001, Received: 2, Lost: 99_999, First: ms, Last: ms}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var a account
			for _, in := range tt.arrivals {
				if _, ok := a.add(in.seq, in.at); !ok {
					t.Fatalf("%d refused", in.seq)
				}
			}
			if diff := cmp.Diff(tt.want, a.report(0, tt.sent)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAccountOutOfReach(t *testing.T) {
	var a account
	for _, seq := range []uint64{reach, 1 << 60, 1<<64 - 1} {
		if _, ok := a.add(seq, 0); ok {
			t.Errorf("%d accepted", seq)
		}
	}
	if len(a.seen) != 0 {
		t.Errorf("bitmap of %d words", len(a.seen))
	}
}

// The account against a plain restatement of the definitions.
func TestAccountProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seqs := rapid.SliceOf(rapid.Uint64Range(0, 300)).Draw(t, "seqs")
		var a account
		count := map[uint64]int{}
		var want FlowReport
		for i, seq := range seqs {
			a.add(seq, Stamp(i))
			count[seq]++
			if count[seq] > 1 {
				want.Duplicated++
				continue
			}
			want.Received++
			for _, earlier := range seqs[:i] {
				if earlier > seq {
					want.Reordered++
					break
				}
			}
		}
		got := a.report(0, 301)
		if got.Received != want.Received || got.Duplicated != want.Duplicated || got.Reordered != want.Reordered ||
			got.Received+got.Lost != 301 {
			t.Errorf("%+v: want %+v", got, want)
		}
		for seq := range uint64(302) {
			if a.has(seq) != (count[seq] > 0) {
				t.Errorf("has(%d) = %t", seq, a.has(seq))
			}
		}
	})
}

func TestPacer(t *testing.T) {
	const ms = Stamp(time.Millisecond)
	p := pacer{rate: 100_000, start: 0}
	for _, step := range []struct {
		now  Stamp
		want uint64
	}{{0, 0}, {ms / 100, 1}, {ms, 100}} {
		if got := p.due(step.now); got != step.want {
			t.Errorf("at %d: %d due: want %d", step.now, got, step.want)
		}
	}
	p.sent = 100
	if got := p.due(ms); got != 0 {
		t.Errorf("%d due after all was sent", got)
	}
	// 19 ms late: catches up with the 2 ms it may, gives up the rest.
	if got := p.due(20 * ms); got != 200 {
		t.Errorf("%d due when far behind: want 200", got)
	}
	if p.slipped != 17*time.Millisecond {
		t.Errorf("slipped %s: want 17ms", p.slipped)
	}
	p.sent += 200
	if got := p.due(21 * ms); got != 100 {
		t.Errorf("%d due a millisecond later: want 100", got)
	}
	if free := (&pacer{}); free.due(0) == 0 {
		t.Error("an unpaced sender has to wait")
	}
}
