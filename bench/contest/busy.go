package contest

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// NotJudged is the verdict on a goal that was measured while the machine did
// something else: neither reached nor missed means anything then.
const NotJudged Verdict = "not judged: machine busy"

// disturbed reports whether the machine did something else during most of the
// measurements that a goal is judged by.
func (r *Result) disturbed(g Goal) bool {
	var foreign []float64
	add := func(contender, metric string) {
		for _, s := range r.Samples {
			if s.Contender == contender && s.Metric == metric {
				foreign = append(foreign, s.Foreign)
			}
		}
	}
	add(g.Contender, g.Metric)
	switch {
	case g.Against != "" && g.AgainstMetric != "":
		add(g.Against, g.AgainstMetric)
	case g.Against != "":
		add(g.Against, g.Metric)
	}
	return Summarize(foreign).Median > calm
}

// writeBusy says that goals were not judged, why, and what to do.
func (r *Result) writeBusy(w io.Writer) {
	busy := 0
	for _, s := range r.Scores() {
		if s.Verdict == NotJudged {
			busy++
		}
	}
	if busy == 0 {
		return
	}
	goals := "goals are"
	if busy == 1 {
		goals = "goal is"
	}
	fmt.Fprintf(w, "\nthe machine was busy: other programs used %.2f processors in the median while it was measured, and up to %.2f count as none; %d %s not judged; run it again on an idle machine, or with --patience 3 --calm\n",
		r.During().Median, calm, busy, goals)
}

// UnknownWork is an error for the first name in only that no work begins with.
func UnknownWork(only []string) error {
	works := Works()
	for _, name := range only {
		if name == "" || !slices.ContainsFunc(works, func(w string) bool { return strings.HasPrefix(w, name) }) {
			return fmt.Errorf("work %q: there are %s", name, strings.Join(works, ", "))
		}
	}
	return nil
}

// Nothing is the error of a result without a single measurement: why there is
// none.
func (r *Result) Nothing() error {
	if len(r.Samples) > 0 {
		return nil
	}
	var why []string
	for _, c := range sortedKeys(r.Absent) {
		why = append(why, c+": absent: "+r.Absent[c])
	}
	for _, f := range r.Failed {
		why = append(why, "failed: "+strings.ReplaceAll(f, "\n", "; "))
	}
	if len(why) == 0 {
		why = []string{"none of the candidates does any of the works asked for; --list names both"}
	}
	return fmt.Errorf("nothing was measured:\n  %s", strings.Join(why, "\n  "))
}
