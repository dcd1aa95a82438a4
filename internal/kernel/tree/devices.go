package tree

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond"
)

// /sys/class/net has links into /sys/devices, where a device's folder stands with
// the hardware that it belongs to. The tree has so much of that as leads to bonds
// and slaves; links to what else there is keep the kernel's text, which leads to
// the same place here.

// place is where a device's folder is, below /sys/devices.
func (h Host) place(name string) string {
	to, err := h.readlink(filepath.Join(h.netClass(), name))
	if at, ok := strings.CutPrefix(to, "../../devices/"); err == nil && ok {
		return at
	}
	return "virtual/net/" + name // a bond that the kernel doesn't show us
}

// owned is a device of ours: a bond, or a slave of one.
type owned struct {
	bond  *bond.State
	slave *bond.SlaveState
}

// atlas is where our devices are.
type atlas struct {
	devices map[string]owned
	// below are the names in each folder that lead to a device.
	below map[string][]string
}

// atlas asks for the bonds, and where their devices are, when first needed.
func (v *view) atlas() (*atlas, error) {
	if v.places != nil {
		return v.places, nil
	}
	bonds, err := v.look()
	if err != nil {
		return nil, err
	}
	a := &atlas{devices: map[string]owned{}, below: map[string][]string{}}
	a.lead("virtual/net") // there without bonds, too: links to other devices lead there
	for i := range bonds {
		b := &bonds[i]
		a.add(v.t.host.place(b.Name), owned{bond: b})
		for j := range b.Slaves {
			a.add(v.t.host.place(b.Slaves[j].Name), owned{b, &b.Slaves[j]})
		}
	}
	v.places = a
	return a, nil
}

func (a *atlas) add(at string, d owned) {
	a.devices[at] = d
	a.lead(at)
}

// lead notes the way to a place.
func (a *atlas) lead(at string) {
	for at != "" {
		in, name := path.Split(at)
		in = strings.TrimSuffix(in, "/")
		if slices.Contains(a.below[in], name) {
			return
		}
		a.below[in] = append(a.below[in], name)
		at = in
	}
}

// isOurs reports whether a device is a bond or a slave.
func (v *view) isOurs(name string) (bool, error) {
	if st, err := v.bond(name); st != nil || err != nil {
		return st != nil, err
	}
	_, s, err := v.slave(name)
	return s != nil, err
}

// devices is the folder rel of /sys/devices.
func (t *Tree) devices(rel string) *node {
	id, shown := path.Join("sys/devices", rel), path.Join("/sys/devices", rel)
	real := filepath.Join(t.host.Sys, "devices", rel)
	names := func(v *view) ([]string, error) {
		a, err := v.atlas()
		if err != nil {
			return nil, err
		}
		return append(t.host.names(real), a.below[rel]...), nil
	}
	child := func(v *view, name string) (*node, error) {
		a, err := v.atlas()
		if err != nil {
			return nil, err
		}
		at := path.Join(rel, name)
		switch d, ours := a.devices[at]; {
		case ours && d.slave != nil:
			return t.slaveDir(d.bond, d.slave), nil
		case ours:
			return t.bondDir(d.bond), nil
		case slices.Contains(a.below[rel], name):
			return t.devices(at), nil
		}
		return t.hostEntry(id, real, shown, name), nil
	}
	return dir(id, names, child)
}

// between is a link from one device's folder to another one's.
func (h Host) between(from, to string) string {
	rel, err := filepath.Rel("/"+h.place(from), "/"+h.place(to))
	if err != nil {
		return "/sys/class/net/" + to // both are absolute: it is always possible
	}
	return rel
}
