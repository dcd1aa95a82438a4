package contest

import (
	"strings"
	"testing"
)

func TestScores(t *testing.T) {
	r := &Result{Contenders: []string{"veth", "tapbond"}}
	put := func(contender, metric string, values ...float64) {
		for round, v := range values {
			r.Add(Metric{Name: metric}, Sample{Round: round, Contender: contender, Value: v})
		}
	}
	put("veth", "tcp1-out", 10, 20, 10)
	put("tapbond", "tcp1-out", 8, 16.2, 8) // 0.80 in the median: between floor and aim
	put("veth", "rtt-p50", 10, 10, 10)
	put("tapbond", "rtt-p50", 30, 34, 90) // 24 more
	put("tapbond", "idle", 2, 2, 0.5)
	put("tapbond", "flows-out-2x10-cpu", 2, 2, 2)
	put("tapbond", "flows-out-8x100000-cpu", 2.3, 2.3, 2.3) // exactly the limit
	got := map[string]Score{}
	for _, s := range r.Scores() {
		got[s.String()] = s
	}
	for name, want := range map[string]Verdict{
		"tcp1-out / veth's": FloorReached,
		"rtt-p50 - veth's":  AimReached,
		"idle":              Missed,
		"flows-out-8x100000-cpu / flows-out-2x10-cpu": AimReached,
		"tcp1-in / veth's":                            NotMeasured,
	} {
		s, ok := got[name]
		if !ok {
			t.Errorf("no goal %q", name)
		} else if s.Verdict != want {
			t.Errorf("%s: %s with %.3f, want %s", name, s.Verdict, s.Measured.Median, want)
		}
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "tcp1-out / veth's") || strings.Contains(table.String(), "tcp1-in / veth's") {
		t.Errorf("want the goals that were measured, and no others, in\n%s", table.String())
	}
}

// TestGoalsAreOfWorksAndContenders: a goal whose figure nothing measures would
// never be judged.
func TestGoalsAreOfWorksAndContenders(t *testing.T) {
	usual, more := Catalog("", t.TempDir())
	names := strings.Join(namesOf(append(usual, more...)), "\n") + "\n"
	works := "\n" + strings.Join(Works(), "\n") + "\n"
	suffixes := []string{"-cpu", "-share", "-p50", "-p99"}
	seen := map[string]bool{}
	for _, g := range Goals() {
		if seen[g.String()] {
			t.Errorf("%s: twice", g)
		}
		seen[g.String()] = true
		for _, c := range []string{g.Contender, g.Against} {
			if c != "" && !strings.Contains(names, c+"\n") {
				t.Errorf("%s: no contender %q", g, c)
			}
		}
		for _, m := range []string{g.Metric, g.AgainstMetric} {
			for _, s := range suffixes {
				m = strings.TrimSuffix(m, s)
			}
			if m == "rtt" {
				m = "rtt-idle"
			}
			if m != "" && !strings.Contains(works, "\n"+m+"\n") {
				t.Errorf("%s: no work %q", g, m)
			}
		}
		if g.Floor != g.Aim && (g.Aim < g.Floor) != g.Less {
			t.Errorf("%s: the aim is easier than the floor", g)
		}
	}
}
