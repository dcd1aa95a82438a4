package plain

import (
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 slaves":    Count(0, "slave"),
		"1 slave":     Count(1, "slave"),
		"2 slaves":    Count(uint64(2), "slave"),
		"1 entry":     Count(1, "entry|entries"),
		"3 entries":   Count(3, "entry|entries"),
		"bonds":       Noun(0, "bond"),
		"once":        Times(1),
		"twice":       Times(2),
		"27 times":    Times(27),
		"a, b and c":  List([]string{"a", "b", "c"}),
		"eth0 and lo": List([]string{"eth0", "lo"}),
		"eth0":        List([]string{"eth0"}),
		"":            List(nil),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestDuration(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0.0 ms": -time.Second, "0.3 ms": 300 * time.Microsecond, "250 ms": 250 * time.Millisecond, "1.0 s": time.Second,
		"9.9 s": 9999 * time.Millisecond, "10 s": 10 * time.Second, "119 s": 2*time.Minute - 1, "2 min": 2 * time.Minute,
		"119 min": 2*time.Hour - 1, "26 h": 26*time.Hour + time.Minute, "5 d": 5 * 24 * time.Hour,
	} {
		if got := Duration(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
