package option

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outcome is what a request came to, in the form of the recordings.
type outcome struct {
	Answer, Reads string
	Log           []string
}

// TestRecordings sends every request that was recorded with the driver through
// Apply, in the situation it was recorded in, and compares answer, log and what
// the file reads afterwards.
func TestRecordings(t *testing.T) {
	files, _ := filepath.Glob("testdata/writes-m[aeiou]*[0-9e].txt")
	if len(files) < 8 {
		t.Fatalf("recordings missing: %v", files)
	}
	dev := readDeviations(t)
	total := 0
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			var w *world
			for _, r := range readRecording(t, file) {
				switch {
				case strings.HasPrefix(r.head, "mode "):
					w = newWorld(t, r.head)
				case w == nil: // the file's own comment
				case r.head != "":
					if !w.event(r.head) {
						t.Fatalf("%s:%d: unknown event %s", r.file, r.nr, r.head)
					}
				default:
					w.replay(t, r, dev)
					total++
				}
			}
		})
	}
	if total < 2160 {
		t.Errorf("only %d requests replayed", total)
	}
	for _, x := range dev.differs {
		if !x.used && x.file != "writes-masters.txt" {
			t.Errorf("deviations.txt: no such request: %s | %s", x.file, x.request)
		}
	}
}

func (w *world) replay(t *testing.T, r *recorded, dev *deviations) {
	t.Helper()
	want := outcome{r.answer, r.reads, dev.ours(r.log)}
	got, again := w.send(t, r)
	diff := cmp.Diff(want, got)
	x := dev.find(r)
	switch {
	case x == nil && diff != "":
		t.Errorf("%s:%d: %s (-driver +ours)\n%s", r.file, r.nr, r, diff)
	case x != nil && diff == "":
		t.Errorf("%s:%d: %s: listed as different, but is not", r.file, r.nr, r)
	}
	if x != nil {
		x.used = true
		if x.as != "-" {
			again(x.as)
		}
	}
}

// send carries out r. again applies other text in its place.
func (w *world) send(t *testing.T, r *recorded) (got outcome, again func(string)) {
	t.Helper()
	if r.readOnly {
		return outcome{Reads: w.read(t, r.option)}, nil
	}
	var res Result
	var err error
	if r.ip != "" {
		parse := ipRequest(t, r.ip)
		res, err = w.run(ViaNetlink, parse(t, "")...)
		again = func(as string) { w.must(t, parse(t, as)...) }
	} else {
		res, err = w.run(ViaSysfs, Assign{Option: r.option, Value: r.value + "\n"})
		got.Answer = "ok"
		again = func(as string) {
			if err := w.apply(ViaSysfs, Assign{Option: r.option, Value: as}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, l := range res.Log {
		got.Log = append(got.Log, l.Text)
	}
	var e *Error
	if errors.As(err, &e) {
		got.Log = e.LogLines
		got.Answer = e.WriteText()
		if r.ip != "" {
			got.Answer = e.IPText()
		}
	}
	if r.ip == "" {
		got.Reads = w.read(t, r.option)
	}
	return got, again
}

// ipRequest understands "link set bond0 type bond WORDS" and "link set eth0
// type bond_slave WORDS". The function parses the words, or others instead.
func ipRequest(t *testing.T, line string) func(t *testing.T, other string) []Assign {
	t.Helper()
	words := strings.Fields(line)
	if len(words) < 6 || words[4] != "bond" && words[4] != "bond_slave" {
		t.Fatalf("not understood: ip %s", line)
	}
	return func(t *testing.T, other string) []Assign {
		t.Helper()
		opts := words[5:]
		if other != "" {
			opts = strings.Fields(other)
		}
		var a []Assign
		var err error
		if words[4] == "bond" {
			a, _, err = ParseWords(opts)
		} else {
			a, err = ParseSlaveWords(words[2], opts)
		}
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// TestMasters replays the writes to bonding_masters.
func TestMasters(t *testing.T) {
	dev := readDeviations(t)
	bonds := map[string]bool{}
	exists := func(n string) bool { return n == "lo" || bonds[n] }
	isBond := func(n string) bool { return bonds[n] }
	n := 0
	for _, r := range readRecording(t, "testdata/writes-masters.txt") {
		n++
		res, err := WriteMasters(r.value+"\n", exists, isBond)
		var got outcome
		for _, l := range res.Log {
			got.Log = append(got.Log, l.Text)
		}
		var e *Error
		if errors.As(err, &e) {
			got.Answer = e.WriteText()
		}
		for _, eff := range res.Effects {
			switch eff := eff.(type) {
			case Create:
				bonds[eff.Name] = true
			case Destroy:
				delete(bonds, eff.Name)
			}
		}
		for b := range bonds {
			got.Reads = b
		}
		if diff := cmp.Diff(outcome{r.answer, r.reads, dev.ours(r.log)}, got); diff != "" {
			t.Errorf("%s:%d: %s (-driver +ours)\n%s", r.file, r.nr, r, diff)
		}
	}
	if n != 7 {
		t.Errorf("%d requests replayed, want 7", n)
	}
}
