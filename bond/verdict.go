package bond

import "strings"

// Severity grades a verdict: may an operator rely on the bond?
type Severity string

// The severities.
const (
	SeverityOK       Severity = "ok"
	SeverityDegraded Severity = "degraded" // traffic passes, but somebody has to look
	SeverityFailed   Severity = "failed"   // no traffic passes
)

// ExitStatus is the exit status of a probe that checks the bond.
func (s Severity) ExitStatus() int {
	switch s {
	case SeverityOK:
		return 0
	case SeverityDegraded:
		return 1
	}
	return 2
}

// Word is the verdict in one word. The words are stable: JSON has them, and
// docs/verdicts.md explains each one.
type Word string

// The words, the gravest first.
const (
	WordDown         Word = "down"          // administratively down
	WordEmpty        Word = "empty"         // no slaves
	WordFailed       Word = "failed"        // nothing carries traffic
	WordFlapping     Word = "flapping"      // a slave goes down and up by turns
	WordLooped       Word = "looped"        // the bond's own frames come back
	WordUnanswered   Word = "unanswered"    // no probed target has ever answered
	WordDegraded     Word = "degraded"      // some slaves don't carry traffic
	WordWaiting      Word = "waiting"       // a slave is about to carry traffic
	WordNoRedundancy Word = "no_redundancy" // one slave only
	WordHealthy      Word = "healthy"
)

// severities of the words, and their order.
var severities = []struct {
	word     Word
	severity Severity
}{
	{WordDown, SeverityFailed},
	{WordEmpty, SeverityFailed},
	{WordFailed, SeverityFailed},
	{WordFlapping, SeverityDegraded},
	{WordLooped, SeverityDegraded},
	{WordUnanswered, SeverityDegraded},
	{WordDegraded, SeverityDegraded},
	{WordWaiting, SeverityDegraded},
	{WordNoRedundancy, SeverityDegraded},
	{WordHealthy, SeverityOK},
}

// Words returns every word that a verdict can have, the gravest first.
func Words() []Word {
	out := make([]Word, 0, len(severities))
	for _, s := range severities {
		out = append(out, s.word)
	}
	return out
}

// rank orders words: the gravest has 0.
func (w Word) rank() int {
	for i, s := range severities {
		if s.word == w {
			return i
		}
	}
	return len(severities)
}

// Severity returns the grade that goes with the word.
func (w Word) Severity() Severity {
	if i := w.rank(); i < len(severities) {
		return severities[i].severity
	}
	return SeverityFailed
}

// Verdict is how well a bond works.
type Verdict struct {
	// Word is that of the gravest cause.
	Word     Word     `json:"word"`
	Severity Severity `json:"severity"`
	// Summary says it in one line, without the word: "1 of 2 slaves up".
	Summary string `json:"summary"`
	// Causes has everything that is not as it should be, the gravest first.
	Causes []Cause `json:"causes"`
}

// Cause is one thing that is not as it should be.
type Cause struct {
	Word   Word   `json:"word"`
	Slave  string `json:"slave,omitempty"` // empty: the bond as a whole
	Text   string `json:"text"`            // what is wrong
	Advice string `json:"advice"`          // what to do
}

// String is the verdict in one line: "DEGRADED: 1 of 2 slaves up". Healthy alone
// is in lower case.
func (v *Verdict) String() string {
	word := string(v.Word)
	if v.Word != WordHealthy {
		word = strings.ToUpper(strings.ReplaceAll(word, "_", " "))
	}
	return word + ": " + v.Summary
}
