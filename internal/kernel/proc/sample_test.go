package proc

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/kernel/sample"
)

// Every recorded text, read into a bond's state, is printed as it was.
func TestSamples(t *testing.T) {
	sample.Each(t, true, func(t *testing.T, s *sample.Sample) {
		want, err := s.Text("proc.txt")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Text(&s.State, "6.1.176")); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
	})
}
