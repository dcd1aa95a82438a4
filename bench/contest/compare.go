package contest

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Change is a figure that differs from an older run's by more than both runs'
// own spread.
type Change struct {
	Contender string
	Metric    Metric
	Old, New  Summary
	Better    bool
}

// Compare finds what changed from old to r beyond noise: all of the new values
// lie on one side of all of the old. That asks for three rounds or more in
// each; figures with fewer are left out.
func (r *Result) Compare(old *Result) []Change {
	const enough = 3
	var out []Change
	for _, m := range r.Metrics {
		for _, c := range r.Contenders {
			a, b := old.Summary(c, m.Name), r.Summary(c, m.Name)
			if a.N < enough || b.N < enough || (b.Min <= a.Max && a.Min <= b.Max) {
				continue
			}
			out = append(out, Change{c, m, a, b, (b.Median < a.Median) == m.Less})
		}
	}
	return out
}

// WriteChanges writes them for people.
func WriteChanges(w io.Writer, changes []Change) error {
	if len(changes) == 0 {
		_, err := fmt.Fprintln(w, "nothing changed beyond noise")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range changes {
		verdict := "worse"
		if c.Better {
			verdict = "better"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s -> %s %s\n", verdict, c.Contender, c.Metric.Name, Figure(c.Old.Median), Figure(c.New.Median), c.Metric.Unit)
	}
	return t.Flush()
}
