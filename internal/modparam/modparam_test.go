package modparam

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond/option"
)

// load is one recorded answer of the driver.
type load struct {
	params  string
	rc      string
	said    string
	log     []string
	masters int
	values  map[string]string
}

func recorded(t *testing.T) []load {
	t.Helper()
	data, err := os.ReadFile("testdata/loads.txt")
	if err != nil {
		t.Fatal(err)
	}
	var loads []load
	base := map[string]string{}
	for _, line := range strings.Split(string(data), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		if word == "###" {
			loads = append(loads, load{params: rest})
		}
		if len(loads) == 0 {
			continue
		}
		l := &loads[len(loads)-1]
		switch word {
		case "rc":
			l.rc = rest
		case "said":
			l.said = rest
		case "log":
			l.log = append(l.log, rest)
		case "masters":
			l.masters = len(strings.Fields(rest))
			l.values = base // unless something changed
		case "values", "changed":
			if word == "changed" {
				l.values = map[string]string{}
				for k, v := range base {
					l.values[k] = v
				}
			}
			words := strings.Fields(rest)
			for i := 0; i < len(words); i += 2 {
				l.values[words[i]] = words[i+1]
			}
		}
	}
	return loads
}

// deviations are the recorded loads that this package judges otherwise.
var deviations = map[string]string{
	"lp_interval=2147483648": "the driver takes it for a number of seconds that its option of the name refuses",
	"min_links=-1":           "the driver takes it for 4294967295 links, which there never are",
}

func params(words string) []Param {
	var out []Param
	for _, w := range strings.Fields(strings.TrimSpace(words)) {
		if w != `""` {
			out = append(out, ParseWord(w))
		}
	}
	return out
}

func lines(of []option.Line) (out []string) {
	for _, l := range of {
		out = append(out, l.Text)
	}
	return out
}

// TestAsTheDriver: what the driver of Linux 6.1 made of each set of parameters.
func TestAsTheDriver(t *testing.T) {
	loads := recorded(t)
	if len(loads) < 130 {
		t.Fatalf("%d recorded loads", len(loads))
	}
	for _, l := range loads {
		if deviations[l.params] != "" {
			continue
		}
		m, err := Check(params(l.params))
		var e *Error
		if l.rc != "0" {
			if !errors.As(err, &e) {
				t.Errorf("%s: %v, want an error", l.params, err)
				continue
			}
			// insmod's own words for EINVAL.
			if said := strings.ReplaceAll(option.Strerror(e.Errno), "Invalid argument", "Invalid parameters"); said != l.said {
				t.Errorf("%s: %s, want %s", l.params, said, l.said)
			}
			if d := cmp.Diff(l.log, lines(e.Log)); d != "" {
				t.Errorf("%s: log (-driver +ours):\n%s", l.params, d)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", l.params, err)
			continue
		}
		if l.values["use_carrier"] == "0" { // said since Linux 6.18, which refuses it
			l.log = append([]string{option.ObsoleteUseCarrier}, l.log...)
		}
		if d := cmp.Diff(l.log, lines(m.Log)); d != "" {
			t.Errorf("%s: log (-driver +ours):\n%s", l.params, d)
		}
		if m.Bonds != l.masters {
			t.Errorf("%s: %d bonds, want %d", l.params, m.Bonds, l.masters)
		}
		for name, want := range l.values {
			if got := word(&m.Values, name); got != want {
				t.Errorf("%s: %s is %s, want %s", l.params, name, got, want)
			}
		}
	}
}

func word(v *option.Values, name string) string {
	if name == "numtxqueues" {
		return strconv.Itoa(int(v.TxQueues))
	}
	return v.Word(option.ByName(name).ID, &option.Runtime{})
}

func TestDeviations(t *testing.T) {
	for words, want := range map[string]string{
		"lp_interval=2147483648": "Warning: ip_interval must be between 1 and 2147483647, so it was reset to 1",
		"min_links=-1":           "Warning: min_links module parameter (-1), not in range 0-2147483647, so it was reset to 0",
	} {
		m, err := Check(params(words))
		if err != nil || m.Values.MinLinks != 0 || m.Values.LPInterval != 1 || len(m.Log) != 1 || m.Log[0].Text != want {
			t.Errorf("%s: %+v, %v", words, m, err)
		}
	}
	_, err := Check(params("max_bonds=257"))
	if !errors.Is(err, syscall.ENOMEM) || err.Error() != "bonding: Error: max_bonds (257): more than 256 bonds are not made at once" {
		t.Errorf("max_bonds=257: %v", err)
	}
}

func TestLevels(t *testing.T) {
	m, err := Check(params("mode=4 frob=1"))
	if err != nil {
		t.Fatal(err)
	}
	var levels []option.Level
	for _, l := range m.Log {
		levels = append(levels, l.Level)
	}
	if d := cmp.Diff([]option.Level{option.LevelWarn, option.LevelWarn, option.LevelWarn, option.LevelInfo}, levels); d != "" {
		t.Error(d)
	}
	_, err = Check(params("mode=9"))
	var e *Error
	if !errors.As(err, &e) || e.Log[0].Level != option.LevelErr || e.Reason() != `Error: Invalid bonding mode "9"` {
		t.Errorf("%v", err)
	}
}

// What the recording can't show: a bond without slaves shows no primary.
func TestPrimary(t *testing.T) {
	for words, want := range map[string]string{
		"mode=1 primary=eth0": "eth0", "mode=0 primary=eth0": "", "mode=6 primary=a-name-of-more-than-15": "a-name-of-more-",
	} {
		m, err := Check(params(words))
		if err != nil || m.Values.Primary != want {
			t.Errorf("%s: %q, %v", words, m.Values.Primary, err)
		}
	}
}

func TestWordsThere(t *testing.T) {
	for in, want := range map[string]Param{
		"mode=1": {Name: "mode", Value: "1"}, `mode="1"`: {Name: "mode", Value: "1"}, "mode": {Name: "mode", Bare: true},
		"mode=": {Name: "mode"}, `"arp_ip_target=1.1.1.1, 2.2.2.2"`: {Name: "arp_ip_target", Value: "1.1.1.1, 2.2.2.2"},
	} {
		if got := ParseWord(in); got != want {
			t.Errorf("%s: %+v", in, got)
		}
		if again := ParseWord(want.String()); again != want {
			t.Errorf("%+v: printed as %s, read as %+v", want, want, again)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("mode=1 miimon=100")
	f.Add("arp_interval=100 arp_ip_target=1.2.3.4,, lp_interval=+0x5 min-links=07")
	f.Fuzz(func(t *testing.T, words string) {
		m, err := Check(params(words))
		var e *Error
		switch {
		case err != nil && (!errors.As(err, &e) || e.Errno == 0 || e.Reason() == ""):
			t.Fatalf("%v", err)
		case err == nil && (m.Bonds < 0 || m.Bonds > MaxBonds || m.Values.Mode > 6 || m.Values.Miimon != 0 && m.Values.ArpInterval != 0):
			t.Fatalf("%+v", m)
		}
	})
}

func ExampleCheck() {
	m, err := Check([]Param{{Name: "mode", Value: "802.3ad"}, {Name: "max_bonds", Value: "2"}})
	if err != nil {
		panic(err)
	}
	os.Stdout.WriteString(strconv.Itoa(m.Bonds) + " bonds, miimon " + m.Values.Word(option.Miimon, &option.Runtime{}) + "\n")
	// Output: 2 bonds, miimon 100
}
