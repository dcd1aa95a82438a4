package proc

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/kernel/sample"
)

// Every recorded text, read into a bond's state, is printed as it was.
func TestSamples(t *testing.T) {
	dirs, err := os.ReadDir(sample.Dir())
	if err != nil || len(dirs) < 50 {
		t.Fatalf("%d situations, %v", len(dirs), err)
	}
	for _, d := range dirs {
		s, err := sample.Load(d.Name(), true)
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := s.Text("proc.txt")
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(want, Text(&s.State, "6.1.176")); diff != "" {
			t.Errorf("%s: want -, got +\n%s", d.Name(), diff)
		}
	}
}
