package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bond"
)

func TestEventLine(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.Local)
	for want, e := range map[string]bond.Event{
		"2026-01-02 03:04:05.000678 bond0: bond is up": {Bond: "bond0", Message: "bond is up"},
		"2026-01-02 03:04:05.000678 bond0: (slave eth0): link status definitely down, disabling slave (up -> down: no carrier)": {
			Bond: "bond0", Slave: "eth0", Message: "link status definitely down, disabling slave", From: "up", To: "down", Why: "no carrier"},
		"2026-01-02 03:04:05.000678 bond0: now running without any active interface! (eth0 -> none)": {Bond: "bond0", Message: "now running without any active interface!", From: "eth0"},
		"2026-01-02 03:04:05.000678 bond0: active interface up! (taken over)":                        {Bond: "bond0", Message: "active interface up!", Why: "taken over"},
	} {
		e.Time = at
		if got := eventLine(&e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 5, 6, 12, 30, 0, 0, time.FixedZone("there", 7200))
	at := func(month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(2026, month, day, hour, minute, second, 0, now.Location())
	}
	for text, want := range map[string]time.Time{
		"10m": now.Add(-10 * time.Minute), "1h30m": now.Add(-90 * time.Minute), "0s": now, "3d": now.Add(-72 * time.Hour), "1.5d": now.Add(-36 * time.Hour),
		"11:05": at(5, 6, 11, 5, 0), "11:05:06": at(5, 6, 11, 5, 6), "2026-05-01": at(5, 1, 0, 0, 0), "2026-05-01 10:11": at(5, 1, 10, 11, 0),
		"2026-05-01 10:11:12": at(5, 1, 10, 11, 12), "2026-05-01T10:11": at(5, 1, 10, 11, 0), "2026-05-01T08:11:12Z": at(5, 1, 10, 11, 12),
	} {
		if got, err := parseMoment(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-5m", "-1d", "25:00", "2026-13-01", "10", "d", "5 m"} {
		if got, err := parseMoment(text, now); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestEventsWanted(t *testing.T) {
	at := time.Now()
	e := bond.Event{Bond: "bond0", Slave: "eth0", Time: at}
	for _, c := range []struct {
		of    string
		since time.Time
		want  bool
	}{
		{"", time.Time{}, true}, {"bond0", time.Time{}, true}, {"eth0", at, true}, {"bond", time.Time{}, false}, {"bond0", at.Add(1), false},
	} {
		o := eventOptions{of: c.of, since: moment{c.since}}
		if got := o.wants(&e); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	var out strings.Builder
	o := eventOptions{asJSON: true, out: &out}
	if err := o.print(&e); err != nil || !strings.Contains(out.String(), `"bond":"bond0"`) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v %q", err, out.String())
	}
}
