package tree

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/proc"
)

// layout builds the upper part of the tree, which is always the same.
func (t *Tree) layout() *node {
	return fixedDir("", children{
		"proc": t.over("proc", t.host.Proc, "/proc", children{
			"net": t.over("proc/net", filepath.Join(t.host.Proc, "net"), "/proc/net", children{
				"bonding": dir("proc/net/bonding", (*view).bondNames, t.procFile),
			}),
		}),
		"sys": t.over("sys", t.host.Sys, "/sys", children{
			"class": t.over("sys/class", filepath.Join(t.host.Sys, "class"), "/sys/class", children{
				"net": dir("sys/class/net", t.deviceNames, t.device),
			}),
			"module": t.modules(),
		}),
	})
}

// over is the real folder, with links to everything in it, except where own has
// something.
func (t *Tree) over(id, real, shown string, own children) *node {
	names := func(v *view) ([]string, error) {
		all, _ := own.names(v)
		return append(all, t.host.names(real)...), nil
	}
	child := func(v *view, name string) (*node, error) {
		if n := own[name]; n != nil {
			return n, nil
		}
		return t.hostLink(id, real, shown, name), nil
	}
	n := dir(id, names, child)
	n.always = own
	return n
}

// hostLink leads to the real thing, if there is one.
func (t *Tree) hostLink(id, real, shown, name string) *node {
	if !t.host.has(filepath.Join(real, name)) {
		return nil
	}
	n := link(id+"/"+name, shown+"/"+name)
	n.host = true
	return n
}

func (v *view) bondNames() ([]string, error) {
	bonds, err := v.look()
	var names []string
	for i := range bonds {
		names = append(names, bonds[i].Name)
	}
	return names, err
}

// procFile is /proc/net/bonding/BOND.
func (t *Tree) procFile(v *view, name string) (*node, error) {
	st, err := v.bond(name)
	if st == nil {
		return nil, err
	}
	n := file(identity("proc", st.Index, name), func(ctx context.Context, as Reader) (string, error) {
		now, err := t.state(ctx, name, st.Index)
		switch {
		case err != nil:
			return "", err
		case as.Privileged:
			return proc.Text(&now, t.release), nil
		}
		return proc.PublicText(&now, t.release), nil
	})
	n.Size, n.sure = 0, true
	return n, nil
}

// mastersFile is the driver's own beside the devices.
const mastersFile = "bonding_masters"

func (t *Tree) deviceNames(v *view) ([]string, error) {
	names, err := v.bondNames()
	bonds, _ := v.look()
	for i := range bonds {
		for j := range bonds[i].Slaves {
			names = append(names, bonds[i].Slaves[j].Name)
		}
	}
	names = append(names, mastersFile)
	return append(names, t.host.names(t.host.netClass())...), err
}

func (t *Tree) device(v *view, name string) (*node, error) {
	if name == mastersFile {
		return t.masters(), nil
	}
	if st, err := v.bond(name); st != nil || err != nil {
		return t.bondDir(st, err)
	}
	st, s, err := v.slave(name)
	if s != nil || err != nil {
		return t.slaveDir(st, s, err)
	}
	return t.hostLink("sys/class/net", t.host.netClass(), "/sys/class/net", name), nil
}

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
	return dir("sys/module/bonding", nil, nil).with(children{
		"initstate":  fixed("sys/module/bonding/initstate", "live\n"),
		"parameters": dir("sys/module/bonding/parameters", nil, nil).with(parameters),
	}), nil
}

// masters is /sys/class/net/bonding_masters.
func (t *Tree) masters() *node {
	n := file("sys/class/net/"+mastersFile, func(context.Context, Reader) (string, error) {
		names, err := (&view{t: t}).bondNames()
		if len(names) == 0 {
			return "", err
		}
		return strings.Join(names, " ") + "\n", err
	})
	n.Mode = 0o644
	n.write = t.writeMasters
	return n
}
