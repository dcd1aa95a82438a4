package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
)

func judged(name string, word bond.Word, summary string, causes ...bond.Cause) bond.State {
	return bond.State{Name: name, Verdict: bond.Verdict{Word: word, Severity: word.Severity(), Summary: summary, Causes: causes}}
}

func TestCheckLine(t *testing.T) {
	healthy := judged("bond0", bond.WordHealthy, "2 of 2 slaves up")
	degraded := judged("bond1", bond.WordDegraded, "1 of 2 slaves up", bond.Cause{Word: bond.WordDegraded, Slave: "eth1", Text: "eth1 is down: no carrier"})
	down := judged("bond2", bond.WordDown, "administratively down")
	for _, c := range []struct {
		all    []bond.State
		line   string
		status int
	}{
		{[]bond.State{healthy}, "OK: bond0 healthy: 2 of 2 slaves up", 0},
		{[]bond.State{degraded}, "DEGRADED: bond1 DEGRADED: 1 of 2 slaves up (eth1 is down: no carrier)", 1},
		{[]bond.State{down}, "FAILED: bond2 DOWN: administratively down", 2},
		{[]bond.State{healthy, degraded, down}, "FAILED: bond2 DOWN: administratively down; bond1 DEGRADED: 1 of 2 slaves up (eth1 is down: no carrier); bond0 healthy: 2 of 2 slaves up", 2},
	} {
		if line, status := checkLine(c.all); line != c.line || status != c.status {
			t.Errorf("%d %q, want %d %q", status, line, c.status, c.line)
		}
	}
	for _, word := range bond.Words() {
		if _, status := checkLine([]bond.State{judged("b", word, "")}); status != word.Severity().ExitStatus() {
			t.Errorf("%s: %d", word, status)
		}
	}
}

// Where nothing is there the status is 3, and so it is for words that are no
// question.
func TestCheckOfNothing(t *testing.T) {
	t.Setenv("TAPBOND_RUN", t.TempDir())
	for _, line := range []string{"check", "check bond0", "check bond0 bond1"} {
		var out strings.Builder
		root := rootCmd()
		root.SetArgs(strings.Fields(line))
		root.SetOut(&out)
		var status exitStatus
		if err := root.ExecuteContext(t.Context()); !errors.As(err, &status) || status.status != checkNothing {
			t.Errorf("%s: %v", line, err)
		}
		if line != "check bond0 bond1" && (!strings.HasPrefix(out.String(), "UNKNOWN: ") || strings.Count(out.String(), "\n") != 1) {
			t.Errorf("%s: %q", line, out.String())
		}
	}
}
