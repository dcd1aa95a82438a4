package report

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/contest"
)

// result is a small run with every kind of figure.
func result() *contest.Result {
	r := &contest.Result{
		Version: "v1", Began: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Rounds: 2, Foreign: []float64{0.1, 0.3},
		Contenders: []string{"veth", "tapbond"}, Notes: map[string]string{"veth": "the ceiling"},
		Absent: map[string]string{"dpdk": "not installed <here>"}, Failed: []string{"round 1, tapbond: broken"},
	}
	add := func(m contest.Metric, contender string, values ...float64) {
		for round, v := range values {
			r.Add(m, contest.Sample{Round: round, Contender: contender, Value: v})
		}
	}
	tcp := contest.Metric{Name: "tcp1-out", Unit: "Gbit/s", Group: "TCP", What: "one stream"}
	add(tcp, "veth", 10, 12)
	add(tcp, "tapbond", 9, 6)
	for _, x := range []float64{10, 1000} {
		name := map[float64]string{10: "flows-10", 1000: "flows-1000"}[x]
		add(contest.Metric{Name: name, Unit: "µs/frame", Group: "Flows", Series: "2 links", X: x}, "tapbond", 2, 3)
	}
	add(contest.Metric{Name: "loose", Unit: "frames"}, "tapbond", 0, 0)
	return r
}

func TestPage(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, result()); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"tapbond v1 measured", "2026-01-02 03:04 UTC", "<h2>TCP</h2>", "<h2>Flows</h2>", "<b>dpdk</b>: absent: not installed &lt;here&gt;",
		"round 1, tapbond: broken", "tcp1-out / veth&#39;s", "missed", "7.50 (0.70)", `title="one stream"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in the page", want)
		}
	}
	if n := strings.Count(page, "<svg"); n != 2 {
		t.Errorf("%d pictures, want 2", n)
	}
	// Self-contained: nothing that a browser would fetch.
	for _, never := range []string{" src=", "href=\"http", "@import", "url(http"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q: it must need no other file", never)
		}
	}
	for svg := range strings.SplitSeq(page, "<svg") {
		if svg, _, ok := strings.Cut(svg, "</svg>"); ok {
			wellFormed(t, "<svg"+svg+"</svg>")
		}
	}
}

func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("picture: %v", err)
		}
	}
}

func TestPageOfNothing(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, &contest.Result{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "</html>") {
		t.Error("no whole page")
	}
}
