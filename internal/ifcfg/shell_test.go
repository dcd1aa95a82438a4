package ifcfg

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// What is taken as data means what a shell that reads the file would have.
func TestSameAsTheShell(t *testing.T) {
	for _, line := range []string{
		`A=x`, `A="x y"`, `A='x y'`, `A=x\ y`, `A="a\"b"`, `A="a\\b\c"`, `A='a\b'`, `A=a'b'"c"d`, `A=`, `A=""`,
		`A=x#y`, `A=x # y`, `A=x; A=y`, `A=1 B=2`, "A=a\\\nb", "A=\"a\\\nb\"", `export A=x`, `  A=x  `, `A="x y" # z`, `A=mode=1`, `A=~x`, `A=*`, `A={a,b}`,
	} {
		f := parseFile("f", "f", []byte(line+"\n"))
		if len(f.mistakes) > 0 {
			t.Errorf("%q: %v", line, f.mistakes)
			continue
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/bin/sh", "-c", `. "$1"; printf %s "$A"`, "sh", path).Output()
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if got := f.Get("A").Value; got != string(out) {
			t.Errorf("%q: %q, the shell has %q", line, got, out)
		}
	}
}

// FuzzParse: any file is read without a panic, every mistake and setting has a
// line of it, and a value written back reads the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"DEVICE=bond0\nBONDING_OPTS=\"mode=1 miimon=100\"\n", "A='x'\r\nB=$(ls)\n", "\xef\xbb\xbfA=\"\n", "export A\nA+=b\n", "A = b\n. f\n", "x() {\n", "A=b\\\nc #\n", "A=\xc2\xa0“\n", "A[1]=2 <<E\nE\n", "if\n", "<<0&\n",
		"IPADDR0=10.0.0.1\nPREFIX0=33\nQ='mode=7'\n",
		"A?\"no\" ---\nB=ye\\\u300a-\n", "+=\x15[\x15D-\xf7 g\x03\n", "B\"\x01N\"m[Ge=1E1 =100D\n", "A=\"no\" ---\nB=yes\xe3\x80\x8a-\n# \xff\nC=1 (x)\nD=\"x\ny\" z\n", "J@1]=2[3", "A[=]=b[", "A]=1[\n", "[", "'['",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := strings.Count(string(data), "\n") + 1
		file := parseFile("f", "bond0", data)
		at := func(p Pos) {
			if p.File != "f" || p.Line < 0 || p.Line > lines {
				t.Fatalf("%v in %d lines", p, lines)
			}
		}
		for _, m := range file.mistakes {
			at(m.Pos)
		}
		for _, s := range file.Settings {
			at(s.Pos)
			if !utf8.ValidString(s.Value) {
				t.Fatalf("%q", s.Value)
			}
			quoted := "'" + strings.ReplaceAll(s.Value, "'", `'\''`) + "'" // a wide character ends a value without quotes
			again := parseFile("f", "f", []byte(s.Key+"="+quoted+"\n"))
			if got := again.Get(s.Key).Value; got != s.Value {
				t.Fatalf("%s=%q reads %q: %v", s.Key, quoted, got, again.mistakes)
			}
		}
		// What it would be as a bond or a slave is worked out without a panic too.
		file.bond(file.device(), nil)
		slave := parseFile("f", "eth0", data)
		slave.slave()
		for _, l := range append(file.lines, slave.lines...) {
			if l.Fate == Open {
				t.Fatalf("%v: %s: nothing became of it", l.Pos, l.Text)
			}
		}
		for _, m := range append(file.mistakes, slave.mistakes...) {
			if m.Text == "" || strings.HasPrefix(m.Text, ": ") {
				t.Fatalf("%v: an empty word", m)
			}
		}
	})
}

// A file of nothing but openings leads the parser no deeper than it can go.
func TestDeepFilesEnd(t *testing.T) {
	for _, s := range []string{"A=$(", "A=\"$(", "(", "{ ", "A=${A:-", "if ", "A=$((", "A=`", "! ", "A=(", "A[", "x() { "} {
		f := parseFile("f", "bond0", []byte(strings.Repeat(s, maxFile/len(s))))
		if len(f.mistakes) == 0 || len(f.Settings) > 0 {
			t.Errorf("%q: %d settings, %v", s, len(f.Settings), f.mistakes)
		}
	}
	f := parseFile("f", "bond0", []byte(strings.Repeat("A=1\nB=\n", maxFile/7)))
	f.bond("bond0", nil)
	if len(f.mistakes) > 0 || f.Get("A").Value != "1" {
		t.Error(f.mistakes)
	}
}
