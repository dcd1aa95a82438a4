package tree

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/tapbond/tapbond/internal/kernel/proc"
)

// layout builds the upper part of the tree, which is always the same.
func (t *Tree) layout() *node {
	return fixedDir("", children{
		"proc": t.over("proc", t.host.Proc, "/proc", children{
			"modules": t.modulesFile(),
			"net": t.over("proc/net", filepath.Join(t.host.Proc, "net"), "/proc/net", children{
				"bonding": dir("proc/net/bonding", (*view).bondNames, t.procFile),
				"dev":     t.netDev(),
			}),
		}),
		"sys": t.over("sys", t.host.Sys, "/sys", children{
			"class": t.over("sys/class", filepath.Join(t.host.Sys, "class"), "/sys/class", children{
				"net": dir("sys/class/net", t.deviceNames, t.device),
			}),
			"devices": t.devices(""),
			"module":  t.modules(),
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

// hostEntry is the real thing: a link as the kernel has it, which leads to the
// same place of this tree, and anything else by a link to it.
func (t *Tree) hostEntry(id, real, shown, name string) *node {
	if to, err := t.host.readlink(filepath.Join(real, name)); err == nil && !filepath.IsAbs(to) {
		n := link(id+"/"+name, to)
		n.host = true
		return n
	}
	return t.hostLink(id, real, shown, name)
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

// device is a link to where the device is, as for the kernel.
func (t *Tree) device(v *view, name string) (*node, error) {
	if name == mastersFile {
		return t.masters(), nil
	}
	ours, err := v.isOurs(name)
	if ours {
		return link("sys/class/net/"+name, "../../devices/"+t.host.place(name)), nil
	}
	if err != nil {
		return nil, err
	}
	return t.hostEntry("sys/class/net", t.host.netClass(), "/sys/class/net", name), nil
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
