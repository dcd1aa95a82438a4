package tree

import (
	"context"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/kernel/sysfs"
)

// bondDir is /sys/devices/virtual/net/BOND: the driver's folder, a link to each slave,
// and what the kernel has of the device.
func (t *Tree) bondDir(st *bond.State) *node {
	id := identity("bond", st.Index, st.Name)
	own := children{"bonding": t.bondingDir(st, id)}
	for i := range st.Slaves {
		name := st.Slaves[i].Name
		own["lower_"+name] = link(id+"/lower_"+name, t.host.between(st.Name, name))
	}
	d := t.deviceDir(id, st.Name, own, t.bondForm(st))
	d.always = children{"bonding": own["bonding"]}
	return d
}

func (t *Tree) bondingDir(st *bond.State, id string) *node {
	c := children{}
	for _, f := range option.Files() {
		n := file(id+"/bonding/"+f.Name, func(ctx context.Context, as Reader) (string, error) {
			if f.Private && !as.Privileged {
				return "", nil
			}
			return t.src.ReadFileOf(ctx, st.Name, st.Index, f.Name)
		})
		n.sure = true
		if f.Writable {
			n.Mode |= 0o200
			n.write = func(ctx context.Context, text string) error {
				return t.src.SetSysfs(ctx, st.Name, []option.Assign{{Option: f.Name, Value: text}})
			}
		}
		c[f.Name] = n
	}
	return fixedDir(id+"/bonding", c)
}

// slaveDir is what /sys/class/net/SLAVE leads to: the driver's folder, links to the bond, and
// what the kernel has of the device.
func (t *Tree) slaveDir(st *bond.State, s *bond.SlaveState) *node {
	// Enslaved again it is another slave.
	id := identity(identity("slave", st.Index, st.Name), s.Index, s.Name)
	c := children{}
	for _, name := range sysfs.SlaveFiles() {
		n := file(id+"/bonding_slave/"+name, func(ctx context.Context, _ Reader) (string, error) {
			now, err := t.state(ctx, st.Name, st.Index)
			if err != nil {
				return "", err
			}
			for i := range now.Slaves {
				if now.Slaves[i].Index == s.Index {
					text, _ := sysfs.ReadSlave(&now.Slaves[i], name)
					return text, nil
				}
			}
			return "", unix.ENODEV
		})
		n.sure = true
		c[name] = n
	}
	own := children{
		"bonding_slave":    fixedDir(id+"/bonding_slave", c),
		"master":           link(id+"/master", t.host.between(s.Name, st.Name)),
		"upper_" + st.Name: link(id+"/upper", t.host.between(s.Name, st.Name)),
	}
	d := t.deviceDir(id, s.Name, own, slaveForm)
	d.always = children{"bonding_slave": own["bonding_slave"]}
	return d
}

// deviceDir is own, and whatever else the real folder of the device has.
func (t *Tree) deviceDir(id, name string, own children, as form) *node {
	f := forward{t: t, device: name, as: as}
	names := func(v *view) ([]string, error) {
		all, _ := own.names(v)
		for _, n := range t.host.names(f.real("")) {
			if !as.hidden[n] {
				all = append(all, n)
			}
		}
		return all, nil
	}
	child := func(_ *view, name string) (*node, error) {
		switch n := own[name]; {
		case n != nil:
			return n, nil
		case as.hidden[name]:
			return nil, nil
		}
		return f.node(id, name), nil
	}
	return dir(id, names, child)
}

// form is how the kernel's own files of a device differ from those of a bond, or
// a slave, of the driver's.
type form struct {
	hidden map[string]bool                   // files the driver's have not
	text   map[string]func(is string) string // what is read, made of what the real one reads
	closed map[string]bool                   // files that the driver's devices don't take a write to
	// counters are to be added to those of the folder statistics.
	counters func(ctx context.Context) (bond.Counters, error)
}

// Flags of a device that ours can't have.
const (
	iffMaster = 0x400
	iffSlave  = 0x800
)

var slaveForm = form{text: map[string]func(string) string{"flags": withFlag(iffSlave)}}

// bondForm: the device is a TAP, and doesn't look like one.
func (t *Tree) bondForm(st *bond.State) form {
	return form{
		counters: func(ctx context.Context) (bond.Counters, error) {
			now, err := t.state(ctx, st.Name, st.Index)
			return now.Uncounted(), err
		},
		closed: map[string]bool{"carrier": true}, // a TAP's can be set
		hidden: map[string]bool{"tun_flags": true, "owner": true, "group": true},
		text: map[string]func(string) string{
			"flags": withFlag(iffMaster),
			"uevent": func(is string) string {
				lines := strings.SplitAfter(is, "\n")
				if strings.HasPrefix(lines[0], "DEVTYPE=") {
					lines = lines[1:]
				}
				return "DEVTYPE=bond\n" + strings.Join(lines, "")
			},
			"addr_assign_type": func(string) string { return addressOrigin(st) },
		},
	}
}

// addressOrigin is 2, stolen, for a slave's address, 1 for a random one, 3 for
// one that was set.
func addressOrigin(st *bond.State) string {
	for i := range st.Slaves {
		if st.Slaves[i].PermMAC == st.MAC {
			return "2\n"
		}
	}
	if len(st.Slaves) == 0 && locallyMade(st.MAC) {
		return "1\n"
	}
	return "3\n"
}

// locallyMade: a random address has the bit that says so.
func locallyMade(mac string) bool {
	return len(mac) > 1 && strings.ContainsRune("26ae", rune(mac[1]))
}
