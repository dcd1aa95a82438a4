package contest

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// tableWidth is the number of contenders side by side in a table.
const tableWidth = 8

// WriteTable writes the result for people: a row per figure, a column per
// contender, each with the median and, from the first contender on, its ratio;
// then the goals.
func (r *Result) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "tapbond %s, %s, kernel %s, %d processors, %s, TCP by %s\n",
		r.Version, r.Began.Format("2006-01-02 15:04 MST"), r.Machine.Kernel, r.Machine.Processors, r.Machine.Go, r.Machine.TCP)
	foreign, during := Summarize(r.Foreign), r.During()
	fmt.Fprintf(w, "medians of %d interleaved rounds of %gs; in brackets the ratio to %s, round by round\nother load in processors: before the rounds %.2f in the median, %.2f at most; meanwhile %.2f, %.2f\n",
		r.Rounds, r.Slice, r.reference(), foreign.Median, foreign.Max, during.Median, during.Max)
	if len(r.Contenders) > 0 {
		rest := r.Contenders[1:]
		for first := true; first || len(rest) > 0; first = false {
			n := min(tableWidth-1, len(rest))
			if err := r.writeFigures(w, append([]string{r.reference()}, rest[:n]...)); err != nil {
				return err
			}
			rest = rest[n:]
		}
	}
	if err := r.writeScores(w); err != nil {
		return err
	}
	r.writeBusy(w)
	r.writeRemarks(w)
	_, err := fmt.Fprintln(w)
	return err
}

func (r *Result) writeFigures(w io.Writer, contenders []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n\t%s\n", strings.Join(contenders, "\t"))
	for _, m := range r.Metrics {
		fmt.Fprintf(t, "%s %s", m.Name, m.Unit)
		for _, c := range contenders {
			fmt.Fprintf(t, "\t%s", r.Cell(c, m))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// writeScores writes the goals that were measured.
func (r *Result) writeScores(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\ngoal\tmeasured\tspread\tfloor\taim\t\n")
	for _, s := range r.Scores() {
		if s.Verdict != NotMeasured {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", s.Goal, Figure(s.Measured.Median), s.Measured.Spread(), s.FloorText(), s.AimText(), s.Verdict)
		}
	}
	return t.Flush()
}

func (r *Result) writeRemarks(w io.Writer) {
	for _, c := range r.Contenders {
		if note := r.Notes[c]; note != "" {
			fmt.Fprintf(w, "\n%s: %s", c, note)
		}
	}
	for _, c := range sortedKeys(r.Absent) {
		fmt.Fprintf(w, "\n%s: absent: %s", c, r.Absent[c])
	}
	for _, f := range r.Failed {
		fmt.Fprintf(w, "\nfailed: %s", strings.ReplaceAll(f, "\n", "; "))
	}
}

func (r *Result) reference() string {
	if len(r.Contenders) == 0 {
		return "nothing"
	}
	return r.Contenders[0]
}

// Cell is a median, and its ratio to the reference's.
func (r *Result) Cell(contender string, m Metric) string {
	s := r.Summary(contender, m.Name)
	if s.N == 0 {
		return "-"
	}
	cell := Figure(s.Median)
	if ratio := r.Ratio(contender, r.reference(), m.Name); ratio.N > 0 && contender != r.reference() {
		cell += fmt.Sprintf(" (%.2f)", ratio.Median)
	}
	return cell
}

// Figure writes three significant digits.
func Figure(x float64) string {
	switch {
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 0.1 || x <= 0:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3f", x)
	}
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
