package tree

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
)

var root = Reader{Privileged: true}

func planted(t *testing.T) (*daemon, *Tree) {
	t.Helper()
	d := pair()
	return d, New(d, machine(t), "6.1.0")
}

// names in a folder, links with their targets.
func names(t *testing.T, tr *Tree, path string) []string {
	t.Helper()
	entries, err := tr.List(path, 0)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var out []string
	for _, e := range entries {
		switch {
		case e.Mode&fs.ModeSymlink != 0:
			e.Name += " -> " + e.Target
		case e.Mode.IsDir():
			e.Name += "/"
		}
		out = append(out, e.Name)
	}
	return out
}

func TestWhatIsWhere(t *testing.T) {
	_, tr := planted(t)
	for path, want := range map[string][]string{
		"":                 {"proc/", "sys/"},
		"proc":             {"1 -> /proc/1", "modules", "net/"},
		"proc/net":         {"bonding/", "dev"},
		"proc/net/bonding": {"bond0"},
		"sys":              {"block -> /sys/block", "class/", "devices/", "module/"},
		"sys/class":        {"net/"},
		"sys/module":       {"bonding/"},
		"sys/class/net": {".keep -> /sys/class/net/.keep", "bond0 -> ../../devices/virtual/net/bond0", "bonding_masters",
			"eth0 -> ../../devices/pci0/0000:00:01.0/net/eth0", "eth1 -> ../../devices/pci0/0000:00:02.0/net/eth1", "lo -> ../../devices/virtual/net/lo"},
		"sys/devices":                   {"pci0/", "system -> /sys/devices/system", "virtual/"},
		"sys/devices/pci0":              {"0000:00:01.0/", "0000:00:02.0/", "0000:00:03.0 -> /sys/devices/pci0/0000:00:03.0"},
		"sys/devices/pci0/0000:00:01.0": {"driver -> ../../../bus/pci/drivers/e1000", "net/", "vendor -> /sys/devices/pci0/0000:00:01.0/vendor"},
		"sys/devices/virtual":           {"net/"},
		"sys/devices/virtual/net":       {"bond0/", "lo -> /sys/devices/virtual/net/lo"},
		"sys/devices/virtual/net/bond0": {"addr_assign_type", "address", "bonding/", "carrier", "flags",
			"lower_eth0 -> ../../../pci0/0000:00:01.0/net/eth0", "lower_eth1 -> ../../../pci0/0000:00:02.0/net/eth1",
			"mtu", "statistics/", "subsystem -> ../../../../class/net", "uevent"},
		"sys/devices/pci0/0000:00:01.0/net/eth0": {"address", "bonding_slave/", "device -> ../../../0000:00:01.0", "flags", "master -> ../../../../virtual/net/bond0",
			"mtu", "statistics/", "uevent", "upper_bond0 -> ../../../../virtual/net/bond0", "upper_vlan5 -> ../../../../virtual/net/vlan5"},
	} {
		if diff := cmp.Diff(want, names(t, tr, path)); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

// The driver's folders are as they were recorded, name by name with their modes.
func TestModes(t *testing.T) {
	_, tr := planted(t)
	recorded, err := os.ReadFile("../../../bond/option/testdata/shown/ab-arp-up/sysfs.txt")
	if err != nil {
		t.Fatal(err)
	}
	want, _, _ := strings.Cut(string(recorded), "\n\n")
	entries, err := tr.List("sys/devices/virtual/net/bond0/bonding", 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Mode.String()+" "+e.Name)
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(want), "\n"), got); diff != "" {
		t.Error(diff)
	}
	for path, want := range map[string]string{
		"sys/class/net/bonding_masters":                              "-rw-r--r--",
		"proc/net/bonding/bond0":                                     "-r--r--r--",
		"sys/devices/pci0/0000:00:01.0/net/eth0/bonding_slave/state": "-r--r--r--",
		"sys/devices/virtual/net/bond0/mtu":                          "-rw-r--r--",
		"sys/devices/virtual/net/bond0/statistics":                   "drwxr-xr-x",
		"sys/module/bonding/parameters/num_grat_arp":                 "-r--r--r--",
	} {
		e, err := tr.Find(path)
		if err != nil || e.Mode.String() != want && !strings.HasPrefix(e.Mode.String(), "L") {
			t.Errorf("%s: %v %v, want %s", path, e.Mode, err, want)
		}
	}
}

func TestReads(t *testing.T) {
	_, tr := planted(t)
	for path, want := range map[string]string{
		"sys/class/net/bonding_masters":                                   "bond0\n",
		"sys/devices/virtual/net/bond0/bonding/mode":                      "active-backup\n",
		"sys/devices/pci0/0000:00:02.0/net/eth1/bonding_slave/mii_status": "going back\n",
		"sys/devices/pci0/0000:00:01.0/net/eth0/bonding_slave/state":      "active\n",
		"sys/devices/virtual/net/bond0/flags":                             "0x1403\n",
		"sys/devices/pci0/0000:00:01.0/net/eth0/flags":                    "0x1803\n",
		"sys/devices/virtual/net/bond0/addr_assign_type":                  "2\n",
		"sys/devices/virtual/net/bond0/uevent":                            "DEVTYPE=bond\nINTERFACE=bond0\nIFINDEX=4\n",
		"sys/devices/pci0/0000:00:01.0/net/eth0/statistics/rx_packets":    "7\n",
		"sys/module/bonding/parameters/num_grat_arp":                      "1\n",
		"sys/module/bonding/initstate":                                    "live\n",
		"sys/module/bonding/refcnt":                                       "0\n",
		"sys/module/bonding/coresize":                                     "229376\n",
		"proc/modules":                                                    "bonding 229376 0 - Live 0x0000000000000000\ntun 61440 2 - Live 0x0000000000000000\n",
		"sys/devices/virtual/net/bond0/bonding/ad_actor_key":              "15\n",
	} {
		if got, err := tr.Read(t.Context(), path, &Entry{}, root); got != want || err != nil {
			t.Errorf("%s reads %q %v, want %q", path, got, err, want)
		}
	}
	if got, err := tr.Read(t.Context(), "sys/devices/virtual/net/bond0/bonding/ad_actor_key", &Entry{}, Reader{}); got != "" || err != nil {
		t.Errorf("LACP's identity for everybody: %q %v", got, err)
	}
	text, err := tr.Read(t.Context(), "proc/net/bonding/bond0", &Entry{}, root)
	if err != nil || !strings.HasPrefix(text, "Ethernet Channel Bonding Driver: v6.1.0\n\nBonding Mode: fault-tolerance (active-backup)\n") {
		t.Errorf("%q %v", text, err)
	}
}

func TestAnswers(t *testing.T) {
	d, tr := planted(t)
	for path, want := range map[string]error{
		"sys/class/net/bond1":                                       unix.ENOENT,
		"sys/devices/virtual/net/bond0/tun_flags":                   unix.ENOENT,
		"sys/devices/virtual/net/bond0/bonding/prio":                unix.ENOENT,
		"proc/net/bonding/eth0":                                     unix.ENOENT,
		"sys/class/net/bonding_masters/x":                           unix.ENOTDIR,
		"sys/devices/pci0/0000:00:01.0/net/eth0/bonding_slave/mode": unix.ENOENT,
	} {
		if _, err := tr.Find(path); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
	for _, w := range []struct {
		path, text string
		want       error
	}{
		{"sys/devices/virtual/net/bond0/bonding/mode", "bad\n", unix.EINVAL},
		{"sys/devices/virtual/net/bond0/bonding/mii_status", "up", unix.EACCES},
		{"sys/devices/virtual/net/bond0/bonding", "", unix.EISDIR},
		{"sys/devices/virtual/net/bond0/carrier", "0", unix.EOPNOTSUPP},
		{"sys/class/net/bonding_masters", "bond1\n", unix.EPERM},
		{"sys/class/net/bonding_masters", "+bond0\n", unix.EEXIST},
		{"sys/class/net/bonding_masters", "+lo\n", unix.EEXIST},
		{"sys/class/net/bonding_masters", "-eth0\n", unix.ENODEV},
		{"sys/class/net/bonding_masters", "+bond1\n", nil},
		{"sys/class/net/bonding_masters", "-bond1\n", nil},
		{"sys/devices/virtual/net/bond0/bonding/slaves", "+eth2\n", nil},
		{"sys/devices/virtual/net/bond0/bonding/slaves", "+eth3\x00zz\n", nil},
		{"sys/devices/virtual/net/bond0/mtu", "1400\n", nil},
	} {
		n, err := tr.Write(t.Context(), w.path, 0, []byte(w.text))
		if !errors.Is(err, w.want) || err == nil && n != len(w.text) {
			t.Errorf("%s <- %q: %d %v, want %v", w.path, w.text, n, err, w.want)
		}
	}
	want := []string{`bond0 mode="bad\n"`, "create bond1", "delete bond1", `bond0 slaves="+eth2\n"`, `bond0 slaves="+eth3"`, "sync"}
	if diff := cmp.Diff(want, d.did); diff != "" {
		t.Error(diff)
	}
	if text, _ := tr.Read(t.Context(), "sys/devices/virtual/net/bond0/mtu", &Entry{}, root); text != "1400\n" {
		t.Errorf("mtu reads %q", text)
	}
}

// A write takes a page at most, as sysfs does.
func TestLongWrite(t *testing.T) {
	_, tr := planted(t)
	n, err := tr.Write(t.Context(), "sys/devices/virtual/net/bond0/bonding/mode", 0, slices.Repeat([]byte("x"), 5000))
	if n != 4096 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}

// Without a daemon the tree is that of a kernel whose driver isn't loaded, but
// for the file that brings it.
func TestNoDaemon(t *testing.T) {
	d, tr := planted(t)
	d.gone = true
	if got := names(t, tr, "proc/net/bonding"); len(got) > 0 {
		t.Errorf("bonds of nobody: %v", got)
	}
	want := []string{".keep", "bond0", "bonding_masters", "eth0", "eth1", "lo"}
	for i, n := range names(t, tr, "sys/class/net") {
		if name, _, _ := strings.Cut(n, " "); name != want[i] || strings.HasSuffix(n, "/") {
			t.Errorf("there is %s", n)
		}
	}
	if text, err := tr.Read(t.Context(), "proc/modules", &Entry{}, root); err != nil || strings.Contains(text, "bonding") {
		t.Errorf("modules: %q %v", text, err)
	}
	if got := names(t, tr, "sys/devices/virtual/net"); !slices.Equal(got, []string{"bond0 -> /sys/devices/virtual/net/bond0", "lo -> /sys/devices/virtual/net/lo"}) {
		t.Errorf("devices: %v", got)
	}
	if got := names(t, tr, "sys/module"); len(got) > 0 {
		t.Errorf("modules: %v", got)
	}
	if _, err := tr.Find("sys/module/bonding"); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the module: %v", err)
	}
	if text, err := tr.Read(t.Context(), "sys/class/net/bonding_masters", &Entry{}, root); text != "" || err != nil {
		t.Errorf("masters: %q %v", text, err)
	}
	if _, err := tr.Write(t.Context(), "sys/class/net/bonding_masters", 0, []byte("-bond0\n")); !errors.Is(err, unix.ENODEV) {
		t.Errorf("-bond0: %v", err)
	}
	if _, err := tr.Write(t.Context(), "sys/class/net/bonding_masters", 0, []byte("+bond5\n")); err != nil {
		t.Errorf("+bond5: %v", err)
	}
	if text, _ := tr.Read(t.Context(), "sys/class/net/bonding_masters", &Entry{}, root); text != "bond0 bond5\n" {
		t.Errorf("masters: %q", text)
	}
}

// What was opened before a device went, and came again, is nobody's.
func TestAnotherDeviceOfTheName(t *testing.T) {
	d, tr := planted(t)
	const mode, slave, folder = "sys/devices/virtual/net/bond0/bonding/mode", "sys/devices/pci0/0000:00:01.0/net/eth0/bonding_slave/state", "sys/devices/virtual/net/bond0"
	was := map[string]Entry{}
	for _, path := range []string{mode, slave, folder} {
		e, err := tr.Find(path)
		if err != nil {
			t.Fatal(err)
		}
		was[path] = e
	}
	held := func(path string) *Entry { e := was[path]; return &e }
	d.states[0].Index = 9
	for _, path := range []string{mode, slave} {
		if _, err := tr.Read(t.Context(), path, held(path), root); !errors.Is(err, unix.ENODEV) {
			t.Errorf("%s of another device: %v", path, err)
		}
	}
	if _, err := tr.Write(t.Context(), mode, was[mode].ID, []byte("0")); !errors.Is(err, unix.ENODEV) || len(d.did) > 0 {
		t.Errorf("write: %v %v", err, d.did)
	}
	if _, err := tr.List(folder, was[folder].ID); !errors.Is(err, unix.ENOENT) {
		t.Errorf("list: %v", err)
	}
	d.states = nil
	if _, err := tr.Read(t.Context(), mode, held(mode), root); !errors.Is(err, unix.ENODEV) {
		t.Errorf("read: %v", err)
	}
}

// Any number of readers cost the daemon one question at a time, and each is told
// what was so after it asked.
func TestSharedQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pair()
		d.hung = make(chan struct{})
		tr := New(d, Host{Sys: "/nonexistent", Proc: "/nonexistent"}, "6.1.0")
		var readers sync.WaitGroup
		ask := func(want string) {
			readers.Go(func() {
				if _, err := tr.Find("proc/net/bonding/" + want); err != nil {
					t.Errorf("%s: %v", want, err)
				}
			})
		}
		ask("bond0")
		synctest.Wait()
		d.add(bond.State{Name: "bond1", Index: 5})
		for range 100 {
			ask("bond1")
		}
		synctest.Wait()
		close(d.hung)
		readers.Wait()
		if d.asked != 2 {
			t.Errorf("the daemon was asked %d times", d.asked)
		}
	})
}

// A daemon that doesn't answer keeps nobody for ever.
func TestHungDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := pair()
		d.hung = make(chan struct{})
		tr := New(d, Host{Sys: "/nonexistent", Proc: "/nonexistent"}, "6.1.0")
		began := time.Now()
		_, err := tr.Find("proc/net/bonding/bond0")
		if Errno(err) != unix.ETIMEDOUT || time.Since(began) > askTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := tr.Find("sys/class"); err != nil {
			t.Errorf("what needs no daemon: %v", err)
		}
	})
}

func TestErrno(t *testing.T) {
	for want, err := range map[unix.Errno]error{
		0: nil, unix.EIO: errors.New("?"), unix.ETIMEDOUT: context.DeadlineExceeded, unix.EACCES: fs.ErrPermission,
		unix.EINVAL: &option.Error{Errno: unix.EINVAL}, unix.ENOENT: &fs.PathError{Err: unix.ENOENT},
	} {
		if got := Errno(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
