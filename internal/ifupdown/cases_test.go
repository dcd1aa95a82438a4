package ifupdown

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	mod, err := modconf.ReadOld(root)
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

// harmless are lines without which a plan may be the same: they say what is so
// anyway, or decide only together with others.
var harmless = []string{"auto", "allow-hotplug", "iface", "template", "netmask", "bond-master", "bond-slaves", "source", "use", "inherit"}

// redundant are lines that say what another one says, or that the whole stanza is
// left out.
var redundant = []string{"alias-stanzas:10", "nic-with-primary:5", "nic-with-primary:12", "proxmox:24", "proxmox-mtu:17", "same-mode-twice:5", "same-mode-twice:6"}

// TestAppliedLinesMatter: of every line that is said to be applied, noted or
// refused, the plan tells: it is another one without it.
func TestAppliedLinesMatter(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		root := t.TempDir()
		file := filepath.Join(root, "interfaces")
		text := sections(string(data))["etc/network/interfaces"]
		plan := func(text string) (*ifcfg.Set, string) {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Read(file, root, new(modconf.Config))
			if err != nil {
				t.Fatal(err)
			}
			return s, told(s.UpAll(machine(), ifcfg.Rules{}))
		}
		s, whole := plan(text)
		for _, l := range s.Lines() {
			if slices.Contains(redundant, fmt.Sprintf("%s:%d", strings.TrimSuffix(filepath.Base(path), ".txt"), l.Line)) {
				continue
			}
			if l.Fate == ifcfg.Foreign || l.Fate == ifcfg.Implied || slices.Contains(harmless, l.Text) || strings.Contains(whole, "mistake:") && l.Fate != ifcfg.Refused {
				continue
			}
			lines := strings.SplitAfter(text, "\n")
			lines[l.Line-1] = "\n"
			tried++
			if _, again := plan(strings.Join(lines, "")); again == whole {
				t.Errorf("%s:%d: %s: is %v, and without it nothing changes", path, l.Line, l.Text, l.Fate)
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d lines were tried", tried)
	}
}
