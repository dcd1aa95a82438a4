package tree

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// daemon is a Source without bonds' workings: its files hold what was written.
type daemon struct {
	mu     sync.Mutex
	gone   bool
	hung   chan struct{} // if not nil, Brief waits for it
	states []bond.State
	texts  map[string]map[string]string
	asked  int      // how often for Brief
	did    []string // what else it was asked for
}

func (d *daemon) locked(do func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return control.ErrNoServer
	}
	return do()
}

func (d *daemon) Bond(_ context.Context, name string) (out bond.State, err error) {
	err = d.locked(func() error {
		for _, st := range d.states {
			if st.Name == name {
				out = st
				return nil
			}
		}
		return &control.Error{Message: name + " is gone", Errno: unix.ENODEV}
	})
	return out, err
}

func (d *daemon) Brief(ctx context.Context) (out []bond.State, err error) {
	d.mu.Lock()
	hung := d.hung
	d.asked++
	d.mu.Unlock()
	if hung != nil {
		select {
		case <-hung:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	err = d.locked(func() error { out = slices.Clone(d.states); return nil })
	return out, err
}

func (d *daemon) ReadFileOf(_ context.Context, name string, index int, file string) (text string, err error) {
	err = d.locked(func() error {
		files, ok := d.texts[name]
		if i := slices.IndexFunc(d.states, func(st bond.State) bool { return st.Name == name }); !ok || i < 0 || d.states[i].Index != index {
			return &control.Error{Message: name + " is gone", Errno: unix.ENODEV}
		}
		text = files[file]
		return nil
	})
	return text, err
}

func (d *daemon) ReadFiles(_ context.Context, name string) (texts map[string]string, err error) {
	err = d.locked(func() error { texts = d.texts[name]; return nil })
	return texts, err
}

func (d *daemon) SetSysfs(_ context.Context, name string, opts []option.Assign) error {
	return d.locked(func() error {
		d.did = append(d.did, fmt.Sprintf("%s %s=%q", name, opts[0].Option, opts[0].Value))
		if strings.TrimSpace(opts[0].Value) == "bad" {
			return &control.Error{Message: "no", Errno: unix.EINVAL}
		}
		d.texts[name][opts[0].Option] = opts[0].Value
		return nil
	})
}

func (d *daemon) Create(_ context.Context, req control.CreateRequest) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = false // it starts one
	d.did = append(d.did, "create "+req.Name)
	d.add(bond.State{Name: req.Name, Index: 100 + len(d.did)})
	return req.Name, nil
}

func (d *daemon) add(st bond.State) {
	d.states = append(d.states, st)
	if d.texts == nil {
		d.texts = map[string]map[string]string{}
	}
	d.texts[st.Name] = map[string]string{"mode": st.Mode + "\n", "ad_actor_key": "15\n"}
}

func (d *daemon) Delete(_ context.Context, name string) error {
	return d.locked(func() error {
		d.did = append(d.did, "delete "+name)
		d.states = slices.DeleteFunc(d.states, func(st bond.State) bool { return st.Name == name })
		delete(d.texts, name)
		return nil
	})
}

func (d *daemon) Module(context.Context) (st bond.ModuleState, err error) {
	err = d.locked(func() error {
		if st.Loaded = len(d.states) > 0; st.Loaded {
			st.Files = map[string]string{"num_grat_arp": "1\n"}
		}
		return nil
	})
	return st, err
}

func (d *daemon) Sync(context.Context) error {
	return d.locked(func() error { d.did = append(d.did, "sync"); return nil })
}

// machine makes a /sys and a /proc with lo, a TAP bond0 and two NICs.
func machine(t *testing.T) Host {
	t.Helper()
	root := t.TempDir()
	h := Host{Sys: root + "/sys", Proc: root + "/proc"}
	put := func(path, text string, mode os.FileMode) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	ln := func(target, path string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	put("proc/net/dev", netDevText, 0o444)
	put("proc/modules", "tun 61440 2 - Live 0x0000000000000000\n", 0o444)
	put("sys/devices/system/cpu/online", "0", 0o444)
	put("proc/1/stat", "1", 0o444)
	put("sys/block/none", "", 0o444)
	put("sys/class/net/.keep", "", 0o444)
	for _, dev := range []string{"virtual/net/lo", "virtual/net/bond0", "pci0/0000:00:01.0/net/eth0", "pci0/0000:00:02.0/net/eth1"} {
		at, name := "sys/devices/"+dev+"/", filepath.Base(dev)
		put(at+"flags", "0x1003\n", 0o644)
		put(at+"mtu", "1500\n", 0o644)
		put(at+"address", "02:00:00:00:00:00\n", 0o444)
		put(at+"uevent", "INTERFACE="+name+"\nIFINDEX=4\n", 0o644)
		put(at+"statistics/rx_packets", "7\n", 0o444)
		put(at+"statistics/tx_dropped", "2\n", 0o444)
		ln("../../devices/"+dev, "sys/class/net/"+name)
	}
	put("sys/devices/virtual/net/bond0/tun_flags", "0x1002\n", 0o444)
	put("sys/devices/virtual/net/bond0/carrier", "1\n", 0o644)
	put("sys/devices/virtual/net/bond0/addr_assign_type", "3\n", 0o444)
	put("sys/devices/pci0/0000:00:01.0/vendor", "0x8086", 0o444)
	put("sys/devices/pci0/0000:00:03.0/vendor", "0x8086", 0o444)
	ln("../../../bus/pci/drivers/e1000", "sys/devices/pci0/0000:00:01.0/driver")
	ln("../../../../class/net", "sys/devices/virtual/net/bond0/subsystem")
	ln("../../../0000:00:01.0", "sys/devices/pci0/0000:00:01.0/net/eth0/device")
	ln("../../../../virtual/net/vlan5", "sys/devices/pci0/0000:00:01.0/net/eth0/upper_vlan5")
	return h
}

const netDevText = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
 bond0: 5000000    4000    0    1    0     0          0         0      700       7    0    2    0     0       0          0
`

// pair is bond0 of eth0 and eth1.
func pair() *daemon {
	d := &daemon{}
	d.add(bond.State{
		Name: "bond0", Index: 4, MAC: "02:00:00:00:00:00", Mode: "active-backup", Active: "eth0",
		Settings: map[string]string{"fail_over_mac": "none", "miimon": "100", "updelay": "0", "downdelay": "0", "peer_notif_delay": "0", "arp_interval": "0"},
		Slaves: []bond.SlaveState{
			{Name: "eth0", Index: 2, State: "ACTIVE", MIIStatus: "UP", PermMAC: "02:00:00:00:00:00"},
			{Name: "eth1", Index: 3, State: "BACKUP", MIIStatus: "GOING_BACK", PermMAC: "02:00:00:00:00:01"},
		},
	})
	return d
}

func stateOf(name string) bond.State { return bond.State{Name: name, Index: 50} }
