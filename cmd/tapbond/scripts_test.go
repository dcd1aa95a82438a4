package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/modconf"
	"github.com/tapbond/tapbond/internal/modparam"
)

// With the module loaded its parameters count, then the bond's own options; and
// more than either the files that were changed since.
func TestLoadedOptions(t *testing.T) {
	for name, c := range map[string]struct{ file, params, want string }{
		"as the file has it":   {"options bonding mode=1\n", "mode=1", "mode=1"},
		"and the command line": {"options bonding mode=1\n", "mode=1 mode=4", "mode=1 mode=4"},
		"the bond's own":       {"options bonding miimon=50\nalias bond0 bonding\noptions bond0 mode=4\n", "miimon=50", "miimon=50 mode=4"},
		"no file":              {"", "mode=5", "mode=5"},
		"changed since":        {"options bonding mode=6\n", "mode=1 miimon=100", "mode=1 miimon=100 mode=6"},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "etc/modprobe.d")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "b.conf"), []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
			conf, err := modconf.Read(root)
			if err != nil {
				t.Fatal(err)
			}
			l := loaded{Config: conf}
			for _, w := range strings.Fields(c.params) {
				l.params = append(l.params, modparam.ParseWord(w))
			}
			var got []string
			for _, o := range l.Options("bond0") {
				got = append(got, o.Name+"="+o.Value)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%v, want %s", got, c.want)
			}
		})
	}
}
