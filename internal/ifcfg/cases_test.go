package ifcfg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCases: small files of one kind each, as people publish them, and what comes
// of them. A case is files, each behind a line "--- NAME", and the plan.
func TestCases(t *testing.T) {
	cases, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(cases) < 30 {
		t.Fatal(len(cases), err)
	}
	for _, path := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			before, want, _ := strings.Cut(string(data), "--- plan\n")
			root, dir := lay(t, before)
			s := read(t, root, dir)
			got := told(s.UpAll(machine(), Rules{}))
			accounted(t, s, got)
			got = strings.ReplaceAll(strings.ReplaceAll(got, "/"+dir+"/", ""), root+"/", "/")
			if *update {
				if err := os.WriteFile(path, []byte(before+"--- plan\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// lay writes the files of a case: those without a folder are interface files, of
// SUSE if a line says so.
func lay(t *testing.T, text string) (root, dir string) {
	t.Helper()
	root, dir = t.TempDir(), "etc/sysconfig/network-scripts"
	var out *os.File
	for line := range strings.Lines(text) {
		name, isName := strings.CutPrefix(strings.TrimSpace(line), "--- ")
		switch {
		case name == "suse":
			dir = "etc/sysconfig/network"
		case isName:
			if !strings.Contains(name, "/") {
				name = filepath.Join(dir, name)
			}
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
			var err error
			if out, err = os.Create(filepath.Join(root, name)); err != nil {
				t.Fatal(err)
			}
			defer out.Close()
		default:
			if _, err := out.WriteString(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root, dir
}

// accounted fails if a line has no fate, or was refused and nothing says so.
func accounted(t *testing.T, s *Set, text string) {
	t.Helper()
	for _, l := range s.Lines() {
		switch {
		case l.Fate == Open:
			t.Errorf("%v: %s: nothing became of it", l.Pos, l.Text)
		case l.Fate == Refused && !strings.Contains(text, l.File):
			t.Errorf("%v: %s is refused, and nothing says so", l.Pos, l.Text)
		}
	}
}

// harmless are keys without which a plan may be the same: they say what is so
// anyway, or decide only together with others.
var harmless = map[string]bool{"ONBOOT": true, "BOOTPROTO": true, "DEVICE": true, "TYPE": true, "BONDING_MASTER": true, "SLAVE": true, "HWADDR": true, "DEFROUTE": true, "IPV6INIT": true, "STARTMODE": true, "PREFIX": true, "NETMASK": true, "NETWORK": true, "GATEWAYDEV": true, "MASTER": true, "ONPARENT": true, "VLAN": true, "VLAN_ID": true, "ETHERDEVICE": true, "CLONENUM_START": true}

// TestAppliedLinesMatter: of every line that is said to be applied, noted or refused,
// the plan tells: it is another one without it.
func TestAppliedLinesMatter(t *testing.T) {
	cases, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, path := range cases {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), "--- plan\n")
		root, dir := lay(t, text)
		s := read(t, root, dir)
		whole := told(s.UpAll(machine(), Rules{}))
		for _, l := range s.Lines() {
			key, _, _ := strings.Cut(l.Text, "=")
			if strings.Contains(whole, "mistake:") && l.Fate != Refused || strings.Contains(whole, "not brought up: ") {
				continue // of what is brought up nothing is said
			}
			if strings.Contains(whole, filepath.Base(l.File)+": macv has to do") && key != "MACVLAN_DEVICE" {
				continue // said of the whole file
			}
			if l.Fate == Foreign || l.Fate == Implied || harmless[family(key)] || key == "" || l.Line == 0 {
				continue
			}
			file := filepath.Join(root, strings.TrimPrefix(l.File, root))
			was, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(string(was), "\n")
			lines[l.Line-1] = "\n"
			if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o644); err != nil {
				t.Fatal(err)
			}
			tried++
			if again := told(read(t, root, dir).UpAll(machine(), Rules{})); again == whole {
				t.Errorf("%s: %v: %s: is %v, and without it nothing changes", path, l.Pos, l.Text, l.Fate)
			}
			if err := os.WriteFile(file, was, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if tried < 70 {
		t.Errorf("only %d lines were tried", tried)
	}
}
