package contest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestRatiosAreOfRounds(t *testing.T) {
	got := summarize(ratios(map[int]float64{0: 10, 1: 30, 2: 5}, map[int]float64{0: 20, 1: 30, 3: 1}))
	if want := (Summary{Median: 0.75, Min: 0.5, Max: 1, N: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := summarize(nil); got != (Summary{}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestResultSurvivesJSONAndIsReadable(t *testing.T) {
	r := &Result{Version: "v", Rounds: 2, Contenders: []string{"veth", "tapbond"}, Absent: map[string]string{"kernel": "not here"}}
	m := Metric{Name: "tcp1-out", Unit: "Gbit/s"}
	for round, v := range []float64{10, 12} {
		r.add(m, Sample{Round: round, Contender: "veth", Value: v})
		r.add(m, Sample{Round: round, Contender: "tapbond", Value: v / 2})
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

// TestRun has every contender of this machine at work for a moment: it is not
// about the figures, but that there are some.
func TestRun(t *testing.T) {
	labtest.NeedRoot(t)
	dir := t.TempDir()
	binary := filepath.Join(dir, "tapbond")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/tapbond/tapbond/cmd/tapbond").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	res, err := Run(t.Context(), Config{
		Rounds: 1, Slice: 300 * time.Millisecond, Only: []string{"rtt", "tcp1-out", "small-in"},
		Contenders: []Contender{Veth(), Ours(OursConfig{Name: "tapbond", Binary: binary}), CLoop(dir), Naive(binary), Kernel()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Failed) > 0 {
		t.Errorf("failed: %v", res.Failed)
	}
	metrics := []string{"rtt-p50", "tcp1-out", "tcp1-out-cpu", "small-in", "small-in-cpu"}
	for _, c := range res.Contenders {
		for _, m := range metrics {
			ofKernel := strings.HasSuffix(m, "-cpu") && (c == "veth" || c == "kernel")
			if s := res.Summary(c, m); (s.N == 1 && s.Median > 0) == ofKernel {
				t.Errorf("%s %s: %+v", c, m, s)
			}
		}
	}
	if len(res.Contenders) < 4 {
		t.Errorf("only %v ran; absent: %v", res.Contenders, res.Absent)
	}
	// Offloads are ten times of it: whatever else the machine does.
	if r := res.Ratio("tapbond", "naive", "tcp1-out"); r.Median < 2 {
		t.Errorf("tapbond carries %.2f times what one frame at a time does", r.Median)
	}
}

func TestCompareLeavesNoiseOut(t *testing.T) {
	run := func(tcp, cpu []float64) *Result {
		r := &Result{Contenders: []string{"x"}}
		for i := range tcp {
			r.add(Metric{Name: "tcp"}, Sample{Round: i, Contender: "x", Value: tcp[i]})
			r.add(Metric{Name: "cpu", Less: true}, Sample{Round: i, Contender: "x", Value: cpu[i]})
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
