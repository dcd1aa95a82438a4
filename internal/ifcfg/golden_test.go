package ifcfg

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/modconf"
)

var update = flag.Bool("update", false, "write what has changed into testdata")

// machine has four NICs, one of them up, and a DHCP client.
func machine() *World {
	w := &World{DHCP: &DHCP{
		Start: func(dev string) []string { return []string{"dhclient", "-1", dev} },
		Stop:  func(dev string) []string { return []string{"dhclient", "-r", dev} },
		Runs:  func(string) bool { return true }, // for a bond that was there
	}, DHCP6: &DHCP{
		Start: func(dev string) []string { return []string{"dhclient", "-6", dev} },
		Runs:  func(string) bool { return false },
	}}
	w.Links = append(w.Links, Link{Name: "lo", Up: true, Loopback: true, MTU: 65536})
	for i := range 4 {
		w.Links = append(w.Links, Link{Name: fmt.Sprintf("eth%d", i), MAC: net.HardwareAddr{2, 0, 0, 0, 0, byte(i + 1)}, MTU: 1500, Up: i == 0})
	}
	return w
}

// read reads a folder under root, with modprobe's configuration there.
func read(t *testing.T, root, dir string) *Set {
	t.Helper()
	mod, err := modconf.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	global, _ := os.ReadFile(filepath.Join(root, "etc/sysconfig/network")) // most have none
	s, err := Read(os.DirFS(filepath.Join(root, dir)), "/"+dir, global, mod)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is a plan, or why there is none, as text.
func told(p *Plan, err error) string {
	var b strings.Builder
	var wrong Mistakes
	switch {
	case errors.As(err, &wrong):
		for _, m := range wrong {
			label := "mistake:"
			if m.Level == Warning {
				label = "warning:"
			}
			fmt.Fprintln(&b, label, m)
		}
		return b.String()
	case err != nil:
		return "error: " + err.Error() + "\n"
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
	if err != nil || len(roots) < 15 {
		t.Fatal(roots, err)
	}
	for _, etc := range roots {
		root := filepath.Dir(etc)
		t.Run(filepath.Base(root), func(t *testing.T) {
			dir := "etc/sysconfig/network-scripts"
			if _, err := os.Stat(filepath.Join(root, dir)); err != nil {
				dir = "etc/sysconfig/network"
			}
			got := told(read(t, root, dir).UpAll(machine(), Rules{}))
			got = strings.ReplaceAll(got, "/"+dir+"/", "")
			got = strings.ReplaceAll(got, root+"/", "/")
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
