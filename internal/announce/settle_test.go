package announce

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSettle(t *testing.T) {
	start := time.Unix(0, 0)
	var s Settle
	if _, ok := s.Next(); ok || s.Step(start) {
		t.Error("the zero value has something to repeat")
	}
	s.Start(start)
	var got []int
	for at, ok := s.Next(); ok; at, ok = s.Next() {
		if s.Step(at.Add(-1)) {
			t.Error("due before its time")
		}
		if !s.Step(at) {
			t.Fatalf("not due at %v", at.Sub(start))
		}
		got = append(got, int(at.Sub(start)/time.Millisecond))
	}
	if diff := cmp.Diff([]int{10, 30, 70, 150, 310, 630}, got); diff != "" {
		t.Error(diff)
	}
	if last := time.Duration(got[len(got)-1]) * time.Millisecond; last != SettleTime {
		t.Errorf("over after %v, not after %v", last, SettleTime)
	}
	s.Start(start)
	s.Stop()
	if s.Step(start.Add(time.Hour)) {
		t.Error("repeated after Stop")
	}
}
