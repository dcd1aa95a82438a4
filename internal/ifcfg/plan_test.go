package ifcfg

import (
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/modconf"
)

// noModules is a machine without a word on bonding in modprobe's configuration.
type noModules struct{}

func (noModules) Aliases() []string               { return nil }
func (noModules) Options(string) []modconf.Option { return nil }

var recipe = map[string]string{
	"ifcfg-bond0": "DEVICE=bond0\nIPADDR=10.1.1.28\nPREFIX=24\nGATEWAY=10.1.1.1\nMTU=1400\nBONDING_OPTS=\"mode=1 miimon=100 primary=eth0 active_slave=eth1 queue_id=eth1:2\"\n",
	"ifcfg-eth0":  "DEVICE=eth0\nMASTER=bond0\nSLAVE=yes\n",
	"ifcfg-eth1":  "DEVICE=eth1\nMASTER=bond0\nSLAVE=yes\n",
	"ifcfg-wlan0": "DEVICE=wlan0\nESSID=x\n",
}

func set(t *testing.T, files map[string]string) *Set {
	t.Helper()
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	s, err := Read(m, "d", nil, noModules{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// running is the machine with the recipe's bond in it, as the files have it.
func running() *World {
	w := machine()
	for i := range 2 {
		w.Links[i+1].Up = true
		w.Links[i+1].MAC = w.Links[1].MAC // the bond's
	}
	w.Links = append(w.Links, Link{Name: "bond0", Kind: "tun", Up: true, MTU: 1400, MAC: w.Links[1].MAC, Addrs: []netip.Prefix{netip.MustParsePrefix("10.1.1.28/24")}})
	w.Bonds = []BondNow{{
		Name: "bond0", Up: true, Active: "eth1",
		Settings: map[string]string{"mode": "active-backup", "miimon": "100", "primary": "eth0"},
		Slaves: []SlaveNow{
			{Name: "eth0", Perm: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
			{Name: "eth1", Perm: net.HardwareAddr{2, 0, 0, 0, 0, 2}, QueueID: 2},
		},
	}}
	w.Defaults = []Route{{netip.MustParseAddr("10.1.1.1"), "bond0"}}
	return w
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if diff := cmp.Diff(strings.ReplaceAll(want, "\t", ""), got); diff != "" {
		t.Error(diff)
	}
}

func TestUpTwiceIsUpOnce(t *testing.T) {
	s := set(t, recipe)
	check(t, told(s.Up([]string{"bond0"}, running(), Rules{})), "")
	check(t, told(s.Down([]string{"bond0"}, running()), nil), "dhclient -r bond0\ntapbond ip link del bond0\n")
	check(t, told(s.Down([]string{"bond0"}, machine()), nil), "")
}

// Files may have a NIC's alternative name wherever they have a name.
func TestUpByAlternativeNames(t *testing.T) {
	files := map[string]string{}
	for name, text := range recipe {
		files[name] = strings.ReplaceAll(text, "eth1", "enp1s0f1")
	}
	w := machine()
	w.link("eth1").AltNames = []string{"enx02", "enp1s0f1"}
	check(t, told(set(t, files).Up([]string{"bond0"}, w, Rules{})), told(set(t, recipe).Up([]string{"bond0"}, machine(), Rules{})))
	w = running()
	w.link("eth1").AltNames = []string{"enp1s0f1"}
	check(t, told(set(t, files).Up([]string{"bond0"}, w, Rules{})), "")
}

// A value that reads otherwise than it is written is there all the same.
func TestUpKnowsWhatOptionsRead(t *testing.T) {
	w := running()
	w.Bonds[0].Settings = map[string]string{"mode": "802.3ad", "miimon": "100", "updelay": "200", "ad_actor_system": "00:aa:bb:cc:dd:ee", "arp_ip_target": "10.0.0.1"}
	s := set(t, map[string]string{
		"ifcfg-bond0": `BONDING_OPTS="mode=4 miimon=100 updelay=250 ad_actor_system=00:AA:BB:CC:DD:EE arp_ip_target=+10.0.0.1"`,
		"ifcfg-eth0":  recipe["ifcfg-eth0"], "ifcfg-eth1": recipe["ifcfg-eth1"],
	})
	check(t, told(s.Up([]string{"bond0"}, w, Rules{})), "")
}

// What is missing of a bond that is up is added.
func TestUpAddsWhatIsMissing(t *testing.T) {
	w := running()
	w.Bonds[0].Slaves = w.Bonds[0].Slaves[:1]
	w.Bonds[0].Active = "eth0"
	w.Bonds[0].Settings["miimon"] = "50"
	w.Links[2] = machine().Links[2]
	b := w.link("bond0")
	b.Addrs, b.MTU, b.Up, w.Bonds[0].Up = nil, 1500, false, false
	w.Defaults = nil
	check(t, told(set(t, recipe).Up([]string{"bond0"}, w, Rules{})), `tapbond ip link set bond0 type bond miimon 100
		tapbond ip link set bond0 mtu 1400
		tapbond ip link set eth1 master bond0
		tapbond ip link set eth1 type bond_slave queue_id 2
		tapbond ip link set bond0 up
		tapbond ip link set bond0 type bond active_slave eth1
		tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
		tapbond ip route replace default via 10.1.1.1 dev bond0
	`)
}

// An empty bond, as `modprobe bonding` leaves it, is taken as it is.
func TestUpTakesAnEmptyBond(t *testing.T) {
	w := machine()
	w.Links = append(w.Links, Link{Name: "bond0", Kind: "tun", MTU: 1400, Up: true})
	w.Bonds = []BondNow{{Name: "bond0", Up: true, Settings: map[string]string{"mode": "balance-rr", "miimon": "0"}}}
	check(t, told(set(t, recipe).Up([]string{"bond0"}, w, Rules{})), `tapbond ip link set bond0 down
		tapbond ip link set bond0 type bond mode active-backup miimon 100 primary eth0
		tapbond ip link set eth0 down
		tapbond ip link set eth0 master bond0
		tapbond ip link set eth1 master bond0
		tapbond ip link set eth1 type bond_slave queue_id 2
		tapbond ip link set bond0 up
		tapbond ip link set bond0 type bond active_slave eth1
		tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
		tapbond ip route replace default via 10.1.1.1 dev bond0
	`)
}

func TestUpRefusesWhatCannotBeNow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*World)
		want   string
	}{
		"mode": {func(w *World) { w.Bonds[0].Settings["mode"] = "balance-rr" },
			"warning: d/ifcfg-bond0:6: mode is balance-rr and can't become active-backup while bond0 has slaves; `tapbond reload` makes the bond anew\n"},
		"not ours": {func(w *World) { w.Bonds = nil },
			"mistake: d/ifcfg-bond0: bond0 is there already, and is no bond of tapbond's\n"},
		"another bond's slave": {func(w *World) {
			w.Bonds = append(w.Bonds, BondNow{Name: "bond1", Slaves: w.Bonds[0].Slaves[1:]})
			w.Bonds[0].Slaves = w.Bonds[0].Slaves[:1]
		}, "mistake: d/ifcfg-bond0:6: active_slave=eth1: x"},
		"a bridge's port": {func(w *World) {
			w.Bonds[0].Slaves = w.Bonds[0].Slaves[:1]
			w.link("eth1").Master = "br0"
		}, "mistake: d/ifcfg-eth1:1: eth1 belongs to br0 already\n"},
		"no NIC": {func(w *World) { w.Links = w.Links[:2] },
			"mistake: d/ifcfg-bond0:6: active_slave=eth1: is no slave of bond0\nmistake: d/ifcfg-eth1:1: there is no interface eth1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w := running()
			c.change(w)
			if name == "no NIC" {
				w.Bonds = nil
			}
			if name == "another bond's slave" {
				c.want = "mistake: d/ifcfg-eth1:1: eth1 is a slave of bond1; `ifdown eth1` lets it go\n"
			}
			check(t, told(set(t, recipe).Up([]string{"bond0"}, w, Rules{})), c.want)
		})
	}
}

// At boot a bond is better off with one NIC than with none.
func TestUpWithoutAMissingNIC(t *testing.T) {
	w := machine()
	w.Links = w.Links[:2]
	files := map[string]string{"ifcfg-bond0": "BONDING_OPTS=mode=1\n", "ifcfg-eth0": recipe["ifcfg-eth0"], "ifcfg-eth1": recipe["ifcfg-eth1"]}
	check(t, told(set(t, files).Up([]string{"bond0"}, w, Rules{MissingNIC: true})), `note: d/ifcfg-eth1:1: there is no interface eth1; going on without
		tapbond ip link add bond0 type bond mode active-backup
		tapbond ip link set eth0 down
		tapbond ip link set eth0 master bond0
		tapbond ip link set bond0 up
	`)
}

// A NIC in the bond's network would be the host's way there, past the bond.
func TestUpTakesClashingAddresses(t *testing.T) {
	w := machine()
	w.Links[1].Addrs = []netip.Prefix{netip.MustParsePrefix("10.1.1.77/24"), netip.MustParsePrefix("192.0.2.1/24")}
	files := map[string]string{"ifcfg-bond0": "IPADDR=10.1.1.28/24\nTYPE=Bond\n", "ifcfg-eth0": recipe["ifcfg-eth0"]}
	check(t, told(set(t, files).Up([]string{"bond0"}, w, Rules{})), `note: d/ifcfg-eth0:1: eth0 has the address 10.1.1.77/24, in a network of bond0: taken away
		note: d/ifcfg-eth0:1: eth0 has the address 192.0.2.1/24, which is of no use on a slave
		tapbond ip link add bond0 type bond
		tapbond ip link set eth0 down
		tapbond ip addr del 10.1.1.77/24 dev eth0
		tapbond ip link set eth0 master bond0
		tapbond ip link set bond0 up
		tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
	`)
}

// A slave alone is enslaved alone, and its bond's addresses wait for the bond.
func TestUpSlaveAlone(t *testing.T) {
	s := set(t, map[string]string{"ifcfg-bond0": "BONDING_OPTS=mode=1\nIPADDR=10.0.0.1/8\nBOOTPROTO=static\n", "ifcfg-eth0": recipe["ifcfg-eth0"], "ifcfg-eth1": recipe["ifcfg-eth1"]})
	check(t, told(s.UpSlave("eth1", machine(), Rules{})), `tapbond ip link add bond0 type bond mode active-backup
		tapbond ip link set eth1 master bond0
		tapbond ip link set bond0 up
	`)
	w := running()
	w.Bonds[0].Slaves = w.Bonds[0].Slaves[:1]
	check(t, told(s.UpSlave("eth1", w, Rules{})), `tapbond ip link set eth1 down
		tapbond ip link set eth1 master bond0
	`)
	check(t, told(s.DownSlave("eth0", w), nil), "tapbond ip link set eth0 nomaster\n")
	check(t, told(s.DownSlave("eth1", w), nil), "")

	alone := set(t, map[string]string{"ifcfg-eth1": recipe["ifcfg-eth1"]})
	check(t, told(alone.UpSlave("eth1", machine(), Rules{})), "mistake: d/ifcfg-eth1:2: MASTER=bond0: there is no such bond, and no d/ifcfg-bond0\n")
	check(t, told(alone.UpSlave("eth1", w, Rules{})), `tapbond ip link set eth1 down
		tapbond ip link set eth1 master bond0
	`)
}

// Only what has to do with the bond stands in its way.
func TestOtherFilesMistakes(t *testing.T) {
	files := map[string]string{
		"ifcfg-bond0": "BONDING_OPTS=mode=1\n", "ifcfg-eth0": recipe["ifcfg-eth0"],
		"ifcfg-bond1": "BONDING_OPTS=mode=99\n", "ifcfg-eth1": "DEVICE=eth1\nMASTER=bond1\nSLAVE=perhaps\n",
		"ifcfg-wlan0": "ESSID=\"Joe's\" cafe\n", "ifcfg-eth2": "MASTER=\"bond0\nSLAVE=yes\n",
	}
	got := told(set(t, files).Up([]string{"bond0"}, machine(), Rules{}))
	check(t, got, "mistake: d/ifcfg-eth2:1: reached EOF without closing quote `\"`\n")
	files["ifcfg-eth2"] = "DEVICE=eth2\n"
	check(t, told(set(t, files).Up([]string{"bond0"}, machine(), Rules{})), `tapbond ip link add bond0 type bond mode active-backup
		tapbond ip link set eth0 down
		tapbond ip link set eth0 master bond0
		tapbond ip link set bond0 up
	`)
	if got := told(set(t, files).UpAll(machine(), Rules{})); strings.Count(got, "mistake:") != 2 {
		t.Error(got)
	}
}

func TestWhoseFile(t *testing.T) {
	s := set(t, map[string]string{"ifcfg-bond0": "BONDING_OPTS=mode=1\n", "ifcfg-eth0": recipe["ifcfg-eth0"], "ifcfg-wlan0": "ESSID=x\n", "ifcfg-odd": "DEVICE=eth5\n(\n"})
	if s.Bond("bond0") == nil || s.Bond("eth0") != nil || s.Slave("eth0") == nil || s.Slave("wlan0") != nil ||
		s.Other("wlan0") != "d/ifcfg-wlan0" || s.Other("eth9") != "" || !s.Stray("eth5") || !s.Stray("odd") || s.Stray("eth0") {
		t.Errorf("%+v", s)
	}
}

func TestDHCP(t *testing.T) {
	s := set(t, map[string]string{"ifcfg-bond0": "BONDING_OPTS=mode=1\nBOOTPROTO=dhcp\nGATEWAY=10.0.0.1\n", "ifcfg-eth0": recipe["ifcfg-eth0"]})
	w := machine()
	w.DHCP = nil
	check(t, told(s.Up([]string{"bond0"}, w, Rules{})), "mistake: d/ifcfg-bond0:2: BOOTPROTO=dhcp: no DHCP client is installed (dhclient, dhcpcd or udhcpc)\n")
	w = running()
	check(t, told(s.Up([]string{"bond0"}, w, Rules{})), "note: d/ifcfg-bond0:3: GATEWAY: without effect with BOOTPROTO=dhcp\n")
}

func TestUnreadable(t *testing.T) {
	if _, err := Read(fstest.MapFS{"x": &fstest.MapFile{Mode: fs.ModeDir}}, "d", nil, noModules{}); err != nil {
		t.Error(err)
	}
	big := fstest.MapFS{"ifcfg-big": &fstest.MapFile{Data: make([]byte, maxFile+1)}}
	if _, err := Read(big, "d", nil, noModules{}); err == nil || err.Error() != "d/ifcfg-big: is too large to be an interface file" {
		t.Error(err)
	}
}

// Reload makes a bond anew where it has to, and otherwise changes what differs.
func TestReload(t *testing.T) {
	check(t, told(set(t, recipe).Reload(nil, running(), Rules{})), "")
	w := running()
	w.Bonds[0].Settings["mode"] = "balance-rr"
	check(t, told(set(t, recipe).Reload(nil, w, Rules{})), `dhclient -r bond0
		tapbond ip link del bond0
		tapbond ip link add bond0 type bond mode active-backup miimon 100 primary eth0
		tapbond ip link set bond0 mtu 1400
		tapbond ip link set eth0 master bond0
		tapbond ip link set eth1 master bond0
		tapbond ip link set eth1 type bond_slave queue_id 2
		tapbond ip link set bond0 up
		tapbond ip link set bond0 type bond active_slave eth1
		tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
		tapbond ip route replace default via 10.1.1.1 dev bond0
	`)
	w = running()
	w.Bonds[0].Slaves = append(w.Bonds[0].Slaves, SlaveNow{Name: "eth2"})
	b := w.link("bond0")
	b.Addrs = append(b.Addrs, netip.MustParsePrefix("10.1.1.77/24"), netip.MustParsePrefix("2001:db8::5/64"))
	b.Passing = b.Addrs[2:]
	check(t, told(set(t, recipe).Reload([]string{"bond0"}, w, Rules{})), `tapbond ip link set eth2 nomaster
		tapbond ip addr del 10.1.1.77/24 dev bond0
		tapbond ip addr add 10.1.1.28/24 broadcast + dev bond0
		tapbond ip route replace default via 10.1.1.1 dev bond0
	`)
}

// Restart judges everything before it removes anything.
func TestRestart(t *testing.T) {
	w := running()
	got := told(set(t, recipe).Restart(nil, w, Rules{}))
	if !strings.HasPrefix(got, "dhclient -r bond0\ntapbond ip link del bond0\ntapbond ip link add bond0 type bond mode active-backup") || strings.Contains(got, "eth0 down") {
		t.Error(got)
	}
	files := maps.Clone(recipe)
	files["ifcfg-bond0"] = strings.ReplaceAll(files["ifcfg-bond0"], "mode=1", "mode=9")
	if got := told(set(t, files).Restart(nil, w, Rules{})); !strings.HasPrefix(got, "mistake: d/ifcfg-bond0:6: mode=9") || strings.Contains(got, "tapbond") {
		t.Error(got)
	}
}

// With a running bond the files of slaves are enough.
func TestUpOnlySlaves(t *testing.T) {
	w := running()
	w.Bonds[0].Slaves = w.Bonds[0].Slaves[:1]
	files := map[string]string{"ifcfg-eth0": recipe["ifcfg-eth0"], "ifcfg-eth1": recipe["ifcfg-eth1"]}
	check(t, told(set(t, files).UpAll(w, Rules{})), `tapbond ip link set eth1 down
		tapbond ip link set eth1 master bond0
	`)
	check(t, told(set(t, files).UpAll(running(), Rules{})), "")
	check(t, told(set(t, files).UpAll(machine(), Rules{})), "mistake: d/ifcfg-eth0:2: MASTER=bond0: there is no d/ifcfg-bond0\nmistake: d/ifcfg-eth1:2: MASTER=bond0: there is no d/ifcfg-bond0\n")
}

// What can't be had is a warning, and with strict rules a mistake.
func TestStrict(t *testing.T) {
	files := map[string]string{"ifcfg-bond0": "BONDING_OPTS=\"mode=0 lacp_rate=1\"\n", "ifcfg-eth0": recipe["ifcfg-eth0"]}
	if got := told(set(t, files).UpAll(machine(), Rules{})); !strings.HasPrefix(got, "warning: d/ifcfg-bond0:1: lacp_rate=1: without effect") || !strings.Contains(got, "mode balance-rr") {
		t.Error(got)
	}
	if got := told(set(t, files).UpAll(machine(), Rules{Strict: true})); !strings.HasPrefix(got, "mistake: d/ifcfg-bond0:1: lacp_rate=1") || strings.Contains(got, "tapbond") {
		t.Error(got)
	}
}
