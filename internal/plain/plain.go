// Package plain writes counts, durations and lists as people read them.
package plain

import (
	"fmt"
	"strings"
	"time"
)

// Count returns n with its noun: "1 slave", "2 slaves". A noun whose plural
// doesn't end in s is given as "singular|plural".
func Count[N int | uint | uint16 | uint32 | uint64 | int64](n N, noun string) string {
	return fmt.Sprintf("%d %s", n, Noun(n, noun))
}

// Noun returns the noun alone, in the number of n.
func Noun[N int | uint | uint16 | uint32 | uint64 | int64](n N, noun string) string {
	one, many, irregular := strings.Cut(noun, "|")
	switch {
	case n == 1:
		return one
	case irregular:
		return many
	}
	return one + "s"
}

// Times returns how often something happened: "once", "twice", "3 times".
func Times[N int | uint32 | uint64](n N) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}

// Duration returns d in one unit: "0.3 ms", "250 ms", "4.2 s", "95 s", "15 min",
// "26 h", "5 d".
func Duration(d time.Duration) string {
	d = max(d, 0)
	day := 24 * time.Hour
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Truncate(100*time.Millisecond).Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 2*day:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/day)
}

// List joins words as a sentence does: "a", "a and b", "a, b and c".
func List(words []string) string {
	n := len(words)
	if n < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
}
