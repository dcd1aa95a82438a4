package ifupdown

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/ifcfg"
	"github.com/tapbond/tapbond/internal/modconf"
)

var update = flag.Bool("update", false, "write what has changed into testdata")

// machine has four NICs, one of them up, and a DHCP client.
func machine() *ifcfg.World {
	w := &ifcfg.World{
		DHCP:  &ifcfg.DHCP{Start: func(dev string) []string { return []string{"dhclient", dev} }},
		DHCP6: &ifcfg.DHCP{Start: func(dev string) []string { return []string{"dhclient", "-6", dev} }},
	}
	for i := range 4 {
		w.Links = append(w.Links, ifcfg.Link{Name: fmt.Sprintf("eth%d", i), MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}, MTU: 1500, Up: i == 0})
	}
	return w
}

// told is a plan, or why there is none, as text.
func told(p *ifcfg.Plan, err error) string {
	var b strings.Builder
	var wrong ifcfg.Mistakes
	if errors.As(err, &wrong) {
		for _, m := range wrong {
			label := "mistake:"
			if m.Level == ifcfg.Warning {
				label = "warning:"
			}
			fmt.Fprintln(&b, label, m)
		}
		return b.String()
	}
	for _, n := range p.Notes {
		fmt.Fprintln(&b, n.Label()+":", n)
	}
	for _, s := range p.Steps {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

// TestGolden: files as they are found on machines and in articles, each folder
// of testdata the root of one; plan.txt is what comes of them.
func TestGolden(t *testing.T) {
	roots, err := filepath.Glob("testdata/*/etc")
	if err != nil || len(roots) < 7 {
		t.Fatal(roots, err)
	}
	for _, etc := range roots {
		root := filepath.Dir(etc)
		t.Run(filepath.Base(root), func(t *testing.T) {
			mod, err := modconf.Read(root)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Read(filepath.Join(root, "etc/network/interfaces"), root, mod)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(told(s.UpAll(machine(), ifcfg.Rules{})), root+"/", "/")
			file := filepath.Join(root, "plan.txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// Files that source each other, and those that aren't there, end.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "interfaces")
	text := "source interfaces\nsource gone/*\nsource [\niface bond0 inet manual\n bond-slaves eth0\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	mod, err := modconf.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read(file, dir, mod)
	if err != nil {
		t.Fatal(err)
	}
	got := told(s.Up([]string{"bond0"}, machine(), ifcfg.Rules{}))
	for _, want := range []string{"interfaces:1: " + file + ": files source each other too deep", "interfaces:3: " + dir + "/[: syntax error in pattern"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
	if _, err := Read(filepath.Join(dir, "gone"), dir, mod); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Read(dir, dir, mod); err == nil {
		t.Error("a folder was read")
	}
}

// FuzzRead: any file is read without a panic, every mistake has a line of it, and
// every line has a fate.
func FuzzRead(f *testing.F) {
	for _, s := range []string{
		"auto bond0\niface bond0 inet static\n address 10.0.0.1/8\n bond-slaves eth0\n", "iface\niface x\n bond-\n", "iface b inet static\n slaves\n bond_queue_id 1\\\n2\n",
		"iface e inet manual\nbond-master b\nbond-queue-id 3\n", "iface b inet6 static\naddress ::1\nnetmask 255.0.0.0\nbond-mode 1", "up\nsource",
		"iface b inet static inherits a\ntemplate a\n address 1.2.3.4\n up modprobe bonding mode=1; ifenslave b $IFACE\n", "auto /b* b[1-3]\niface b1\n bond-ports glob e1-3 regex (x) all\n",
		"iface b.3\nvlan-raw-device b\niface b:1 inet6 auto\niface r\nbridge_ports b r\niface b\nuse bond\ninherit b\nbond- 4\nbond_mode # 3\n",
	} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	mod, err := modconf.Read(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strings.Contains(string(data), "source") {
			return // that reads other files
		}
		file := filepath.Join(t.TempDir(), "interfaces")
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Read(file, dir, mod)
		if err != nil {
			t.Fatal(err)
		}
		fated := map[int]bool{}
		for _, l := range s.Lines() {
			if fated[l.Line] = true; l.Fate == ifcfg.Open {
				t.Fatalf("%v: %s: nothing became of it", l.Pos, l.Text)
			}
		}
		goesOn := false
		for i, text := range strings.Split(string(data), "\n") {
			text = strings.TrimRight(strings.TrimPrefix(text, "\ufeff"), "\r")
			comment := strings.HasPrefix(strings.TrimSpace(text), "#")
			if !goesOn && !comment && strings.TrimSpace(text) != "" && !strings.HasSuffix(text, `\`) && !fated[i+1] {
				t.Fatalf("line %d: %q was not read", i+1, text)
			}
			goesOn = strings.HasSuffix(text, `\`) && (goesOn || !comment)
		}
		_, err = s.UpAll(machine(), ifcfg.Rules{})
		var wrong ifcfg.Mistakes
		errors.As(err, &wrong)
		for _, m := range wrong {
			if m.Text == "" || strings.HasPrefix(m.Text, ": ") {
				t.Fatalf("%v: an empty word", m)
			}
			if m.File != file || m.Line < 0 || m.Line > strings.Count(string(data), "\n")+1 {
				t.Fatal(m)
			}
		}
	})
}
