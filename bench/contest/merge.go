package contest

import (
	"maps"
	"slices"
)

// Merge puts the results of several runs of one machine together, as if it had
// been one; for a long run that was made in parts. What is said of the whole is
// the first's. Rounds are counted on from run to run, so that ratios stay within
// one.
func Merge(runs []*Result) *Result {
	out := &Result{Notes: map[string]string{}, Absent: map[string]string{}}
	offset := 0
	for i, r := range runs {
		if i == 0 {
			out.Version, out.Began, out.Machine, out.Slice = r.Version, r.Began, r.Machine, r.Slice
		}
		for _, c := range r.Contenders {
			if !slices.Contains(out.Contenders, c) {
				out.Contenders = append(out.Contenders, c)
			}
		}
		maps.Copy(out.Notes, r.Notes)
		maps.Copy(out.Absent, r.Absent)
		out.Foreign = append(out.Foreign, r.Foreign...)
		out.Failed = append(out.Failed, r.Failed...)
		out.Rounds = max(out.Rounds, r.Rounds)
		later := *r
		later.Samples = slices.Clone(r.Samples)
		for j := range later.Samples {
			later.Samples[j].Round += offset
		}
		out.take(&later)
		offset += r.Rounds
	}
	// One that ran in any of them isn't absent.
	for _, c := range out.Contenders {
		delete(out.Absent, c)
	}
	return out
}

// Calm is the result without what was measured while the machine did something
// else.
func (r *Result) Calm() *Result {
	out := *r
	out.Samples = slices.DeleteFunc(slices.Clone(r.Samples), func(s Sample) bool { return s.Foreign > calm })
	return &out
}
