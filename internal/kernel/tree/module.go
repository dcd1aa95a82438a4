package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/modconf"
)

// modules is /sys/module, with the driver while it is loaded.
func (t *Tree) modules() *node {
	const own = "bonding"
	rest := t.over("sys/module", filepath.Join(t.host.Sys, "module"), "/sys/module", nil)
	names := func(v *view) ([]string, error) {
		all, _ := rest.names(v)
		all = slices.DeleteFunc(all, func(name string) bool { return name == own })
		driver, err := t.driver()
		if driver != nil {
			all = append(all, own)
		}
		return all, err
	}
	child := func(v *view, name string) (*node, error) {
		if name == own {
			return t.driver()
		}
		return rest.child(v, name)
	}
	return dir("sys/module", names, child)
}

// driver is /sys/module/bonding, nil if it isn't loaded.
func (t *Tree) driver() (*node, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	st, err := t.src.Module(ctx)
	if errors.Is(err, control.ErrNoServer) || err == nil && !st.Loaded {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	parameters := children{}
	for name, text := range st.Files {
		parameters[name] = fixed("sys/module/bonding/parameters/"+name, text)
	}
	files := children{
		"holders":    dir("sys/module/bonding/holders", nil, nil).with(nil),
		"parameters": dir("sys/module/bonding/parameters", nil, nil).with(parameters),
	}
	for name, text := range map[string]string{
		"coresize": strconv.Itoa(modconf.Size), "initsize": "0", "initstate": "live", "refcnt": "0", "taint": "",
	} {
		files[name] = fixed("sys/module/bonding/"+name, text+"\n")
	}
	return dir("sys/module/bonding", nil, nil).with(files), nil
}

// modulesFile is /proc/modules, with the driver in front while it is loaded.
func (t *Tree) modulesFile() *node {
	n := file("proc/modules", func(context.Context, Reader) (string, error) {
		text, err := t.host.read(filepath.Join(t.host.Proc, "modules"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without modules has none
			return "", err
		}
		driver, err := t.driver()
		if err != nil || driver == nil || strings.Contains("\n"+text, "\nbonding ") {
			return text, err
		}
		return fmt.Sprintf("bonding %d 0 - Live 0x0000000000000000\n%s", modconf.Size, text), nil
	})
	n.Size = 0
	return n
}
