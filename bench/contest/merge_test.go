package contest

import (
	"strings"
	"testing"
)

func TestMergeAndCalm(t *testing.T) {
	run := func(contender, metric string, rounds int, value, foreign float64) *Result {
		r := &Result{Version: contender, Rounds: rounds, Contenders: []string{"veth", contender}, Absent: map[string]string{"x": "gone", "y": "gone"}}
		for round := range rounds {
			r.Add(Metric{Name: metric}, Sample{Round: round, Contender: "veth", Value: 10})
			r.Add(Metric{Name: metric}, Sample{Round: round, Contender: contender, Value: value, Foreign: foreign})
		}
		return r
	}
	m := Merge([]*Result{run("tapbond", "tcp", 3, 5, 0), run("tapbond", "tcp", 2, 8, 1), run("x", "udp", 2, 1, 0)})
	if m.Version != "tapbond" || m.Rounds != 3 || strings.Join(m.Contenders, " ") != "veth tapbond x" || len(m.Absent) != 1 {
		t.Errorf("%+v", m)
	}
	if got, want := m.Ratio("tapbond", "veth", "tcp"), (Summary{Median: 0.5, Min: 0.5, Max: 0.8, N: 5}); got != want {
		t.Errorf("ratio %+v, want %+v", got, want)
	}
	if got := m.Summary("x", "udp"); got.N != 2 {
		t.Errorf("%+v", got)
	}
	calm := m.Calm()
	if got := calm.Summary("tapbond", "tcp"); got.N != 3 || got.Max != 5 {
		t.Errorf("calm: %+v", got)
	}
	if got := m.Summary("tapbond", "tcp"); got.N != 5 {
		t.Errorf("the whole has changed: %+v", got)
	}
}
