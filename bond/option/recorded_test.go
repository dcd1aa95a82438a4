package option

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recorded is one request of a recording with the driver's answer to it.
type recorded struct {
	file string
	nr   int    // line number
	part string // the section it stands in: "mode 1, bond down, no slaves"
	head string // section header or event, "# …"; then nothing else is set
	ip   string // words after "ip", for requests by ip

	option, value string
	answer        string // "ok", an errno's text, or ip's output ("" for none)
	reads         string
	readOnly      bool // no request, only what the file reads
	log           []string
}

func (r *recorded) String() string {
	if r.ip != "" {
		return "$ ip " + r.ip
	}
	return fmt.Sprintf("%s <- '%s'", r.option, r.value)
}

var (
	writeLine = regexp.MustCompile(`^(\w+) <- '(.*)' +(ok|[A-Z][a-z]\S*(?: \S+)*)? *reads: ?(.*)$`)
	readLine  = regexp.MustCompile(`^(\w+) reads: ?(.*)$`)
	ipLine    = regexp.MustCompile(`^\$ ip (.*?) -> [02] ?(.*)$`)
)

// readRecording parses one of testdata/writes-*.txt.
func readRecording(t *testing.T, path string) []*recorded {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []*recorded
	var part string
	sc := bufio.NewScanner(f)
	for nr := 1; sc.Scan(); nr++ {
		line := sc.Text()
		r := &recorded{file: filepath.Base(path), nr: nr, part: part}
		if s, ok := strings.CutPrefix(line, "    | "); ok {
			last := all[len(all)-1]
			last.log = append(last.log, s)
			continue
		}
		if m := writeLine.FindStringSubmatch(line); m != nil {
			r.option, r.value, r.answer, r.reads = m[1], m[2], m[3], m[4]
		} else if m := ipLine.FindStringSubmatch(line); m != nil {
			r.ip, r.answer = m[1], m[2]
		} else if m := readLine.FindStringSubmatch(line); m != nil {
			r.option, r.reads, r.readOnly = m[1], m[2], true
		} else if strings.HasPrefix(line, "#") {
			r.head = strings.TrimPrefix(line, "# ")
			if strings.HasPrefix(r.head, "mode ") {
				part = r.head
			}
		} else if line == "" {
			continue
		} else {
			t.Fatalf("%s:%d: not understood: %s", path, nr, line)
		}
		all = append(all, r)
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// deviation is a listed difference from the driver.
type deviation struct {
	file, part, request string
	as                  string // what to apply to be in step with the driver again
	used                bool
}

// deviations is testdata/deviations.txt.
type deviations struct {
	elsewhere []*regexp.Regexp // log lines that other parts write
	differs   []*deviation
}

func readDeviations(t *testing.T) *deviations {
	t.Helper()
	data, err := os.ReadFile("testdata/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	d := &deviations{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if re, ok := strings.CutPrefix(line, "elsewhere: "); ok {
			d.elsewhere = append(d.elsewhere, regexp.MustCompile(re))
			continue
		}
		part := strings.Split(line, " | ")
		if len(part) != 4 || part[3] == "" {
			t.Fatalf("deviations.txt: want FILE | REQUEST | AS | REASON: %s", line)
		}
		file, section, _ := strings.Cut(part[0], ", ")
		d.differs = append(d.differs, &deviation{file: file, part: section, request: part[1], as: part[2]})
	}
	return d
}

func (d *deviations) find(r *recorded) *deviation {
	for _, x := range d.differs {
		if match, _ := filepath.Match(x.file, r.file); match && strings.Contains(r.part, x.part) && x.request == r.String() {
			return x
		}
	}
	return nil
}

// ours returns the recorded log lines that this package is to produce.
func (d *deviations) ours(log []string) []string {
	var out []string
next:
	for _, l := range log {
		for _, re := range d.elsewhere {
			if re.MatchString(l) {
				continue next
			}
		}
		out = append(out, l)
	}
	return out
}
