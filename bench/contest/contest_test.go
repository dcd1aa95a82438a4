package contest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRatiosAreOfRounds(t *testing.T) {
	got := Summarize(ratios(map[int]float64{0: 10, 1: 30, 2: 5}, map[int]float64{0: 20, 1: 30, 3: 1}))
	if want := (Summary{Median: 0.75, Min: 0.5, Max: 1, N: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Summarize(nil); got != (Summary{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestResultSurvivesJSONAndIsReadable(t *testing.T) {
	r := &Result{Version: "v", Rounds: 2, Contenders: []string{"veth", "tapbond"}, Absent: map[string]string{"kernel": "not here"}}
	m := Metric{Name: "tcp1-out", Unit: "Gbit/s"}
	for round, v := range []float64{10, 12} {
		r.Add(m, Sample{Round: round, Contender: "veth", Value: v})
		r.Add(m, Sample{Round: round, Contender: "tapbond", Value: v / 2})
	}
	var file bytes.Buffer
	if err := r.WriteJSON(&file); err != nil {
		t.Fatal(err)
	}
	back, err := ReadJSON(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Error(diff)
	}
	var table strings.Builder
	if err := back.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tcp1-out Gbit/s  11.0  5.50 (0.50)", "kernel: absent: not here"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("no %q in\n%s", want, table.String())
		}
	}
}

func TestCompareLeavesNoiseOut(t *testing.T) {
	run := func(tcp, cpu []float64) *Result {
		r := &Result{Contenders: []string{"x"}}
		for i := range tcp {
			r.Add(Metric{Name: "tcp"}, Sample{Round: i, Contender: "x", Value: tcp[i]})
			r.Add(Metric{Name: "cpu", Less: true}, Sample{Round: i, Contender: "x", Value: cpu[i]})
		}
		return r
	}
	old := run([]float64{10, 11, 12}, []float64{5, 6, 7})
	if c := run([]float64{12, 13, 14}, []float64{4, 5, 6}).Compare(old); len(c) != 0 {
		t.Errorf("overlapping values: %+v", c)
	}
	c := run([]float64{7, 8, 9}, []float64{2, 3, 4}).Compare(old)
	if len(c) != 2 || c[0].Better || !c[1].Better {
		t.Errorf("got %+v", c)
	}
	if c := run([]float64{1, 1}, []float64{1, 1}).Compare(old); len(c) != 0 {
		t.Errorf("two rounds are not enough: %+v", c)
	}
}
