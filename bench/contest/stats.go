package contest

import "slices"

// Summary is a row of values in three figures.
type Summary struct {
	Median, Min, Max float64
	N                int
}

// Spread is the least and the most as text.
func (s Summary) Spread() string { return Figure(s.Min) + " to " + Figure(s.Max) }

// Summarize summarizes; no values give the zero Summary.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + mid) / 2
	}
	return Summary{Median: mid, Min: v[0], Max: v[len(v)-1], N: len(v)}
}

// ratios divides round by round, so that what changes from round to round falls
// out. Rounds that lack one of the two are left out.
func ratios(a, b map[int]float64) []float64 {
	var out []float64
	for round, x := range a {
		if y, ok := b[round]; ok && y != 0 {
			out = append(out, x/y)
		}
	}
	return out
}

// differences subtracts round by round.
func differences(a, b map[int]float64) []float64 {
	var out []float64
	for round, x := range a {
		if y, ok := b[round]; ok {
			out = append(out, x-y)
		}
	}
	return out
}
