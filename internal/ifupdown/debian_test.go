package ifupdown

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/modconf"
)

// apart are the cases that Debian's ifup can't read, or that docs/deviations.md has.
var apart = map[string]string{
	"several-addresses":       "one command with all addresses, which fails",
	"masks-by-address":        "likewise",
	"mode-by-other-words":     "mistakes",
	"mode-in-unread-commands": "mistakes",
	"own-master":              "mistakes",
	"not-plain":               "mistakes",
	"mode-without-bond":       "mistakes",
	"broken-post-up":          "a line without a command",
	"netmask-both-families":   "likewise",
	"ifupdown2":               "a stanza without a family",
	"slaves-regex":            "likewise",
	"inherit-line":            "likewise",
	"two-gateways":            "the second route fails",
	"mode-comment":            "the comment is part of the address",
	"stray-lines":             "the file is refused",
	"inherits-gone":           "likewise",
	"auto-patterns":           "ifupdown2's ranges",
	"wrong-values":            "mistakes",
	"two-modes":               "mistakes",
	"two-modprobes":           "mistakes",
	"loop-of-commands":        "mistakes",
	"mode-mistyped":           "mistakes",
	"slaves-disagree":         "mistakes",
	"alias-stanzas":           "bond0:1 has no auto line",
	"same-mode-twice":         "a duplicate option",
}

var (
	addrAdd = regexp.MustCompile(`ip (?:-6 )?addr add (\S+)(?:[^\n]*?)dev (\S+)`)
	peer    = regexp.MustCompile(`peer (\S+)`)
	scope   = regexp.MustCompile(`scope (\S+)`)
	via     = regexp.MustCompile(`default via (\S+)[^\n]*dev (\S+)`)
	metric  = regexp.MustCompile(`metric (\S+)`)
)

// network is the addresses and default routes that a text of ip commands makes.
func network(text string) []string {
	var out []string
	word := func(re *regexp.Regexp, line string) string {
		if m := re.FindStringSubmatch(line); m != nil {
			return " " + m[1]
		}
		return ""
	}
	for line := range strings.Lines(text) {
		if m := addrAdd.FindStringSubmatch(line); m != nil {
			host, mask, _ := strings.Cut(m[1], "/")
			if a, err := netip.ParseAddr(mask); err == nil {
				b := a.As4()
				ones, _ := net.IPMask(b[:]).Size()
				mask = netip.PrefixFrom(a, ones).String()
				_, mask, _ = strings.Cut(mask, "/")
			}
			if mask == "" {
				mask = "128"
			}
			base, _, _ := strings.Cut(m[2], ":")
			out = append(out, "address "+base+" "+host+"/"+mask+word(peer, line)+word(scope, line))
		}
		if m := via.FindStringSubmatch(line); m != nil {
			out = append(out, "default "+m[2]+" "+m[1]+word(metric, line))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestAsIfup: the addresses and routes are those that Debian's ifup would set.
func TestAsIfup(t *testing.T) {
	ifup := labtest.Program(t, "ifupdown", "sbin/ifup")
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		if apart[name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			file := filepath.Join(root, "interfaces")
			if err := os.WriteFile(file, []byte(sections(string(data))["etc/network/interfaces"]), 0o644); err != nil {
				t.Fatal(err)
			}
			s, err := Read(file, root, new(modconf.Config))
			if err != nil {
				t.Fatal(err)
			}
			plan, err := s.UpAll(machine(), ifcfg.Rules{})
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := "", ""
			for _, step := range plan.Steps {
				ours += step.String() + "\n"
			}
			for _, b := range s.Bonds {
				out, err := exec.Command(ifup, "--no-act", "--force", "--state-dir", root, "-i", file, b.Name).CombinedOutput()
				if err != nil && strings.Contains(string(out), "couldn't read interfaces") {
					t.Fatalf("%v: %s", err, out)
				}
				theirs += string(out)
			}
			if diff := cmp.Diff(network(theirs), network(ours)); diff != "" {
				t.Errorf("ifup's (-) and ours (+):\n%s", diff)
			}
			compared++
		})
	}
	if compared < 25 {
		t.Errorf("only %d cases were compared", compared)
	}
}
