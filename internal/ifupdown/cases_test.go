package ifupdown

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/modconf"
)

// sections takes a case apart: the interfaces file, then other files and the plan,
// each behind a line "--- NAME".
func sections(text string) map[string]string {
	out := map[string]string{}
	name := "etc/network/interfaces"
	for line := range strings.Lines(text) {
		if n, ok := strings.CutPrefix(line, "--- "); ok {
			name = strings.TrimSpace(n)
			continue
		}
		out[name] += line
	}
	return out
}

// TestCases: small files of one kind each, as people publish them, and what comes
// of them. No line of any is without a fate, and what is said names its place.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := sections(string(data))
			root := t.TempDir()
			for name, text := range parts {
				if name == "plan" {
					continue
				}
				file := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := outcomeOf(t, root)
			if *update {
				before, _, _ := strings.Cut(string(data), "--- plan\n")
				if err := os.WriteFile(path, []byte(before+"--- plan\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != parts["plan"] {
				t.Errorf("got:\n%s\nwant:\n%s", got, parts["plan"])
			}
		})
	}
}

// outcomeOf is the plan of a folder's files as text.
func outcomeOf(t *testing.T, root string) string {
	t.Helper()
	mod, err := modconf.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(filepath.Join(root, "etc/network/interfaces"), root, mod)
	if err != nil {
		t.Fatal(err)
	}
	text := told(s.UpAll(machine(), ifcfg.Rules{}))
	accounted(t, s, text)
	return strings.ReplaceAll(strings.ReplaceAll(text, root+"/etc/network/interfaces:", ""), root+"/", "/")
}

// accounted fails if a line has no fate, or one that nothing shows.
func accounted(t *testing.T, s *ifcfg.Set, text string) {
	t.Helper()
	for _, l := range s.Lines() {
		switch l.Fate {
		case ifcfg.Open:
			t.Errorf("%v: %s: nothing became of it", l.Pos, l.Text)
		case ifcfg.Refused:
			if !strings.Contains(text, l.Pos.String()+": ") {
				t.Errorf("%v: %s is refused, and nothing says so", l.Pos, l.Text)
			}
		}
	}
}
