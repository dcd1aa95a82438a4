package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
)

// The folders of testdata/situations hold what a kernel with the bonding module
// (Linux 6.1, ip 6.1) printed in each situation. The tests bring tapbond into
// the same situations with the same commands, and read the same.

// booth is a namespace with eth0 and eth1, whose other ends s0 and s1 are ports
// of a bridge in a second one, and our ip in front of PATH.
type booth struct {
	t      *testing.T
	ns, sw string
	env    []string
	real   string            // the installed ip, for what isn't about bonds: ours is slow to start under the race detector
	expect *strings.Replacer // of what the samples have and we can't
	mount  *mounted
	// patience is how many seconds eventually waits; 0 is 12.
	patience int
	silent   []string // kinds of events that aren't compared, beside ownLines
}

var booths atomic.Int32

// lowerDown: which of the two a veth is whose peer is in another namespace
// depends on the kernel's release, and on the interface indexes.
var lowerDown = []string{"state LOWERLAYERDOWN", "state DOWN"}

func newBooth(t *testing.T) *booth {
	t.Helper()
	b := newCables(t)
	sw := b.real + " -n " + b.sw
	b.sh(sw + " link add br0 address 02:00:00:00:02:00 type bridge")
	for i := range 2 {
		b.sh(fmt.Sprintf("%s link set s%d up master br0", sw, i))
	}
	b.sh(sw + " addr add 10.1.0.1/24 dev br0")
	b.sh(sw + " link set br0 up")
	return b
}

// newCables makes a booth without the bridge.
func newCables(t *testing.T) *booth {
	t.Helper()
	b := newSpaces(t)
	for i := range 2 {
		b.sh(fmt.Sprintf("%s link add eth%d address 02:00:00:00:00:0%d netns %s type veth peer name s%d address 02:00:00:00:01:0%d netns %s", b.real, i, i, b.ns, i, i, b.sw))
		b.sh(fmt.Sprintf("%s -n %s link set s%d up", b.real, b.sw, i))
	}
	return b
}

// newSpaces makes the two namespaces, with nothing in them, and more.
func newSpaces(t *testing.T, more ...string) *booth {
	t.Helper()
	labtest.NeedRoot(t)
	id := fmt.Sprintf("tbk%d-%d", os.Getpid(), booths.Add(1))
	b := &booth{t: t, ns: id, sw: id + "s", expect: strings.NewReplacer(
		lowerDown...,
	)}
	dir := t.TempDir()
	if err := os.Symlink(binary, dir+"/ip"); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.real, err = exec.LookPath("ip"); err != nil {
		labtest.Lack(t, err.Error())
	}
	b.env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	spaces := []string{b.ns, b.sw}
	for _, m := range more {
		spaces = append(spaces, id+m)
	}
	for _, ns := range spaces {
		b.sh(b.real + " netns add " + ns)
		t.Cleanup(func() { b.sh(b.real + " netns del " + ns) })
	}
	return b
}

// daemon starts a daemon in the booth, rather than leave that to the first bond.
func (b *booth) daemon() (stop func()) {
	b.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", b.ns, binary, "daemon")
	var said bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env, &said, &said
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil || strings.Contains(said.String(), "DATA RACE") {
			b.t.Errorf("daemon: %v\n%s", err, said.String())
		}
	}
}

// try runs a command line of the shell.
func (b *booth) try(line string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Env = b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *booth) sh(line string) string {
	b.t.Helper()
	out, err := b.try(line)
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// in runs a command in the booth's namespace.
func (b *booth) in(line string) string {
	b.t.Helper()
	return b.sh(b.real + " netns exec " + b.ns + " " + line)
}

func (b *booth) plug(i int, way string) {
	b.t.Helper()
	b.sh(fmt.Sprintf("%s -n %s link set s%d %s", b.real, b.sw, i, way))
}

// bond makes bond0 as the samples' maker did.
func (b *booth) bond(options string) {
	b.t.Helper()
	b.sh("ip -n " + b.ns + " link add bond0 type bond " + options)
	for i := range 2 {
		b.sh(fmt.Sprintf("ip -n %s link set eth%d down", b.ns, i))
		b.sh(fmt.Sprintf("ip -n %s link set eth%d master bond0", b.ns, i))
	}
	b.sh("ip -n " + b.ns + " addr add 10.1.0.9/24 dev bond0")
	b.sh("ip -n " + b.ns + " link set bond0 up")
}

// eventually waits until got is what is wanted. It asks the less often the
// longer it takes: each question is a process or two.
func (b *booth) eventually(what, want string, got func() string) {
	b.t.Helper()
	patience := time.Duration(cmp.Or(b.patience, 12)) * time.Second
	wait := 20 * time.Millisecond
	is := got()
	for deadline := time.Now().Add(patience); is != want; is = got() {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: want -, got +\n%s", what, gocmp.Diff(strings.Split(want, "\n"), strings.Split(is, "\n")))
		}
		pause(b.t, wait)
		wait = min(wait*3/2, patience/40)
	}
}

// snap compares everything that can be read with a situation. A bond of random
// address has none to compare.
func (b *booth) snap(situation string, diffs ...portDiff) {
	b.t.Helper()
	file := func(name string) string {
		b.t.Helper()
		data, err := os.ReadFile(filepath.Join("testdata/situations", situation, name))
		if err != nil {
			b.t.Fatal(err)
		}
		text := b.expect.Replace(string(data))
		for i := range diffs {
			text = diffs[i].adjust(text)
		}
		return text
	}
	_, wantProc, _ := strings.Cut(file("proc.txt"), "\n") // the first line is the kernel's version
	b.eventually(situation+"/proc", wantProc, func() string {
		_, text, _ := strings.Cut(b.in(binary+" proc bond0"), "\n")
		return text
	})
	if _, err := os.Stat(filepath.Join("testdata/situations", situation, "slaves.txt")); err == nil { // none without slaves, or when they changed meanwhile
		b.eventually(situation+"/slaves", file("slaves.txt"), b.slaveFiles)
	}
	b.eventually(situation+"/sysfs", lines(file("sysfs.txt")), b.sysfs)
	b.eventually(situation+"/device", alike(file("device.txt")), b.files().device)
	b.eventually(situation+"/ethtool", file("ethtool.txt"), b.ethtool)
	links := []string{"bond0", "eth0", "eth1"}
	if !strings.HasPrefix(situation, "empty-") { // one without slaves has an address by chance
		b.eventually(situation+"/addresses", addresses(file("ip.txt")), func() string {
			return addresses(b.sh("ip -n " + b.ns + " link show bond0; ip -n " + b.ns + " link show eth0; ip -n " + b.ns + " link show eth1"))
		})
	}
	b.eventually(situation+"/ip", bondWords(file("ip.txt")), func() string {
		var all string
		for _, l := range links {
			all += b.sh("ip -n " + b.ns + " -d link show " + l)
		}
		return strings.NewReplacer(lowerDown...).Replace(bondWords(all))
	})
	b.eventually(situation+"/ip.json", file("ip.json"), func() string {
		var all bytes.Buffer
		for _, l := range links {
			b.bondTree(&all, b.sh("ip -n "+b.ns+" -d -j link show "+l))
		}
		return sortLines(file("ip.json"), churnMembers.ReplaceAllString(all.String(), ""))
	})
	b.eventually(situation+"/log", b.compared(file("log.txt")), b.log)
}

// sysfs is the driver's folder.
func (b *booth) sysfs() string {
	b.t.Helper()
	return b.files().folder("bond0/bonding", "")
}

// emptyFile is a file with nothing in it, not even the end of its line, as the
// recordings have it.
var emptyFile = regexp.MustCompile(`(?m)^(\w+): (\w+: )`)

// lines puts every file on a line of its own.
func lines(recorded string) string {
	for {
		text := emptyFile.ReplaceAllString(recorded, "$1: \n$2")
		if text == recorded {
			return text
		}
		recorded = text
	}
}

// slaveFiles is the driver's folders of the slaves.
func (b *booth) slaveFiles() string {
	b.t.Helper()
	var all strings.Builder
	for _, s := range []string{"eth0", "eth1"} {
		all.WriteString(b.files().folder(s+"/bonding_slave", s+" bonding_slave/"))
	}
	return all.String()
}

var (
	headLine   = regexp.MustCompile(`(?m)^\d+: ([^:@]+)(?:@\S+)?: (<\S*>) mtu \d+ qdisc \S+ (master \S+ )?(state \S+)`)
	detailLine = regexp.MustCompile(`(?m)^    (bond(?:_slave)? .*?) addrgenmode`)
)

// bondWords are the words about bonding in the text of ip.
func bondWords(text string) string {
	var out strings.Builder
	for _, block := range regexp.MustCompile(`(?m)^\d+: `).Split(text, -1)[1:] {
		block = "1: " + block
		if m := headLine.FindStringSubmatch(block); m != nil {
			fmt.Fprintln(&out, m[1:])
		}
		if m := detailLine.FindStringSubmatch(block); m != nil {
			fmt.Fprintln(&out, m[1])
		}
	}
	return out.String()
}

// addresses are those of all links in the text of ip.
func addresses(text string) string {
	return strings.Join(regexp.MustCompile(`(?m)^: [^:@]+|link/ether \S+`).FindAllString(bare.ReplaceAllString(text, ""), -1), "\n")
}

// bare takes away the indexes of links.
var bare = regexp.MustCompile(`(?m)^\d+`)

// churnMembers are of a newer kernel than the recordings'.
var churnMembers = regexp.MustCompile(`,"ad_churn_actor_state":"\w+","ad_churn_partner_state":"\w+"`)

// bondTree writes what the JSON of ip says about bonding, as the sample has it.
func (b *booth) bondTree(out *bytes.Buffer, text string) {
	b.t.Helper()
	var links []struct {
		Ifname   string          `json:"ifname"`
		Flags    []string        `json:"flags"`
		Master   *string         `json:"master"`
		Linkinfo json.RawMessage `json:"linkinfo"`
	}
	if err := json.Unmarshal([]byte(text), &links); err != nil {
		b.t.Fatalf("%v\n%s", err, text)
	}
	for _, l := range links {
		line, err := json.Marshal(l)
		if err != nil {
			b.t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
}

// sortLines puts lines in the order in which the sample has theirs: it lists
// links by index.
func sortLines(like, text string) string {
	order := strings.Split(like, "\n")
	rank := func(line string) int {
		return slices.IndexFunc(order, func(o string) bool {
			return len(o) > 17 && strings.HasPrefix(line, o[:17]) // {"ifname":"eth0"
		})
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.SortStableFunc(lines, func(a, b string) int { return rank(a) - rank(b) })
	return strings.Join(lines, "\n") + "\n"
}

// ownLines are events that the driver says nothing about.
var ownLines = []string{"bond_up", "bond_down", "mac", "mtu", "option"}

// compared leaves out of a log the lines of events that aren't compared.
func (b *booth) compared(log string) string {
	if slices.Contains(b.silent, "carrier_up") {
		log = strings.NewReplacer("bond0: active interface up!\n", "", "bond0: now running without any active interface!\n", "").Replace(log)
	}
	return log
}

// log is what was logged about the bond, in the driver's words.
func (b *booth) log() string {
	var out strings.Builder
	for line := range strings.Lines(b.in(binary + " events -j")) {
		var e bond.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			b.t.Fatalf("%v: %s", err, line)
		}
		if e.Bond == "bond0" && !slices.Contains(ownLines, e.Kind) && !slices.Contains(b.silent, e.Kind) {
			fmt.Fprintln(&out, e.Text())
		}
	}
	return out.String()
}

// pair goes through the four situations of two cables.
func pair(name, options string, expect ...string) func(*testing.T) {
	return func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.expect = strings.NewReplacer(append(expect, lowerDown...)...)
		b.bond(options)
		b.snap(name + "-up")
		b.plug(1, "down")
		b.snap(name + "-eth1-down")
		b.plug(0, "down")
		b.snap(name + "-both-down")
		b.plug(0, "up")
		b.eventually("eth0 is up", "up", func() string {
			if strings.Contains(b.in(binary+" proc bond0"), "MII Status: up\nSpeed") {
				return "up"
			}
			return "down"
		})
		b.plug(1, "up")
		b.snap(name + "-recovered")
	}
}

func TestSituations(t *testing.T) {
	t.Parallel()
	t.Run("empty", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.sh("ip -n " + b.ns + " link add bond0 type bond")
		b.snap("empty-defaults")
		b.sh("ip -n " + b.ns + " link set bond0 up")
		b.snap("empty-up")
	})
	t.Run("rr", pair("rr", "mode balance-rr miimon 100 packets_per_slave 2 resend_igmp 3"))
	t.Run("ab", pair("ab", "mode active-backup miimon 100 num_grat_arp 3 peer_notify_delay 200"))
	t.Run("fail_over_mac", pair("ab-fom-active", "mode active-backup miimon 100 fail_over_mac active"))
	t.Run("xor", pair("xor", "mode balance-xor miimon 100 xmit_hash_policy layer3+4"))
	t.Run("bcast", pair("bcast", "mode broadcast miimon 100"))
	t.Run("primary", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.bond("mode active-backup miimon 100")
		b.sh("ip -n " + b.ns + " link set bond0 type bond primary eth1 primary_reselect better")
		b.snap("ab-primary-up")
		b.plug(1, "down")
		b.snap("ab-primary-down")
	})
	t.Run("delay", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.bond("mode active-backup miimon 100 updelay 5000 downdelay 5000")
		b.snap("ab-delay-up")
		b.plug(0, "down")
		b.snap("ab-delay-going-down")
		b.snap("ab-delay-down")
		b.plug(0, "up")
		b.snap("ab-delay-going-back")
	})
}

// awaitLog waits until the log has a line.
func (b *booth) awaitLog(line string) {
	b.t.Helper()
	b.eventually("log", line, func() string {
		if strings.Contains(b.log(), line+"\n") {
			return line
		}
		return b.log()
	})
}

// silence has the switch hear and say nothing on a cable, with its carrier kept.
func (b *booth) silence(i int) {
	b.sh(fmt.Sprintf("bridge -n %s link set dev s%d state 0", b.sw, i))
}

func (b *booth) heard(i int) {
	b.sh(fmt.Sprintf("bridge -n %s link set dev s%d state 3", b.sw, i))
}

// awaitRounds waits until each slave has received something for n intervals of
// 200 ms, which is two frames a round or more.
func (b *booth) awaitRounds(n int) {
	b.t.Helper()
	enough := func() string {
		for i := range 2 {
			var links []struct {
				Stats64 struct{ Rx struct{ Packets int } }
			}
			text := b.sh(fmt.Sprintf("ip -n %s -j -s link show eth%d", b.ns, i))
			if err := json.Unmarshal([]byte(text), &links); err != nil || len(links) != 1 {
				b.t.Fatalf("%v: %s", err, text)
			}
			if links[0].Stats64.Rx.Packets < 2*n {
				return "waiting"
			}
		}
		return "enough"
	}
	b.eventually("frames", "enough", enough)
}

// probed makes bond0 as the samples' maker did for the ARP and NS monitor.
func (b *booth) probed(options string) {
	b.t.Helper()
	b.sh(b.real + " -n " + b.sw + " addr add 10.1.0.2/24 dev br0")
	b.sh(b.real + " -n " + b.sw + " addr add fd00::1/64 dev br0 nodad")
	b.sh("ip -n " + b.ns + " link add bond0 type bond " + options)
	for i := range 2 {
		b.sh(fmt.Sprintf("ip -n %s link set eth%d down", b.ns, i))
		b.sh(fmt.Sprintf("ip -n %s link set eth%d master bond0", b.ns, i))
	}
	b.sh("ip -n " + b.ns + " addr add 10.1.0.9/24 dev bond0")
	b.sh("ip -n " + b.ns + " addr add fd00::9/64 dev bond0 nodad")
	b.sh("ip -n " + b.ns + " link set bond0 up")
}

// In the recordings eth0 was silent for a moment at the beginning: the machine
// was so slow that it had been a slave for too long when the bond was set up.
func TestProbedSituations(t *testing.T) {
	t.Parallel()
	t.Run("ab-arp", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.probed("mode active-backup arp_interval 200 arp_ip_target 10.1.0.1,10.1.0.2 arp_validate all arp_all_targets any arp_missed_max 3")
		b.awaitRounds(4)
		b.silence(0)
		b.awaitLog("bond0: (slave eth1): making interface the new active one")
		b.heard(0)
		b.snap("ab-arp-up")
		b.plug(1, "down")
		b.snap("ab-arp-eth1-down")
		b.plug(0, "down")
		b.snap("ab-arp-both-down")
		b.plug(1, "up")
		b.awaitLog("bond0: active interface up!")
		b.plug(0, "up")
		b.snap("ab-arp-recovered")
	})
	t.Run("ab-ns6", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.probed("mode active-backup arp_interval 200 ns_ip6_target fd00::1 arp_validate active")
		b.snap("ab-ns6-up")
		b.plug(1, "down")
		b.snap("ab-ns6-eth1-down")
		b.plug(0, "down")
		b.snap("ab-ns6-both-down")
		b.plug(0, "up")
		b.awaitLog("bond0: active interface up!")
		b.plug(1, "up")
		b.snap("ab-ns6-recovered")
	})
	t.Run("xor-arp", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.probed("mode balance-xor arp_interval 200 arp_ip_target 10.1.0.1 xmit_hash_policy layer2+3")
		b.awaitRounds(4)
		b.silence(0)
		b.awaitLog("bond0: (slave eth0): interface is now down")
		b.heard(0)
		b.snap("xor-arp-up")
		b.plug(1, "down")
		b.awaitLog("bond0: (slave eth1): interface is now down")
		b.plug(0, "down")
		b.snap("xor-arp-both-down")
		b.plug(0, "up")
		b.awaitLog("bond0: active interface up!")
		b.plug(1, "up")
		b.snap("xor-arp-recovered")
	})
}
