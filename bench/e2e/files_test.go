package e2e

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

// recipes are those of the kernel's documentation of bonding by its files, each
// step as it stands there but for what is in front of the path.
const recipes = `set -e
net=$P/sys/class/net
says() { test "$(cat $net/$1)" = "$2" || { echo "$1 reads $(cat $net/$1), not $2"; exit 1; }; }
refuses() { ! (echo "$1" > $net/$2) 2>/dev/null || { echo "$2 takes $1"; exit 1; }; }

# Bonds come and go; nothing serves them before the first.
echo +bond0 > $net/bonding_masters
echo +bond7 > $net/bonding_masters
says bonding_masters "bond0 bond7"
refuses +bond7 bonding_masters
echo -bond7 > $net/bonding_masters
refuses -bond7 bonding_masters
refuses bond7 bonding_masters
says bonding_masters bond0

# Slaves, options.
echo +eth0 > $net/bond0/bonding/slaves
echo -eth0 > $net/bond0/bonding/slaves
says bond0/bonding/slaves ""
echo balance-alb > $net/bond0/bonding/mode
echo 6 > $net/bond0/bonding/mode
says bond0/bonding/mode "balance-alb 6"
echo 1 > $net/bond0/bonding/mode
echo 1000 > $net/bond0/bonding/arp_interval
echo +192.168.0.100 > $net/bond0/bonding/arp_ip_target
echo +192.168.0.101 > $net/bond0/bonding/arp_ip_target
echo -192.168.0.100 > $net/bond0/bonding/arp_ip_target
says bond0/bonding/arp_ip_target 192.168.0.101
echo -192.168.0.101 > $net/bond0/bonding/arp_ip_target
echo 0 > $net/bond0/bonding/arp_interval

# A working bond.
echo balance-alb > $net/bond0/bonding/mode
nsenter --net=/run/netns/$NS ip addr add 10.1.0.9/24 dev bond0
nsenter --net=/run/netns/$NS ip link set bond0 up
echo 100 > $net/bond0/bonding/miimon
echo +eth0 > $net/bond0/bonding/slaves
echo +eth1 > $net/bond0/bonding/slaves
says bond0/bonding/slaves "eth0 eth1"
refuses +eth1 bond0/bonding/slaves
refuses broadcast bond0/bonding/mode
nsenter --net=/run/netns/$NS ping -q -c 1 -W 5 10.1.0.1 >/dev/null
grep -q "^Slave Interface: eth1$" $P/proc/net/bonding/bond0

# Roles, queues.
echo eth1 > $net/bond0/bonding/primary
echo eth1 > $net/bond0/bonding/active_slave
says bond0/bonding/active_slave eth1
echo "" > $net/bond0/bonding/primary
says bond0/bonding/primary ""
echo "eth1:2" > $net/bond0/bonding/queue_id
says bond0/bonding/queue_id "eth0:0 eth1:2"
says eth1/bonding_slave/queue_id 2

# By other means than echo and cat.
echo 50 | tee $net/bond0/bonding/miimon >/dev/null
printf 70 >> $net/bond0/bonding/miimon
read -r now < $net/bond0/bonding/miimon; test $now = 70
test "$(dd if=$net/bond0/bonding/slaves bs=1 2>/dev/null)" = "eth0 eth1"
test "$(grep -rl balance-alb $net/bond0/bonding)" = $net/bond0/bonding/mode
test "$(ls -l $net/bond0/bonding/mode | cut -c1-10)" = -rw-r--r--
echo 1400 > $net/bond0/mtu
says eth0/mtu 1400
refuses up bond0/bonding/mii_status
refuses x bond0/bonding/new
! rm $net/bond0/bonding/mode 2>/dev/null
su nobody -s /bin/sh -c "cat $net/bond0/bonding/mode" | grep -q balance-alb
! su nobody -s /bin/sh -c "echo 0 > $net/bond0/bonding/miimon" 2>/dev/null

# As programs walk them: class/net has links into devices, which lead to each other.
test "$(readlink $net/bond0)" = ../../devices/virtual/net/bond0
test "$(cd $net && find . -maxdepth 1 -type l | sort | tr '\n' ' ')" = "./bond0 ./eth0 ./eth1 ./lo "
test "$(readlink -f $net/bond0/lower_eth1)" = "$(readlink -f $net/eth1)"
test "$(basename "$(readlink $net/eth0/master)")" = bond0
test "$(readlink -f $net/eth0/upper_bond0)" = $P/sys/devices/virtual/net/bond0
test "$(readlink -f $net/bond0/subsystem)" = $net
ls -l $net | grep -q virtual/net/bond0
test "$(cat $P/sys/devices/virtual/net/bond0/bonding/slaves)" = "eth0 eth1"
test "$(cat $net/*/bonding/mode)" = "balance-alb 6"
test "$(find -L $net -maxdepth 2 -name bonding_slave | wc -l)" = 2
grep -q "^bonding " $P/proc/modules
test "$(awk '$1 == "bond0:" { print $3 }' $P/proc/net/dev)" -gt 0

# The end.
nsenter --net=/run/netns/$NS ip link set bond0 down
echo -eth0 > $net/bond0/bonding/slaves
echo -eth1 > $net/bond0/bonding/slaves
echo -bond0 > $net/bonding_masters
! grep -q "^bonding " $P/proc/modules
test -z "$(ls $P/proc/net/bonding)"
test ! -e $net/bond0
`

func TestFilesByTheKernelsRecipes(t *testing.T) {
	waits(t)
	b := newBooth(t)
	m := b.files()
	// nobody must be able to get there: the test's own folders are its user's.
	for dir := filepath.Dir(m.dir); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := b.try("P=" + m.dir + " NS=" + b.ns + "\n" + recipes); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// exporter is Debian's node_exporter, looking at a mount.
type exporter struct {
	t   *testing.T
	url string
}

func startExporter(t *testing.T, sys string) *exporter {
	t.Helper()
	path, err := exec.LookPath("prometheus-node-exporter")
	if err != nil {
		labtest.Lack(t, "prometheus-node-exporter")
	}
	cmd := exec.Command(path, "--path.sysfs="+sys, "--collector.disable-defaults", "--collector.bonding", "--web.listen-address=127.0.0.1:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address := regexp.MustCompile(`address=(127\.0\.0\.1:\d+)`)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return &exporter{t, "http://" + m[1] + "/metrics"}
		}
	}
	t.Fatal("node_exporter doesn't tell where it listens")
	return nil
}

// bonding is what it tells of bonds.
func (e *exporter) bonding() string {
	e.t.Helper()
	resp, err := http.Get(e.url)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^node_bonding_(\w+)\{master="(\w+)"\} (\d+)$`).FindAllStringSubmatch(string(text), -1)
	var all []string
	for _, l := range lines {
		all = append(all, l[2]+" "+l[1]+" "+l[3])
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestFilesForNodeExporter(t *testing.T) {
	waits(t)
	b := newBooth(t)
	e := startExporter(t, b.files().dir+"/sys")
	tells := func(what, want string) {
		t.Helper()
		b.eventually(what, want, e.bonding)
	}
	tells("no daemon", "")
	b.bond("mode active-backup miimon 100")
	tells("up", "bond0 active 2, bond0 slaves 2")
	b.plug(1, "down")
	tells("eth1 down", "bond0 active 1, bond0 slaves 2")
	b.plug(0, "down")
	tells("both down", "bond0 active 0, bond0 slaves 2")
	b.plug(0, "up")
	tells("eth0 back", "bond0 active 1, bond0 slaves 2")
	b.plug(1, "up")
	tells("both back", "bond0 active 2, bond0 slaves 2")
	b.sh("ip -n " + b.ns + " link add bond1 type bond")
	tells("another bond", "bond0 active 2, bond0 slaves 2, bond1 active 0, bond1 slaves 0")
	b.sh("ip -n " + b.ns + " link set eth1 nomaster")
	tells("released", "bond0 active 1, bond0 slaves 1, bond1 active 0, bond1 slaves 0")
	b.sh("ip -n " + b.ns + " link set eth1 down master bond1; ip -n " + b.ns + " link set bond1 up")
	tells("in the other bond", "bond0 active 1, bond0 slaves 1, bond1 active 1, bond1 slaves 1")
	b.sh("ip -n " + b.ns + " link del bond0; ip -n " + b.ns + " link del bond1")
	tells("none", "")
}

// A killed `tapbond fs` costs the bonds nothing, and what it leaves is put right
// by the next.
func TestFilesKilled(t *testing.T) {
	waits(t)
	b := newBooth(t)
	b.bond("mode active-backup miimon 100")
	dir := filepath.Join(t.TempDir(), "a folder")
	first := mountFS(t, b.ns, dir, b.env)
	if out, err := b.try("nsenter --net=/run/netns/" + b.ns + " " + binary + " fs '" + dir + "'"); err == nil || !strings.Contains(out, "device or resource busy") {
		t.Errorf("a second one there: %v %s", err, out)
	}
	held, err := os.Open(first.net("bond0/bonding/mode"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_ = first.cmd.Process.Kill()
	<-first.done
	_ = first.cmd.Wait()
	if _, err := io.ReadAll(held); err == nil {
		t.Error("the old mount answers")
	}
	b.sh("nsenter --net=/run/netns/" + b.ns + " ping -q -c 1 -W 5 10.1.0.1")

	second := mountFS(t, b.ns, dir, b.env)
	if got := second.read("bond0/bonding/slaves"); got != "eth0 eth1\n" {
		t.Errorf("slaves read %q", got)
	}
	// Unmounted by somebody else it ends. A program that another test is about to
	// start has this one's open files for a moment.
	b.eventually("unmounted", "", func() string {
		if err := unix.Unmount(dir, 0); err != nil {
			return err.Error()
		}
		return ""
	})
	second.ended()
	// With files open it ends all the same.
	third := mountFS(t, b.ns, dir, b.env)
	held, err = os.Open(third.net("bond0/bonding/mode"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	_ = third.cmd.Process.Signal(os.Interrupt)
	third.ended()
	if err := os.Remove(dir); err != nil {
		t.Error(err)
	}
}

// The files go on over the end of a daemon and the beginning of the next, and
// nobody hangs with one that hangs.
func TestFilesOverDaemons(t *testing.T) {
	waits(t)
	b := newBooth(t)
	b.bond("mode active-backup miimon 100")
	m := b.files()
	mode, err := os.Open(m.net("bond0/bonding/mode"))
	if err != nil {
		t.Fatal(err)
	}
	defer mode.Close()
	daemon := b.server()
	_ = unix.Kill(daemon, unix.SIGSTOP) // its threads stop soon
	b.eventually("read of a stopped daemon's bond", unix.ETIMEDOUT.Error(), func() string {
		_, err := mode.ReadAt(make([]byte, 100), 0)
		if no := (*fs.PathError)(nil); errors.As(err, &no) {
			return no.Err.Error()
		}
		return "an answer"
	})
	_ = unix.Kill(daemon, unix.SIGCONT)
	if _, err := mode.ReadAt(make([]byte, 100), 0); err != nil && err != io.EOF {
		t.Errorf("read after that: %v", err)
	}
	_ = unix.Kill(daemon, unix.SIGKILL)
	b.eventually("killed", "", func() string { return m.read("bonding_masters") })
	if _, err := mode.ReadAt(make([]byte, 100), 0); !errors.Is(err, unix.ENODEV) {
		t.Errorf("read of nobody's bond: %v", err)
	}
	if _, err := os.Lstat(m.net("bond0/bonding")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("bonding: %v", err)
	}
	b.sh("ip -n " + b.ns + " -d link show bond0") // starts the next
	b.eventually("taken over", "bond0\n", func() string { return m.read("bonding_masters") })
	if got := m.write("bond0/bonding/miimon", "50") + m.read("bond0/bonding/miimon"); got != "ok50\n" {
		t.Errorf("miimon: %s", got)
	}
}

// server is the process of the booth's daemon.
func (b *booth) server() int {
	b.t.Helper()
	pids := strings.Fields(b.sh("ip netns pids " + b.ns))
	for _, pid := range pids {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if strings.Contains(string(line), "\x00daemon\x00") {
			n := 0
			for _, c := range pid {
				n = 10*n + int(c-'0')
			}
			return n
		}
	}
	b.t.Fatalf("no daemon among %v", pids)
	return 0
}

// A deleted namespace isn't kept alive by who shows its files.
func TestFilesOfADeletedNamespace(t *testing.T) {
	waits(t)
	b := newSpaces(t, "x")
	ns := b.ns + "x"
	m := mountFS(t, ns, filepath.Join(t.TempDir(), "files"), b.env)
	if got := m.write("bonding_masters", "+bond3"); got != "ok" {
		t.Errorf("bond3: %s", got)
	}
	b.sh("ip netns del " + ns)
	m.ended()
	b.sh("ip netns add " + ns) // the booth deletes it
}

// The snapshot is what is mounted.
func TestFilesAsSnapshot(t *testing.T) {
	waits(t)
	b := newBooth(t)
	b.bond("mode 802.3ad miimon 100")
	dir := filepath.Join(t.TempDir(), "snapshot")
	snapshot := func() { b.sh("nsenter --net=/run/netns/" + b.ns + " " + binary + " fs --snapshot " + dir) }
	snapshot()
	still := &mounted{t: t, dir: dir}
	live := b.files()
	// Everybody may read a snapshot: what is root's is not in it.
	public := func(m *mounted) string {
		return regexp.MustCompile(`(?m)^(ad_actor_key|ad_partner_key|ad_partner_mac|ad_actor_sys_prio|ad_actor_system|ad_user_port_key):.*$`).
			ReplaceAllString(m.folder("bond0/bonding", ""), "$1: ")
	}
	// LACP has its timers: between two looks something may have changed.
	b.eventually("live -, snapshot +", "", func() string {
		snapshot() // over the one before
		diff := cmp.Diff(public(live), public(still))
		for _, eth := range []string{"eth0", "eth1"} {
			diff += cmp.Diff(live.folder(eth+"/bonding_slave", ""), still.folder("bond0/lower_"+eth+"/bonding_slave", ""))
		}
		return diff
	})
	text, err := os.ReadFile(dir + "/proc/net/bonding/bond0")
	if err != nil || !strings.Contains(string(text), "\n802.3ad info\n") || strings.Contains(string(text), "details actor lacp pdu") {
		t.Errorf("%v\n%s", err, text)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	again := exec.CommandContext(ctx, "nsenter", "--net=/run/netns/"+b.ns, binary, "fs", "--snapshot", dir, "--every", "50ms")
	again.Cancel = func() error { return again.Process.Signal(os.Interrupt) }
	again.Env = b.env
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	b.plug(1, "down")
	b.eventually("written again", "down\n", func() string { return still.read("bond0/lower_eth1/bonding_slave/mii_status") })
	_ = again.Process.Signal(syscall.SIGTERM)
	if err := again.Wait(); err != nil {
		t.Error(err)
	}
}
