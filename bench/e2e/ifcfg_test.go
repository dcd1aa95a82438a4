package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// machine is a lab's host A with a root of its own for files, and the program
// by its other names.
type machine struct {
	served
	root string
	bin  string
}

// scriptsDir is where RHEL has its files.
const scriptsDir = "etc/sysconfig/network-scripts"

// newMachine builds a lab and lays down files: those without a folder are
// interface files.
func newMachine(t *testing.T, topology lab.Topology, files map[string]string) *machine {
	t.Helper()
	m := &machine{served: served{bed: *newBed(t, topology)}, root: t.TempDir(), bin: t.TempDir()}
	m.must(m.lab.A.QuietIPv6())
	for name, text := range files {
		m.write(name, text)
	}
	for _, name := range []string{"tapbond", "ifup", "ifdown"} {
		m.must(os.Symlink(binary, filepath.Join(m.bin, name)))
	}
	return m
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	if !strings.Contains(name, "/") {
		name = filepath.Join(scriptsDir, name)
	}
	path := filepath.Join(m.root, name)
	m.must(os.MkdirAll(filepath.Dir(path), 0o755))
	m.must(os.WriteFile(path, []byte(text), 0o644))
}

// sh runs a line of shell in the host, the program's names in PATH, $FROM the
// files' folder.
func (m *machine) sh(line string) (string, error) {
	m.t.Helper()
	out, err := m.command(line).CombinedOutput()
	return string(out), err
}

func (m *machine) command(line string) *lab.Cmd {
	cmd := m.lab.A.Command(m.t.Context(), "sh", "-e", "-c", line)
	cmd.Env = append(os.Environ(), "PATH="+m.bin+":"+os.Getenv("PATH"), "FROM="+filepath.Join(m.root, scriptsDir))
	return cmd
}

// begun starts a line of shell.
func (m *machine) begun(line string) (*lab.Cmd, error) {
	cmd := m.command(line)
	return cmd, cmd.Start()
}

func (m *machine) ok(line string) string {
	m.t.Helper()
	out, err := m.sh(line)
	if err != nil {
		m.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// refused runs what must fail, and returns what it said.
func (m *machine) refused(line string) string {
	m.t.Helper()
	out, err := m.sh(line)
	if err == nil {
		m.t.Fatalf("%s: went well\n%s", line, out)
	}
	return out
}

// network is what a user sees of the host's interfaces, without what passes.
func (m *machine) network() string {
	return m.ok(`ip -br link; ip -br addr | sed 's| fe80::[^ ]*||'; ip route; ip -6 route | grep -v '^fe80' || true`)
}

// pings4 exchanges pings with B until all of a round are answered: the switch
// has to learn first.
func (m *machine) pings4() {
	m.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		r, err := traffic.Ping(m.t.Context(), traffic.PingConfig{From: m.lab.A, Src: ends[0][0], Dst: ends[0][1], Count: 10})
		m.must(err)
		if r.Lost == 0 && r.Errors == 0 && r.Corrupted == 0 && r.Duplicated == 0 {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("no working traffic: %s", r)
		}
	}
}

func slaveFile(dev string) string {
	return "DEVICE=" + dev + "\nUSERCTL=no\nONBOOT=yes\nMASTER=bond0\nSLAVE=yes\nBOOTPROTO=none\n"
}

// with adds the two slaves' files to others.
func with(files map[string]string) map[string]string {
	out := map[string]string{"ifcfg-eth0": slaveFile("eth0"), "ifcfg-eth1": slaveFile("eth1")}
	maps.Copy(out, files)
	return out
}

const bondFile = "DEVICE=bond0\nIPADDR=10.99.0.1\nNETWORK=10.99.0.0\nNETMASK=255.255.255.0\nUSERCTL=no\nBOOTPROTO=none\nONBOOT=yes\n"

// TestInterfaceFiles: the files of the articles, ifup, traffic, ifdown, and the
// NICs are as they were.
func TestInterfaceFiles(t *testing.T) {
	t.Parallel()
	recipes := map[string]struct {
		files    map[string]string
		up, down string
		shows    []string // lines of /proc/net/bonding/bond0
	}{
		"RHEL 5, options in modprobe.conf": {
			files: with(map[string]string{"etc/modprobe.conf": "alias bond0 bonding\noptions bond0 miimon=100 mode=1\n", "ifcfg-bond0": bondFile}),
			up:    "ifup --from $FROM bond0", down: "ifdown --from $FROM bond0",
			shows: []string{"Bonding Mode: fault-tolerance (active-backup)", "MII Polling Interval (ms): 100", "Slave Interface: eth0", "Slave Interface: eth1"},
		},
		"RHEL 6, BONDING_OPTS": {
			files: with(map[string]string{"etc/modprobe.d/bonding.conf": "alias bond0 bonding\n", "ifcfg-bond0": bondFile + "NM_CONTROLLED=no\nBONDING_OPTS=\"mode=0 miimon=100\"\n"}),
			up:    "tapbond ifup --from $FROM bond0", down: "tapbond ifdown --from $FROM bond0",
			shows: []string{"Bonding Mode: load balancing (round-robin)", "MII Polling Interval (ms): 100"},
		},
		"CentOS 7, ARP monitor": {
			files: with(map[string]string{"ifcfg-bond0": "TYPE=Bond\nBONDING_MASTER=yes\nNAME=bond0\nDEVICE=bond0\nIPADDR=10.99.0.1\nPREFIX=24\nGATEWAY=10.99.0.2\nBOOTPROTO=none\nONBOOT=yes\n" +
				"BONDING_OPTS='mode=active-backup arp_interval=100 arp_ip_target=+10.99.0.2 primary=eth1'\n"}),
			up: "tapbond up --from $FROM", down: "tapbond ifdown bond0",
			shows: []string{"Primary Slave: eth1 (primary_reselect always)", "Currently Active Slave: eth1", "ARP Polling Interval (ms): 100", "ARP IP target/s (n.n.n.n form): 10.99.0.2"},
		},
		"Debian, interfaces": {
			files: map[string]string{"etc/network/interfaces": "auto bond0\niface bond0 inet static\n  address 10.99.0.1\n  netmask 255.255.255.0\n  bond-slaves eth0 eth1\n  bond-mode active-backup\n  bond-miimon 100\n  bond-primary eth1\n"},
			up:    "tapbond up --from etc/network/interfaces", down: "tapbond ifdown --from etc/network/interfaces bond0",
			shows: []string{"Primary Slave: eth1 (primary_reselect always)", "MII Polling Interval (ms): 100"},
		},
		"RHEL 6, what is printed pasted": {
			files: with(map[string]string{"ifcfg-bond0": bondFile + "BONDING_OPTS=\"mode=6 miimon=100\"\nMTU=1400\n"}),
			up:    "tapbond up --from $FROM --dry-run >plan 2>/dev/null; . ./plan; tapbond up --from $FROM 2>&1 | grep -q 'nothing to do'", down: "ip link show bond0 | grep 'mtu 1400'; tapbond ip link del bond0",
			shows: []string{"Bonding Mode: adaptive load balancing", "MII Polling Interval (ms): 100"},
		},
	}
	for name, c := range recipes {
		t.Run(name, func(t *testing.T) {
			waits(t)
			m := newMachine(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, c.files)
			before := m.network()
			m.ok("cd " + m.root + "; " + c.up)
			proc := m.ok("tapbond proc bond0")
			for _, line := range c.shows {
				if !slices.Contains(strings.Split(proc, "\n"), line) {
					t.Errorf("%q isn't in\n%s", line, proc)
				}
			}
			m.pings4()
			m.ok("cd " + m.root + "; " + c.down)
			m.clean()
			if after := m.network(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
		})
	}
}

// TestIfupOneSlave: a slave's file alone, and a bond that lacks one.
func TestIfupOneSlave(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2, Wire: true, PeerOffloads: true}, with(map[string]string{"ifcfg-bond0": bondFile + "BONDING_OPTS=\"mode=1 miimon=100\"\n"}))
	slaves := func() string { return strings.TrimSpace(m.ok("tapbond file bond0 slaves")) }
	m.ok("ifup --from $FROM eth1")
	if got := slaves(); got != "eth1" {
		t.Errorf("slaves: %s", got)
	}
	m.ok("ifup --from $FROM ifcfg-bond0")
	if got := slaves(); got != "eth1 eth0" {
		t.Errorf("slaves: %s", got)
	}
	m.pings4()
	m.ok("ifdown --from $FROM eth1")
	if got := slaves(); got != "eth0" {
		t.Errorf("slaves: %s", got)
	}
	m.pings4()
	if out := m.ok("ifup --from $FROM bond0; ifup --from $FROM bond0"); !strings.Contains(out, "bond0: nothing to do") {
		t.Error(out)
	}
	m.ok("ifdown --from $FROM bond0; ifdown --from $FROM bond0")
	m.clean()
}

// TestIfupNothingByMistake: every mistake is told with its place, nothing is
// done, and nothing in a file is run.
func TestIfupNothingByMistake(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2}, with(map[string]string{
		"ifcfg-bond0":                 bondFile + "BONDING_OPTS=\"mode=7 miimon=100\"\nGATEWAY=10.98.0.1\n",
		"ifcfg-eth1":                  slaveFile("eth1") + "HWADDR=$(touch RAN)\nTYPE=`touch RAN`\n",
		"etc/modprobe.d/bonding.conf": "alias bond0 bonding\noptions bond0 lacp_rate=sometimes\n",
	}))
	before := m.network()
	for _, line := range []string{"ifup --from $FROM bond0", "ifup --from $FROM --dry-run bond0", "tapbond up --from $FROM"} {
		out := m.refused("cd " + m.root + "; " + line)
		for _, want := range []string{
			"/ifcfg-bond0:8: mode=7: invalid value; accepted: balance-rr (0), active-backup (1),",
			"/ifcfg-bond0:9: GATEWAY=10.98.0.1: is in none of the bond's networks",
			"/ifcfg-eth1:7: HWADDR: holds a command for the shell",
			"/ifcfg-eth1:8: TYPE: holds a command for the shell",
			"/bonding.conf:2: lacp_rate=sometimes: invalid value; accepted: slow (0), fast (1)",
			"nothing is done",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q isn't in\n%s", line, want, out)
			}
		}
	}
	if after := m.network(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if _, err := os.Stat(filepath.Join(m.root, "RAN")); err == nil {
		t.Error("a command in a file was run")
	}
}

// TestIfupUndoes: what fails on the way ends it, and the host is as it was: a NIC
// in use has its addresses and routes again.
func TestIfupUndoes(t *testing.T) {
	for name, c := range map[string]struct {
		files        map[string]string
		prepare, why string
	}{
		"an address that can't be given": {
			files:   map[string]string{"ifcfg-bond0": bondFile + "BONDING_OPTS=\"mode=1 miimon=100\"\nIPV6ADDR=2001:db8::1/64\n"},
			prepare: "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
			why:     "/ifcfg-bond0:9: address 2001:db8::1/64: permission denied",
		},
		"a device that can't be a slave": {
			files:   map[string]string{"ifcfg-bond0": bondFile + "BONDING_OPTS=\"mode=1 miimon=100\"\n", "ifcfg-tun0": slaveFile("tun0")},
			prepare: "ip tuntap add tun0 mode tun",
			why:     "/ifcfg-tun0:1: bond0: (slave tun0): Device type is different from other slaves",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, lab.Topology{Slaves: 2, SlavesUp: true}, with(c.files))
			m.ok(`ip addr add 10.99.0.77/24 dev eth0; ip addr add 192.0.2.1/24 dev eth1; ip route add default via 10.99.0.2; ip route add 198.51.100.0/24 via 192.0.2.9
			      ip addr add 2001:db8:1::1/64 dev eth0 nodad; ip -6 route add default via 2001:db8:1::9; ` + c.prepare)
			before := m.network()
			out := m.refused("ifup --from $FROM bond0")
			for _, want := range []string{c.why, "what was done is undone"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q isn't in\n%s", want, out)
				}
			}
			m.awaitNetwork(before)
		})
	}
}

// awaitNetwork waits until the network is as it was: carriers come when they
// come.
func (m *machine) awaitNetwork(want string) {
	m.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		got := m.network()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("before:\n%s\nafter:\n%s", want, got)
		}
	}
}

// dhclient stands in for the real one: it gives the address that a server would
// have, and tells how it was called.
const dhclient = `#!/bin/sh
echo "$@" >>%s/calls
for dev; do :; done
case " $* " in
*" -r "*) ip addr flush dev $dev;;
*) [ ! -e %[1]s/nobody ] || { echo no lease >&2; exit 2; }
   ip addr add 10.99.0.1/24 dev $dev;;
esac
`

// TestIfupDHCP: the installed client is asked, and told to give back; without an
// answer nothing is left.
func TestIfupDHCP(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2, PeerOffloads: true}, with(map[string]string{
		"ifcfg-bond0": "DEVICE=bond0\nBOOTPROTO=dhcp\nBONDING_OPTS=\"mode=1 miimon=100\"\n",
	}))
	m.must(os.WriteFile(filepath.Join(m.bin, "dhclient"), fmt.Appendf(nil, dhclient, m.bin), 0o755))
	before := m.network()
	m.ok("ifup --from $FROM bond0")
	m.pings4()
	m.ok("ifdown --from $FROM bond0")
	if after := m.network(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	m.must(os.WriteFile(filepath.Join(m.bin, "nobody"), nil, 0o644))
	out := m.refused("ifup --from $FROM bond0")
	if !strings.Contains(out, "/ifcfg-bond0:2: no address by DHCP: dhclient: exit status 2: no lease") || !strings.Contains(out, "what was done is undone") {
		t.Error(out)
	}
	if after := m.network(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	calls, err := os.ReadFile(filepath.Join(m.bin, "calls"))
	m.must(err)
	var how []string
	for line := range strings.Lines(string(calls)) {
		f := strings.Fields(line)
		how = append(how, f[0]+" "+f[len(f)-1])
	}
	if got := strings.Join(how, ", "); got != "-1 bond0, -r bond0, -1 bond0, -r bond0" {
		t.Errorf("dhclient was called: %s", got)
	}
}

// TestIfupOthers: an interface of no bond is the system's own ifup's.
func TestIfupOthers(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2}, with(map[string]string{"ifcfg-bond0": bondFile, "ifcfg-eth5": "DEVICE=eth5\nBOOTPROTO=dhcp\n"}))
	// Whether or not the machine has an ifup, this one sees none.
	out := m.refused("unshare -m sh -c 'for f in /usr/sbin/ifup /sbin/ifup; do [ ! -e $f ] || mount --bind /dev/null $f; done; ifup --from $FROM eth5'")
	if !strings.Contains(out, "ifcfg-eth5 makes neither a bond nor a slave, and there is no other ifup here") {
		t.Error(out)
	}
	other := t.TempDir()
	m.must(os.WriteFile(filepath.Join(other, "ifup"), []byte("#!/bin/sh\necho theirs: $*\n"), 0o755))
	for line, want := range map[string]string{
		"ifup --from $FROM eth5": "theirs: eth5\n", "ifup -a": "theirs: -a\n", "ifup --force eth0": "theirs: --force eth0\n", "ifup wlan0": "theirs: wlan0\n",
	} {
		if out := m.ok("PATH=" + m.bin + ":" + other + ":$PATH; " + line); out != want {
			t.Errorf("%s: %s", line, out)
		}
	}
}

// TestIfupTwoAtOnce: several at a time do one after the other what each would
// alone, and nothing by halves.
func TestIfupTwoAtOnce(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2, PeerOffloads: true}, with(map[string]string{"ifcfg-bond0": bondFile + "BONDING_OPTS=\"mode=1 miimon=100\"\n"}))
	before := m.network()
	for range pick(3, 20) {
		m.atOnce("ifup --from $FROM bond0", "tapbond up --from $FROM", "ifup --from $FROM eth1", "ifup --from $FROM eth0", "ifup --from $FROM bond0")
		if proc := m.ok("tapbond proc bond0"); !strings.Contains(proc, "Slave Interface: eth0\n") || !strings.Contains(proc, "Slave Interface: eth1\n") {
			t.Fatalf("after five times up:\n%s", proc)
		}
		m.pings4()
		m.atOnce("ifdown --from $FROM bond0", "ifdown --from $FROM eth1", "ifdown --from $FROM bond0", "ifdown --from $FROM eth0")
		if after := m.network(); after != before {
			t.Fatalf("before:\n%s\nafter four times down:\n%s", before, after)
		}
	}
	// Up and down: the last one has it.
	for range pick(3, 20) {
		m.atOnce("ifup --from $FROM bond0", "ifdown --from $FROM bond0")
		if strings.Contains(m.ok("tapbond show"), "bond0") {
			m.pings4()
			m.ok("ifdown --from $FROM bond0")
		}
		if after := m.network(); after != before {
			t.Fatalf("before:\n%s\nafter:\n%s", before, after)
		}
	}
	m.clean()
}

// atOnce runs lines of shell at the same time; all must go well.
func (m *machine) atOnce(lines ...string) {
	m.t.Helper()
	outs, errs := make([]string, len(lines)), make([]error, len(lines))
	var all sync.WaitGroup
	for i, line := range lines {
		all.Go(func() { outs[i], errs[i] = m.sh(line) })
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			m.t.Fatalf("%s, beside others: %v\n%s", lines[i], err, outs[i])
		}
	}
}

// slowClient gives an address once it may, and has its own ifup run before.
const slowClient = `#!/bin/sh
for dev; do :; done
case " $* " in
*" -r "*) ip addr flush dev $dev;;
*) ifup --from $FROM eth1 >%[1]s/nested 2>&1 || exit 1
   echo asked >%[1]s/asked
   while [ ! -e %[1]s/go ]; do read x <%[1]s/pipe || true; done
   ip addr add 10.99.0.1/24 dev $dev;;
esac
`

// TestIfdownWaitsForIfup: it says for whom, and then takes away what is whole.
// What ifup itself runs doesn't wait.
func TestIfdownWaitsForIfup(t *testing.T) {
	waits(t)
	m := newMachine(t, lab.Topology{Slaves: 2, PeerOffloads: true}, with(map[string]string{
		"ifcfg-bond0": "DEVICE=bond0\nBOOTPROTO=dhcp\nBONDING_OPTS=\"mode=1 miimon=100\"\n",
	}))
	m.must(os.WriteFile(filepath.Join(m.bin, "dhclient"), fmt.Appendf(nil, slowClient, m.bin), 0o755))
	pipe := filepath.Join(m.bin, "pipe")
	m.must(unix.Mkfifo(pipe, 0o600))
	before := m.network()
	up, err := m.begun("ifup --from $FROM bond0")
	m.must(err)
	m.appears(filepath.Join(m.bin, "asked"), func(text string) bool { return text == "asked\n" })
	if text, err := os.ReadFile(filepath.Join(m.bin, "nested")); err != nil || !strings.Contains(string(text), "eth1: nothing to do: is as the files have it") {
		t.Errorf("the client's own ifup: %v, %s", err, text)
	}
	down, err := m.begun("ifdown --from $FROM bond0 2>" + m.bin + "/said")
	m.must(err)
	want := fmt.Sprintf("bond0: waiting until \"ifup --from %s bond0\" (process ", filepath.Join(m.root, scriptsDir))
	m.appears(filepath.Join(m.bin, "said"), func(text string) bool { return strings.HasPrefix(text, want) && strings.HasSuffix(text, ") is done\n") })
	if proc := m.ok("tapbond proc bond0"); !strings.Contains(proc, "Slave Interface: eth1\n") {
		t.Errorf("meanwhile:\n%s", proc)
	}
	m.must(os.WriteFile(filepath.Join(m.bin, "go"), nil, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte("\n"), 0) }() // until somebody reads
	m.must(up.Wait())
	m.must(down.Wait())
	if after := m.network(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	m.clean()
}

// appears waits for a file's content.
func (m *machine) appears(path string, ok func(string) bool) {
	m.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; pause(m.t, askAgain) {
		text, err := os.ReadFile(path)
		if err == nil && ok(string(text)) {
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("%s has: %s (%v)", path, text, err)
		}
	}
}
