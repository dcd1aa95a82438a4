package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/internal/labtest"
)

// Recipes made for the kernel's module, unchanged: a folder of links in front of
// PATH makes modprobe, ifenslave, rmmod and ip ours, ifconfig is the system's.

// cookbook is a lab whose host A runs them.
type cookbook struct {
	bed
	links string // the folder of links
	etc   string // what is /etc there
	env   []string
	was   map[string]netlink.LinkAttrs // the NICs before
}

func cook(t *testing.T, topology lab.Topology) *cookbook {
	t.Helper()
	if _, err := exec.LookPath("ifconfig"); err != nil {
		labtest.Lack(t, "ifconfig (net-tools)")
	}
	c := &cookbook{bed: *newBed(t, topology), links: t.TempDir(), etc: t.TempDir()}
	c.must(c.host.QuietIPv6())
	if out, err := exec.Command(binary, "links", c.links).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := t.TempDir()
	c.env = append(os.Environ(), "PATH="+c.links+":"+os.Getenv("PATH")+":/usr/sbin:/sbin", "TAPBOND_RUN="+run, "LC_ALL=C")
	c.was = c.nics()
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(run + "/*/daemon.log")
			for _, l := range logs {
				text, _ := os.ReadFile(l)
				t.Logf("%s:\n%s", l, text)
			}
		}
		cmd := c.host.Command(context.Background(), binary, "rmmod", "bonding")
		cmd.Env = c.env
		_ = cmd.Run() // a test that went through has nothing left
	})
	return c
}

// file writes a file of /etc.
func (c *cookbook) file(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.etc, name)
	c.must(os.MkdirAll(filepath.Dir(path), 0o755))
	c.must(os.WriteFile(path, []byte(text), 0o644))
}

// try runs lines of shell in A.
func (c *cookbook) try(script string) (string, error) {
	const own = `mount --bind "$0" /etc; `
	cmd := c.host.Command(c.t.Context(), "unshare", "-m", "sh", "-ec", own+script, c.etc)
	cmd.Env = c.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (c *cookbook) sh(script string) string {
	c.t.Helper()
	out, err := c.try(script)
	if err != nil {
		c.t.Fatalf("%s\n%v\n%s", strings.TrimSpace(script), err, out)
	}
	return out
}

// fails runs lines that must fail with a status, and returns what they said.
func (c *cookbook) fails(script string, status int) string {
	c.t.Helper()
	out, err := c.try(script)
	exit, _ := err.(*exec.ExitError)
	if exit == nil || exit.ExitCode() != status {
		c.t.Errorf("%s: %v, want status %d\n%s", script, err, status, out)
	}
	return out
}

func (c *cookbook) nics() map[string]netlink.LinkAttrs {
	c.t.Helper()
	out := map[string]netlink.LinkAttrs{}
	for _, k := range c.lab.Links() {
		l, err := c.host.Handle.LinkByName(k.Slave())
		c.must(err)
		a := l.Attrs()
		out[a.Name] = netlink.LinkAttrs{
			Name: a.Name, HardwareAddr: a.HardwareAddr, MTU: a.MTU, RawFlags: a.RawFlags, Promisc: a.Promisc, Allmulti: a.Allmulti,
			MasterIndex: a.MasterIndex, TxQLen: a.TxQLen,
		}
	}
	return out
}

// done fails unless A is as it was: no bond, the NICs as they were, and no
// process of ours.
func (c *cookbook) done() {
	c.t.Helper()
	links, err := c.host.Handle.LinkList()
	c.must(err)
	for _, l := range links {
		if l.Type() == "tun" || l.Type() == "tuntap" {
			c.t.Errorf("%s is left behind", l.Attrs().Name)
		}
	}
	if d := cmp.Diff(c.was, c.nics()); d != "" {
		c.t.Errorf("the NICs (-before +after):\n%s", d)
	}
	for _, k := range c.lab.Links() {
		if out := c.sh("tc qdisc show dev " + k.Slave()); strings.Contains(out, "clsact") {
			c.t.Errorf("%s: filters are left: %s", k.Slave(), out)
		}
	}
	deadline := time.Now().Add(10 * time.Second)
	for pids := []int{0}; len(pids) > 0; {
		pids, err = c.host.Processes()
		c.must(err)
		if time.Now().After(deadline) {
			c.t.Fatalf("processes are left: %v", pids)
		}
		<-time.After(20 * time.Millisecond) // a look at all of /proc is not cheap
	}
}

// address gives host B an address in the recipe's network.
func (c *cookbook) address(prefix string) {
	c.t.Helper()
	c.must(c.lab.B.Assign("eth0", netip.MustParsePrefix(prefix)))
}

func contains(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("missing %q in\n%s", w, text)
		}
	}
}

const pinged = "ping -q -c 10 -i 0.02 -w 10 "

func TestRecipeRoundRobin(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 2})
	c.address("10.1.1.29/24")
	c.sh(`
modprobe bonding mode=0 miimon=100
ifconfig bond0 10.1.1.28 netmask 255.255.255.0 up
ifenslave bond0 eth0 eth1
` + pinged + "10.1.1.29")
	contains(t, c.sh(binary+" proc bond0"), "Bonding Mode: load balancing (round-robin)", "MII Status: up\nMII Polling Interval (ms): 100", "Slave Interface: eth0\nMII Status: up", "Slave Interface: eth1\nMII Status: up")
	contains(t, c.sh("ifconfig bond0"), "inet 10.1.1.28", "netmask 255.255.255.0", "RUNNING")

	// Both slaves receive while another host sends.
	was := []int{c.received("eth0"), c.received("eth1")}
	out, err := c.lab.B.Command(t.Context(), "ping", "-q", "-c", "40", "-i", "0.01", "-w", "10", "10.1.1.28").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, eth := range []string{"eth0", "eth1"} {
		if got := c.received(eth) - was[i]; got < 5 {
			t.Errorf("%s: RX packets grew by %d of 40", eth, got)
		}
	}
	c.sh(`
ifenslave -d bond0 eth0 eth1
ifconfig bond0 down
rmmod bonding
`)
	c.done()
}

// received is RX packets as ifconfig shows it.
func (c *cookbook) received(eth string) int {
	c.t.Helper()
	m := regexp.MustCompile(`RX packets (\d+)`).FindStringSubmatch(c.sh("ifconfig " + eth))
	if m == nil {
		c.t.Fatalf("%s: ifconfig shows no RX packets", eth)
	}
	n, err := strconv.Atoi(m[1])
	c.must(err)
	return n
}

// The options stand in a file; whichever of the two names is asked for, bond0
// gets them.
func TestRecipeOptionsByAlias(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"bond0": "modprobe.conf", "bonding": "modprobe.d/bonding.conf"} {
		t.Run(name, func(t *testing.T) {
			waits(t)
			c := cook(t, lab.Topology{Slaves: 2})
			c.address("192.168.1.1/24")
			c.file(file, "# bonding\nalias bond0 bonding\noptions bond0 miimon=100 mode=1\n")
			c.sh("modprobe " + name + `
ifconfig bond0 192.168.1.20 netmask 255.255.255.0 up
ifenslave bond0 eth0 eth1
` + pinged + "192.168.1.1")
			proc := c.sh(binary + " proc bond0")
			contains(t, proc, "Bonding Mode: fault-tolerance (active-backup)", "Primary Slave: None", "Currently Active Slave: eth0",
				"MII Polling Interval (ms): 100", "Permanent HW addr: "+c.macs(0).String(), "Permanent HW addr: "+c.macs(1).String())
			// ifenslave -c
			c.sh("ifenslave -c bond0 eth1\n" + pinged + "192.168.1.1")
			contains(t, c.sh(binary+" proc bond0"), "Currently Active Slave: eth1")
			c.sh("modprobe -r bonding")
			c.done()
		})
	}
}

func TestRecipeARPMonitoring(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 2, Switch: lab.PerSlaveSwitch})
	c.address("192.168.1.1/24")
	c.sh(`
modprobe bonding arp_interval=100 arp_ip_target=192.168.1.1 mode=active-backup primary=eth0
ifconfig bond0 192.168.1.20 netmask 255.255.255.0 up
ifenslave bond0 eth0 eth1
` + pinged + "192.168.1.1")
	contains(t, c.sh(binary+" proc bond0"), "Primary Slave: eth0 (primary_reselect always)", "Currently Active Slave: eth0",
		"ARP Polling Interval (ms): 100", "ARP IP target/s (n.n.n.n form): 192.168.1.1")
	_, err := c.lab.Link(0).Carrier(false)
	c.must(err)
	c.await("Currently Active Slave: eth1")
	c.sh(pinged + "192.168.1.1")
	_, err = c.lab.Link(0).Carrier(true)
	c.must(err)
	c.await("Currently Active Slave: eth0")
	c.sh(pinged + "192.168.1.1\nifenslave -d bond0 eth0 eth1\nifconfig bond0 down\nrmmod bonding")
	c.done()
}

// await waits for a line of the driver's file.
func (c *cookbook) await(line string) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		text := c.sh(binary + " proc bond0")
		if strings.Contains(text, line) {
			return
		}
		if time.Now().After(deadline) {
			c.t.Fatalf("no %q in\n%s", line, text)
		}
	}
}

func TestRecipeMaxBonds(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 3})
	c.sh("modprobe bonding mode=1 miimon=100 max_bonds=3")
	for i := range 3 {
		c.address(fmt.Sprintf("10.1.%d.29/24", i+1))
		c.sh(fmt.Sprintf("ifconfig bond%d 10.1.%d.28 netmask 255.255.255.0 up\nifenslave bond%d eth%d\n"+pinged+"10.1.%d.29", i, i+1, i, i, i+1))
	}
	contains(t, c.sh("ip -br link show type bond"), "bond0", "bond1", "bond2")
	// One that comes later begins with the module's parameters.
	contains(t, c.sh("ip link add later type bond; ip -d link show later"), "bond mode active-backup miimon 100 ")
	// rmmod with all of them up and in use.
	c.sh("rmmod bonding")
	c.done()
}

// The kernel loads the module with the first bond, and so with the options of
// modprobe's configuration.
func TestFirstBondHasModprobesOptions(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 1})
	c.file("modprobe.d/bonding.conf", "options bonding mode=1 miimon=250 max_bonds=4\n")
	out := c.sh("ip link add bond5 type bond; ip link add bond6 type bond miimon 50; ip -d link show bond5; ip -d link show bond6; ip -br link show type bond | wc -l")
	contains(t, out, "bond mode active-backup miimon 250 ", "bond mode active-backup miimon 50 ")
	if !strings.HasSuffix(out, "\n2\n") {
		t.Errorf("not two bonds: %s", out)
	}
	c.sh("ip link del bond5; ip link del bond6")
	c.done() // and the daemon ends with the last
	// What can't be is no reason to have no bond.
	c.file("modprobe.d/bonding.conf", "options bonding mode=9\n")
	contains(t, c.sh("ip link add bond5 type bond; ip -d link show bond5; cat $TAPBOND_RUN/*/daemon.log"), "bond mode balance-rr miimon 0 ", `modprobe's options for bonding have no effect: bonding: Error: Invalid bonding mode \"9\"`)
	c.sh("rmmod bonding")
	c.done()
}

// A loaded module without a bond stays, in another daemon too.
func TestModuleWithoutBonds(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 1})
	c.sh("modprobe bonding max_bonds=0 mode=5")
	pids, err := c.host.Processes()
	c.must(err)
	if len(pids) != 1 {
		t.Fatalf("processes: %v", pids)
	}
	if out := c.sh(binary + " show"); out != "no bonds; the module is loaded, bonds begin with max_bonds=0 mode=5\n" {
		t.Errorf("show: %s", out)
	}
	c.sh(fmt.Sprintf("kill -9 %d", pids[0]))
	contains(t, c.sh("ip link add bond0 type bond; ip -d link show bond0"), "bond mode balance-tlb miimon 100 ")
	c.sh("rmmod bonding")
	c.done()

	c.sh("modprobe bonding max_bonds=0")
	if pids, err = c.host.Processes(); err != nil || len(pids) != 1 {
		t.Fatalf("processes: %v, %v", pids, err)
	}
	c.sh(fmt.Sprintf("kill -9 %d", pids[0]))
	contains(t, c.sh(binary+" cleanup; "+binary+" cleanup"), "module bonding: unloaded\nnothing to undo\n")
	c.done()
}

// An rmmod that is killed halfway leaves the module loaded with its parameters,
// and the next one goes on; the daemon killed under it is followed by another.
func TestRmmodInterrupted(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 1})
	const bonds = 12
	load := fmt.Sprintf("modprobe bonding max_bonds=%d mode=1 miimon=50; ip link set eth0 down master bond%d", bonds, bonds-1)

	left := 0
	for tries := 0; left == 0; tries++ {
		if tries == 10 {
			t.Fatal("it is never caught halfway")
		}
		c.sh(load)
		since := " --since " + time.Now().Format(time.RFC3339Nano) // of earlier rounds there are such events, too
		rmmod := c.rmmod(bonds)
		c.must(rmmod.Process.Kill())
		_ = rmmod.Wait()
		for deadline := time.Now().Add(10 * time.Second); ; pause(t, askAgain) {
			left = c.bonds()
			if left == 0 || strings.Contains(c.sh(binary+" events"+since), "bonding: unloading was not finished, it is loaded as before (") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d bonds are left, and nothing says so", left)
			}
		}
	}
	contains(t, c.sh("ip link add late type bond; ip -d link show late"), "bond mode active-backup miimon 50 ")
	c.fails("modprobe --first-time bonding mode=4", 1)
	c.sh("rmmod bonding")
	c.fails("rmmod bonding", 1)
	c.done()

	c.sh(load)
	pids, err := c.host.Processes()
	if err != nil || len(pids) != 1 {
		t.Fatalf("processes: %v, %v", pids, err)
	}
	rmmod := c.rmmod(bonds)
	c.must(unix.Kill(pids[0], unix.SIGKILL))
	if err := rmmod.Wait(); err != nil {
		t.Errorf("rmmod, its daemon killed: %v", err)
	}
	c.done()
}

// rmmod begins one, and returns when it is at work.
func (c *cookbook) rmmod(bonds int) *lab.Cmd {
	c.t.Helper()
	cmd := c.host.Command(c.t.Context(), binary, "rmmod", "bonding")
	cmd.Env = c.env
	c.must(cmd.Start())
	for deadline := time.Now().Add(10 * time.Second); c.bonds() == bonds; {
		if time.Now().After(deadline) {
			c.t.Fatal("no bond is removed")
		}
	}
	return cmd
}

// bonds is how many TAPs there are.
func (c *cookbook) bonds() int {
	c.t.Helper()
	links, err := c.host.Handle.LinkList()
	c.must(err)
	n := 0
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Name, "bond") {
			n++
		}
	}
	return n
}

// unguarded is what -v says of systemd's file, on machines that have it.
var unguarded = regexp.MustCompile(`(?m)^modprobe: .*/systemd\.conf:.*\n`)

// What the commands answer, and their statuses; modprobe's own where there is
// one are those of kmod 30.
func TestModuleCommandsAnswers(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 2})
	c.file("modprobe.d/bonding.conf", "alias bond0 bonding\nalias bond1 bonding\noptions bonding miimon=200\noptions bond1 mode=6\n")
	for script, want := range map[string]string{
		"rmmod bonding":                          "rmmod: ERROR: Module bonding is not currently loaded\n",
		"modprobe -r --first-time bonding":       "modprobe: FATAL: Module bonding is not in kernel.\n",
		"modprobe bonding mode=9":                "modprobe: ERROR: could not insert 'bonding': Invalid argument\nbonding: Error: Invalid bonding mode \"9\"\n",
		"modprobe bonding max_bonds=99999999999": "modprobe: ERROR: could not insert 'bonding': Numerical result out of range\nbonding: `99999999999' invalid for parameter `max_bonds'\n",
		"insmod ./bonding.ko mode=9":             "insmod: ERROR: could not insert module ./bonding.ko: Invalid parameters\nbonding: Error: Invalid bonding mode \"9\"\n",
	} {
		if out := c.fails(script, 1); out != want {
			t.Errorf("%s:\n got %q\nwant %q", script, out, want)
		}
	}
	for _, step := range []struct{ script, want string }{
		{"modprobe -r bonding", ""},
		{"modprobe -n -v bonding mode=1", "insmod bonding.ko miimon=200 mode=1\n"},
		{"modprobe -R bond0", "bonding\n"},
		{"modprobe -v bonding mode=1", "insmod bonding.ko miimon=200 mode=1\nbonding: MII link monitoring set to 200 ms\n"},
		{"modprobe bonding mode=9", ""}, // loaded: nothing is looked at
		{"modprobe bond0", ""},
		{"modprobe bond1; ip -d link show bond1 | grep -o 'bond mode .* updelay'", "bond mode balance-alb miimon 200 updelay\n"},
		{"modprobe -rv bonding", "rmmod bonding\n"},
		{"insmod bonding.ko max_bonds=1; ip -d link show bond0 | grep -o 'bond mode .* updelay'", "bond mode balance-rr miimon 0 updelay\n"},
	} {
		if out := unguarded.ReplaceAllString(c.sh(step.script), ""); out != step.want {
			t.Errorf("%s:\n got %q\nwant %q", step.script, out, step.want)
		}
	}
	for script, want := range map[string]string{
		"modprobe --first-time bonding": "modprobe: ERROR: could not insert 'bonding': Module already in kernel\n",
		"insmod bonding.ko":             "insmod: ERROR: could not insert module bonding.ko: File exists\n",
	} {
		if out := c.fails(script, 1); out != want {
			t.Errorf("%s:\n got %q\nwant %q", script, out, want)
		}
	}
	c.sh("rmmod bonding.ko")
	root := t.TempDir()
	c.must(os.MkdirAll(filepath.Join(root, "etc/modprobe.d"), 0o755))
	c.must(os.WriteFile(filepath.Join(root, "etc/modprobe.d/x.conf"), []byte("options bonding mode=6\n"), 0o644))
	if out := c.sh(binary + " modprobe --root " + root + " -D bonding"); out != "insmod bonding.ko mode=6\n" {
		t.Errorf("--root: %s", out)
	}

	// A mistake in a file is told with its place, and nothing is done.
	c.file("modprobe.d/bonding.conf", "alias bond0 bonding\noptions bonding \\\n mode=fast\n")
	if out := c.fails("modprobe bond0", 1); !strings.HasSuffix(out, "bonding: Error: Invalid bonding mode \"fast\" (/etc/modprobe.d/bonding.conf:3)\n") {
		t.Errorf("a bad value: %s", out)
	}
	c.file("modprobe.d/bonding.conf", "alias bond0 bonding\noptions bond0 mode = 1\n")
	if out := c.fails("modprobe bonding", 1); out != "modprobe: ERROR: /etc/modprobe.d/bonding.conf:2: options bond0: \"mode\": want NAME=VALUE, without blanks\n" {
		t.Errorf("a bad line: %s", out)
	}
	c.done()
}

func TestIfenslaveAnswers(t *testing.T) {
	waits(t)
	c := cook(t, lab.Topology{Slaves: 2, SlavesUp: true})
	c.fails("ifenslave bond0 eth0", 1)
	c.sh("modprobe bonding mode=1 miimon=100")
	for _, step := range []struct {
		script string
		status int
		want   string
	}{
		{"ifenslave bond0 eth0", 1, "Illegal operation; the specified master interface 'bond0' is not up.\n"},
		{"ifconfig bond0 up; ifenslave eth0 eth1", 1, "Illegal operation; the specified interface 'eth0' is not a master. Aborting\n"},
		{"ifenslave bond0 eth7", 19, "Slave 'eth7': Error: get settings failed: No such device. Skipping\n"},
		{"ifenslave -d bond0 eth7", 255, "Slave 'eth7': Error: get flags failed. Skipping\n"},
		{"ifenslave -d bond0 eth0", 1, "Illegal operation: The specified slave interface 'eth0' is not a slave\nMaster 'bond0', Slave 'eth0': Error: Release failed\n"},
		{"ifenslave -c bond0 eth0", 1, "Illegal operation: The specified slave interface 'eth0' is not a slave\nMaster 'bond0', Slave 'eth0': Error: Change active failed\n"},
		// One that won't do doesn't keep the others out. The NICs are up, with an address.
		{"ifconfig eth0 10.9.9.9 up; ifenslave bond0 eth0 eth7 eth1", 19, "Slave 'eth7': Error: get settings failed: No such device. Skipping\n"},
		{"ifenslave bond0 eth0", 1, "Illegal operation: The specified slave interface 'eth0' is already a slave\nMaster 'bond0', Slave 'eth0': Error: Enslave failed\n"},
	} {
		if out := c.fails(step.script, step.status); out != step.want {
			t.Errorf("%s:\n got %q\nwant %q", step.script, out, step.want)
		}
	}
	contains(t, c.fails("ifenslave -d bond0", 2), "Usage: ifenslave")
	contains(t, c.fails("ifenslave -c -d bond0 eth0", 2), "exclude each other", "Usage: ifenslave")
	contains(t, c.fails("ifenslave -x bond0 eth0", 2), "invalid option -- 'x'")
	contains(t, c.sh("ifenslave -h"), "Usage: ifenslave", "modprobe bonding mode=1 miimon=100")
	contains(t, c.sh("ifenslave --version"), "ifenslave: tapbond ")
	contains(t, c.sh("ifenslave bond0"), "bond0: up, master, mode active-backup, slaves eth0 (active, up) eth1 (backup, up), address ")
	contains(t, c.sh("ifenslave -a"), "lo: ", "eth1: up, slave of bond0, ")
	if out := c.sh("ip -4 addr show dev eth0"); strings.Contains(out, "10.9.9.9") {
		t.Errorf("the slave has its address still: %s", out)
	}
	contains(t, c.sh("ifenslave -v -d bond0 eth1"), "Master 'bond0', Slave 'eth1': released")
	contains(t, c.sh(binary+" proc bond0"), "Slave Interface: eth0")
	c.sh("rmmod bonding")
	// Found up, they are left down, as by the kernel.
	for name, a := range c.was {
		a.RawFlags = c.nics()[name].RawFlags
		if a.RawFlags&1 != 0 {
			t.Errorf("%s is left up", name)
		}
		c.was[name] = a
	}
	c.done()
}
