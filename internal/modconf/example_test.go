package modconf_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tapbond/tapbond/internal/modconf"
)

func ExampleRead() {
	root, err := os.MkdirTemp("", "modconf")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(root)
	if err := os.MkdirAll(filepath.Join(root, "etc"), 0o755); err != nil {
		panic(err)
	}
	text := "alias bond0 bonding\noptions bonding max_bonds=2\noptions bond0 mode=1 miimon=100\n"
	if err := os.WriteFile(filepath.Join(root, "etc/modprobe.conf"), []byte(text), 0o644); err != nil {
		panic(err)
	}

	c, err := modconf.Read(root)
	if err != nil {
		panic(err)
	}
	for _, bond := range c.Aliases() {
		for _, o := range c.Options(bond) {
			fmt.Printf("%s: %s=%s (line %d)\n", bond, o.Name, o.Value, o.Line)
		}
	}
	// Output:
	// bond0: max_bonds=2 (line 2)
	// bond0: mode=1 (line 3)
	// bond0: miimon=100 (line 3)
}
