package e2e

import (
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bench/lab"
)

// TestRestartAfterChanges: files of an article with remarks behind their values, a
// changed mode, a changed address, a mistake, a slave that can't be had: up, reload,
// restart and down do what `service network restart` would, or nothing.
func TestRestartAfterChanges(t *testing.T) {
	waits(t)
	remark := "NM_CONTROLLED=\"no\" ---\n"
	m := newMachine(t, lab.Topology{Slaves: 2}, map[string]string{
		"ifcfg-bond0": bondFile + "GATEWAY=10.99.0.2\n" + remark + "MASTER=yes 《---\nBONDING_OPTS=\"mode=1 miimon=100\"\n",
		"ifcfg-eth0":  slaveFile("eth0") + remark, "ifcfg-eth1": slaveFile("eth1") + remark,
	})
	before := m.network()
	file := "$FROM/ifcfg-bond0"
	run := func(line, want string) {
		t.Helper()
		if out := m.ok(line); !strings.Contains(out, want) {
			t.Errorf("%s: %q isn't in\n%s", line, want, out)
		}
	}
	run("tapbond up --from $FROM", "bond0 is up with eth0, eth1\n")
	if out := m.ok("tapbond up --from $FROM; tapbond reload --from $FROM"); strings.Count(out, "nothing to do") != 2 || strings.Count(out, "\n") != 2 {
		t.Errorf("an untouched network: %s", out)
	}
	// up changes what can be changed, and says what can't.
	m.ok("sed -i 's/mode=1 miimon=100/mode=6 miimon=50/' " + file)
	if out := m.refused("tapbond up --from $FROM"); !strings.Contains(out, "mode is active-backup and can't become balance-alb while bond0 has slaves") {
		t.Error(out)
	}
	run("tapbond proc bond0", "MII Polling Interval (ms): 50")
	run("tapbond reload --from $FROM; tapbond proc bond0", "Bonding Mode: adaptive load balancing")
	run("sed -i 's/10.99.0.1$/10.99.0.3/' "+file+"; tapbond reload --from $FROM; ip -br addr show bond0; ip route", "10.99.0.3/24")
	run("ip route", "default via 10.99.0.2 dev bond0")
	if out := m.ok("ip -br addr show bond0"); strings.Contains(out, "10.99.0.1/") {
		t.Errorf("the old address is there: %s", out)
	}
	was := m.network()
	// A mistake is found before anything is removed; what fails later is undone.
	m.ok("sed -i 's/mode=6/mode=66/' " + file)
	if out := m.refused("tapbond restart --from $FROM"); !strings.Contains(out, "mode=66: invalid value") || m.network() != was {
		t.Error(out)
	}
	m.write("ifcfg-tun0", slaveFile("tun0"))
	m.ok("sed -i 's/mode=66/mode=6/' " + file + "; ip tuntap add tun0 mode tun")
	if out := m.refused("tapbond restart --from $FROM"); !strings.Contains(out, "what was done is undone") {
		t.Error(out)
	}
	m.ok("ip link del tun0; rm $FROM/ifcfg-tun0")
	for _, want := range []string{"Bonding Mode: adaptive load balancing", "Slave Interface: eth0", "Slave Interface: eth1"} {
		run("tapbond proc bond0; ip route", want)
	}
	run("ip route", "default via 10.99.0.2 dev bond0")
	run("tapbond restart --from $FROM", "bond0 is made anew with eth0, eth1\n")
	run("tapbond down --from $FROM; tapbond down --from $FROM", "down: nothing to do: no bond of the files is running\n")
	m.clean()
	if after := m.network(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// TestModprobeThenAdd: the recipe that a kernel's "File exists" breaks.
func TestModprobeThenAdd(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2}, map[string]string{"etc/modprobe.d/b.conf": "# nothing\n"})
	proc := m.ok("tapbond modprobe --root " + m.root + ` bonding
		tapbond ip link add bond0 type bond mode 802.3ad miimon 100
		tapbond ip link set eth0 master bond0; tapbond ip link set eth1 master bond0; ip link set bond0 up
		tapbond proc bond0`)
	for _, want := range []string{"Bonding Mode: IEEE 802.3ad Dynamic link aggregation", "Slave Interface: eth1"} {
		if !strings.Contains(proc, want) {
			t.Errorf("%q isn't in\n%s", want, proc)
		}
	}
	if out := m.refused("tapbond ip link add bond0 type bond mode 1"); !strings.Contains(out, "File exists") {
		t.Error(out)
	}
	m.ok("tapbond rmmod bonding")
	m.clean()
}
