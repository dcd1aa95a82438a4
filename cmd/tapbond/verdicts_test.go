package main

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
)

// docs/verdicts.md has every word and its severity, in the program's order.
func TestDocsVerdicts(t *testing.T) {
	page, err := os.ReadFile("../../docs/verdicts.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want [][2]string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(page), -1) {
		got = append(got, [2]string{m[1], m[2]})
	}
	for _, w := range bond.Words() {
		want = append(want, [2]string{string(w), string(w.Severity())})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-program +page:\n%s", diff)
	}
}
