package bond

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc... (4 bytes)"},
		{"aäöü", 3, "aä... (7 bytes)"},
		{"aäöü", 2, "a... (7 bytes)"},
		{"\x80\x80\x80\x80", 2, "... (4 bytes)"},
	} {
		if got := Cut(c.text, c.limit); got != c.want || !utf8.ValidString(got) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

// Refusals, of whatever size and number, keep neither memory nor the other events
// from the ring, and few of them become lines of the log.
func TestRefusalsAreBounded(t *testing.T) {
	b := NewBus()
	b.publish(Event{Bond: "bond0", Kind: "link_down", Message: "first"})
	q := newQuiet()
	now, lines := time.Now(), 0
	for i := range 5000 {
		e := Event{Bond: "bond0", Kind: refusedKind, Message: fmt.Sprint(i) + strings.Repeat("v", 100_000), Time: now.Add(time.Duration(i) * time.Millisecond)}
		b.publish(e)
		if ok, _ := q.admit(&e); ok {
			lines++
		}
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	events, err := b.Since(done, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, refused := 0, 0
	for _, e := range events {
		size += len(e.Message)
		if e.Kind == refusedKind {
			refused++
		}
	}
	if events[0].Message != "first" || refused != refusedBacklog || size > refusedBacklog*2*maxEventText {
		t.Errorf("kept %d events, %d refusals, %d bytes; the first: %.20s", len(events), refused, size, events[0].Message)
	}
	if last := events[len(events)-1].Message; !strings.HasPrefix(last, "4999v") || !strings.HasSuffix(last, "(100004 bytes)") {
		t.Errorf("the last: %.20s", last)
	}
	if lines < refusedAfter || lines > refusedAfter+5 {
		t.Errorf("%d lines in 5 s", lines)
	}
	// Once others have filled the ring, the count is right: refusals come again.
	for range 3 * eventBacklog {
		b.publish(Event{Bond: "bond0", Kind: "link_up"})
	}
	if b.refused != 0 || len(b.ring) != eventBacklog {
		t.Errorf("%d refusals are counted in a ring of %d", b.refused, len(b.ring))
	}
}
