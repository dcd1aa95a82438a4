package ipshell

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/labtest"
)

// fake is a daemon that notes what it is asked.
type fake struct {
	bonds   []bond.State
	calls   []string
	refuse  map[string]error // by the call's first word
	missing bool             // no daemon serves
	started bool
}

func (f *fake) call(format string, args ...any) error {
	line := fmt.Sprintf(format, args...)
	f.calls = append(f.calls, line)
	if f.missing && !f.started {
		return control.ErrNoServer
	}
	return f.refuse[strings.Fields(line)[0]]
}

func words(opts []option.Assign) string {
	var out []string
	for _, a := range opts {
		out = append(out, strings.TrimPrefix(a.Slave+"/", "/")+a.Option+"="+a.Value)
	}
	return strings.Join(out, " ")
}

func (f *fake) Bonds(context.Context) ([]bond.State, error) {
	if f.missing && !f.started {
		return nil, control.ErrNoServer
	}
	return f.bonds, nil
}
func (f *fake) Create(_ context.Context, r control.CreateRequest) (string, error) {
	return r.Name, f.call("create %s %s", r.Name, words(r.Options))
}
func (f *fake) Set(_ context.Context, b string, o []option.Assign) error {
	return f.call("set %s %s", b, words(o))
}
func (f *fake) SetLink(_ context.Context, b string, r control.LinkRequest) error {
	return f.call("link %s %d %s", b, r.MTU, r.Address)
}
func (f *fake) Enslave(_ context.Context, b, s string) error { return f.call("enslave %s %s", b, s) }
func (f *fake) Release(_ context.Context, b, s string) error { return f.call("release %s %s", b, s) }
func (f *fake) Delete(_ context.Context, b string) error     { return f.call("delete %s", b) }
func (f *fake) Sync(context.Context) error                   { return f.call("sync") }

// oneBond is bond0, up, with slave eth0; eth1 is free.
func oneBond() *fake {
	v := option.Defaults()
	settings := map[string]string{}
	for _, o := range option.All() {
		if o.Scope == option.ScopeBond {
			settings[o.Name] = v.Word(o.ID, &option.Runtime{})
		}
	}
	return &fake{refuse: map[string]error{}, bonds: []bond.State{{
		Name: "bond0", Settings: settings, Mode: "balance-rr",
		Slaves: []bond.SlaveState{{Name: "eth0", State: "ACTIVE", MIIStatus: "UP", PermMAC: "02:00:00:00:00:01"}},
	}}}
}

// run gives a shell one command line, in the namespace the caller is in.
func (f *fake) run(t *testing.T, args ...string) (status int, out string) {
	t.Helper()
	real, err := installed.Find("ip")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s := &Shell{
		Stdin: strings.NewReader(""), Stdout: &b, Stderr: &b, Real: real,
		Connect: func(context.Context) (Client, error) { return f, nil },
		Start:   func(context.Context) error { f.started = true; return nil },
	}
	return s.Run(t.Context(), args), b.String()
}

// links makes a TAP called bond0, a few others, and what only ip can print.
func links(t *testing.T) {
	t.Helper()
	for _, line := range []string{
		"link add eth0 type veth peer name s0", "link add eth1 type veth peer name s1", "tuntap add bond0 mode tap multi_queue",
		"link add br0 type bridge", "link set s1 master br0", "link add link s0 name mv0 type macvlan mode bridge", "link set lo up",
		"link set s0 up", "link set eth0 up", "link set s1 alias spare-port", "link set br0 group 7", "link set bond0 up",
		"addr add 10.0.0.1/24 dev bond0", "addr add 10.0.0.2/24 dev s0", "addr add fd00::2/64 dev s0 nodad", "link property add dev s0 altname other",
		"link property add dev eth0 altname alt-of-eth0", "link property add dev eth1 altname spare-nic-with-a-long-name",
		"link property add dev bond0 altname alt-bond0-with-a-long-name",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v %s", line, err, out)
		}
	}
}

// sideBySide gives what the installed ip prints and what the shell does.
// Links send neighbour discovery on their own, so counters move: a pair counts
// when ip says the same before and after, which holds as counters only grow.
func sideBySide(t *testing.T, f *fake, args []string) (want, got string, status int) {
	t.Helper()
	for range 50 {
		before, _ := exec.Command("ip", args...).CombinedOutput()
		status, got = f.run(t, args...)
		after, _ := exec.Command("ip", args...).CombinedOutput()
		if bytes.Equal(before, after) {
			return string(before), got, status
		}
	}
	t.Fatalf("ip %s: never the same twice", strings.Join(args, " "))
	return "", "", 0
}

// What isn't ours is printed by the installed ip, to the octet.
func TestForeignLinksAreAsIPHasThem(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		f := oneBond()
		for _, flags := range []string{"", "-d", "-s", "-s -s", "-o", "-o -d", "-br", "-4", "-6", "-d -s -s -o", "-j", "-j -p", "-j -d", "-j -p -d -s", "-j -br", "-p -j -br"} {
			for _, what := range []string{"link show dev s0", "link show dev br0", "addr show dev s0", "addr show dev lo", "link show master br0", "link show type macvlan", "link show group 7", "a s s1"} {
				args := append(strings.Fields(flags), strings.Fields(what)...)
				want, got, status := sideBySide(t, f, args)
				if d := cmp.Diff(want, got); d != "" || status != 0 {
					t.Errorf("ip %s %s: %d %s", flags, what, status, d)
				}
			}
		}
	})
}

// Our own differ in nothing but bonding.
func TestOursAreWovenIn(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		f := oneBond()
		for _, c := range []struct{ args, with, without string }{
			{"link show bond0", ",MASTER,UP>", ""},
			{"link show eth0", ",SLAVE,UP,LOWER_UP> mtu 1500 qdisc noqueue master bond0 state UP", ""},
			{"-d link show bond0", "\n    bond mode balance-rr miimon 0 ", "tun type"},
			{"-d link show eth0", "veth \n    bond_slave state ACTIVE mii_status UP link_failure_count 0 perm_hwaddr 02:00:00:00:00:01 queue_id 0 prio 0 addrgenmode", ""},
			{"-o -d link show eth0", `\    veth \    bond_slave state ACTIVE`, ""},
			{"-br link", "<BROADCAST,MULTICAST,SLAVE,UP,LOWER_UP>", ""},
			{"addr show bond0", ",MASTER,UP>", ""},
			{"-j link show eth0", `"qdisc":"noqueue","master":"bond0","operstate"`, "linkinfo"},
			{"-j -d link show bond0", `"linkinfo":{"info_kind":"bond","info_data":{"mode":"balance-rr","miimon":0,`, "tun"},
			{"link show type bond", "bond0", "eth0:"},
			{"link show master bond0", "eth0", "bond0:"},
			{"link show master alt-bond0-with-a-long-name", "eth0", "bond0:"},
			{"link show alt-of-eth0", "master bond0", ""},
			{"link show type bond_slave", "eth0", "eth1"},
			{"link show nomaster", "eth1", "eth0@"},
			{"link show type tun", "", "bond0"},
		} {
			status, got := f.run(t, strings.Fields(c.args)...)
			if status != 0 || !strings.Contains(got, c.with) || c.without != "" && strings.Contains(got, c.without) {
				t.Errorf("ip %s: %d\n%s", c.args, status, got)
			}
		}
	})
}

// What is asked of the daemon, in which order, and what is left to ip.
func TestChanges(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for _, c := range []struct {
			args   string
			status int
			calls  string
			then   string // a question to the installed ip, and
			holds  string // what its answer holds
		}{
			{"link add bond1 type bond mode 1 miimon 0x64", 0, "create bond1 mode=1 miimon=100", "", ""},
			{"l a name bond1 type bond", 0, "create bond1 ", "", ""},
			{"link add type bond", 0, "create bond%d ", "", ""},
			{"link add bond0 mtu 1400 up type bond mode 2", 0, "create bond0 mode=2; sync", "link show bond0", "mtu 1400"},
			{"link add bond0 mtu 99999999 type bond", 2, "create bond0 ; delete bond0", "", ""},
			{"link set bond0 type bond miimon 100 updelay 200", 0, "set bond0 miimon=100 updelay=200; sync", "", ""},
			{"link set bond0 type bond ad_select_hold 5000", 0, "set bond0 ad_select_hold=5000; sync", "", ""},
			{"link set bond0 type bond lacp_strict on max_links 3", 0, "set bond0 lacp_strict=on max_links=3; sync", "", ""},
			{"link set dev bond0 mtu 1300 type bond clear_active_slave", 0, "set bond0 active_slave=; link bond0 1300 ; sync", "", ""},
			{"link set bond0 address 02:00:00:00:00:09 mtu 0x578 txqueuelen 77 up", 0, "link bond0 1400 02:00:00:00:00:09; sync", "link show bond0", "qlen 77"},
			{"link set bond0 mtu nonsense", 255, "sync", "", ""},
			{"link set bond0 address nonsense", 1, "sync", "", ""},
			{"link set bond0 down mtu 1400 master br0", 0, "link bond0 1400 ; sync", "link show master br0", "bond0"},
			{"link set eth0 type bond_slave prio -7 queue_id 2", 0, "set bond0 eth0/prio=-7 eth0/queue_id=2; sync", "", ""},
			{"link set eth1 down master bond0", 0, "enslave bond0 eth1; sync", "", ""},
			{"link set eth1 mtu 1200 master bond0 up", 0, "enslave bond0 eth1; sync", "link show eth1", "mtu 1200"},
			{"link set eth0 nomaster", 0, "release bond0 eth0; sync", "", ""},
			{"link set eth0 master br0", 0, "release bond0 eth0; sync", "link show master br0", "eth0"},
			{"link set bond0 netns 1", 2, "", "link show bond0", "bond0"},
			{"link set eth0 netns nothing", 255, "release bond0 eth0; sync", "", ""},
			{"link set eth0 master nothing", 255, "", "", ""},
			{"link set eth0 mtu 1280", 0, "sync", "link show eth0", "mtu 1280"},
			{"link set eth1 alias x", 0, "sync", "link show eth1", "alias x"},
			{"link del bond0", 0, "delete bond0", "link show bond0", "bond0"},
			{"link set alt-of-eth0 nomaster", 0, "release bond0 eth0; sync", "", ""},
			{"link set alt-of-eth0 type bond_slave prio 3", 0, "set bond0 eth0/prio=3; sync", "", ""},
			{"link set eth1 down master alt-bond0-with-a-long-name", 0, "enslave bond0 eth1; sync", "", ""},
			{"link set spare-nic-with-a-long-name master bond0", 0, "enslave bond0 eth1; sync", "", ""},
			{"link set alt-bond0-with-a-long-name type bond primary alt-of-eth0", 0, "set bond0 primary=alt-of-eth0; sync", "", ""},
			{"link del alt-bond0-with-a-long-name", 0, "delete bond0", "link show bond0", "bond0"},
			{"link del mv0", 0, "sync", "", ""},
			{"link del dev bond0 type bond", 0, "delete bond0", "", ""},
			{"link set bond0 type bond miimon ten", 255, "", "", ""},
			{"link set bond0 type bond arp_ip_target +10.1.0.1,10.2", 0, "set bond0 arp_ip_target=10.1.0.1,10.2.0.0; sync", "", ""},
			{"link set bond0 type bond arp_ip_target 10.1.0.1[10],10.1.0.2[10/20] ns_ip6_target fd00::1[7]", 0, "set bond0 arp_ip_target=10.1.0.1[10],10.1.0.2[10/20] ns_ip6_target=fd00::1[7]; sync", "", ""},
			{"link set bond0 type bond arp_ip_target nobody[10]", 1, "", "", ""},
			{"link set nix type bond miimon 1", 1, "sync", "", ""},
			{"link set bond0 type bond coupled_control off ad_select actor_port_prio lacp_fallback 0", 0, "set bond0 coupled_control=off ad_select=actor_port_prio lacp_fallback=0; sync", "", ""},
			{"link set eth0 type bond_slave actor_port_prio 0x10 speed 2500", 0, "set bond0 eth0/actor_port_prio=16 eth0/speed=2500; sync", "", ""},
		} {
			f := oneBond()
			status, out := f.run(t, strings.Fields(c.args)...)
			calls := strings.Join(f.calls, "; ")
			if status != c.status || calls != c.calls {
				t.Errorf("ip %s: status %d, calls %q\n%s", c.args, status, calls, out)
			}
			if c.then != "" {
				if got, _ := exec.Command("ip", strings.Fields(c.then)...).CombinedOutput(); !strings.Contains(string(got), c.holds) {
					t.Errorf("ip %s, then ip %s: %s", c.args, c.then, got)
				}
			}
		}
	})
}

// What a newer ip, or one that knew our options, says against a word.
func TestNewerWords(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for args, want := range map[string]string{
			"link set bond0 type bond lacp_strict maybe":                `Error: argument of "lacp_strict" must be one of "off", "on", not "maybe"`,
			"link set bond0 type bond coupled_control 1":                `Error: argument of "coupled_control" must be one of "off", "on", not "1"`,
			"link set bond0 type bond broadcast_neighbor":               `Command line is not complete. Try option "help"`,
			"link set bond0 type bond lacp_fallback 3":                  `Error: argument "3" is wrong: invalid lacp_fallback`,
			"link set bond0 type bond max_links all":                    `Error: argument "all" is wrong: invalid max_links`,
			"link set bond0 type bond max_links -1":                     `Error: argument "-1" is wrong: invalid max_links`,
			"link set bond0 type bond ad_select priority":               `Error: argument "priority" is wrong: invalid ad_select`,
			"link set eth0 type bond_slave actor_port_prio 65536":       `Error: argument "65536" is wrong: actor_port_prio is invalid`,
			"link set eth0 type bond_slave speed fast":                  `Error: argument "fast" is wrong: speed is invalid`,
			"link add b1 type bond mode 4 lacp_fallback_delay soon":     `Error: argument "soon" is wrong: invalid lacp_fallback_delay`,
			"link set bond0 type bond ad_select_hold soon":              `Error: argument "soon" is wrong: invalid ad_select_hold`,
			"link set bond0 type bond mode bogus lacp_strict on":        `Error: argument "bogus" is wrong: invalid mode`,
			"link set bond0 type bond clear_active_slave queues eleven": `Error: argument "eleven" is wrong: invalid queues`,
		} {
			f := oneBond()
			status, out := f.run(t, strings.Fields(args)...)
			if status != 255 || out != want+"\n" || len(f.calls) > 0 {
				t.Errorf("ip %s: status %d, calls %q, %s", args, status, f.calls, out)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for _, c := range []struct {
			err  error
			want string
		}{
			{&control.Error{Errno: unix.EPERM, Ext: "Device can not be enslaved while up"}, "Error: Device can not be enslaved while up.\n"},
			{&control.Error{Errno: unix.EINVAL}, "RTNETLINK answers: Invalid argument\n"},
			{&control.Error{Message: "no room"}, "Error: no room.\n"},
		} {
			f := oneBond()
			f.refuse["enslave"] = c.err
			if status, out := f.run(t, "link", "set", "eth1", "master", "bond0"); status != 2 || out != c.want {
				t.Errorf("%v: %d %q", c.err, status, out)
			}
		}
	})
}

// The first bond starts the daemon; nothing else does.
func TestStart(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		f := &fake{missing: true}
		if status, out := f.run(t, "link", "show", "lo"); status != 0 || f.started || !strings.Contains(out, "LOOPBACK") {
			t.Errorf("show: %d, started %v, %s", status, f.started, out)
		}
		if status, _ := f.run(t, "link", "set", "eth0", "mtu", "1400"); status != 0 || f.started {
			t.Errorf("set: %d, started %v", status, f.started)
		}
		if status, _ := f.run(t, "link", "add", "bond5", "type", "bond"); status != 0 || !f.started {
			t.Errorf("add: %d, started %v", status, f.started)
		}
	})
}

// Everything else is ip's: output, errors and exit status.
func TestPassedOn(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		for _, args := range []string{
			"", "-V", "link help", "nonsense", "link nonsense", "route show", "route add 1.2.3.4 via 9.9.9.9", "neigh", "-j route", "rule",
			"link show nix", "link set lo nonsense", "link add x type nonsense", "link del nix", "-n nix link", "-x link", "-n", "addr add x dev lo",
			"link add type bond help", "link set lo type bond miimon", "link show dev", "-all netns exec nothing-of-the-kind", "-4 addr show lo",
		} {
			cmd := exec.Command("ip", strings.Fields(args)...)
			want, err := cmd.CombinedOutput()
			_ = err // the status is compared
			f := oneBond()
			status, got := f.run(t, strings.Fields(args)...)
			if d := cmp.Diff(string(want), got); d != "" || status != cmd.ProcessState.ExitCode() {
				t.Errorf("ip %s: status %d, not %d; %s", args, status, cmd.ProcessState.ExitCode(), d)
			}
		}
	})
}

func TestBatch(t *testing.T) {
	labtest.InNetns(t, func() {
		links(t)
		real, err := installed.Find("ip")
		if err != nil {
			t.Fatal(err)
		}
		text := "# a comment\nlink set eth1 down \\\n  master bond0\n\nlink set bond0 type bond miimon abc\nlink del bond0\n"
		for _, force := range []bool{false, true} {
			f := oneBond()
			var out bytes.Buffer
			s := &Shell{Stdin: strings.NewReader(text), Stdout: &out, Stderr: &out, Real: real, Connect: func(context.Context) (Client, error) { return f, nil }}
			args := []string{"-batch", "-"}
			want := []string{"enslave bond0 eth1", "sync"}
			if force {
				args = append([]string{"-force"}, args...)
				want = append(want, "delete bond0")
			}
			if status := s.Run(t.Context(), args); status != 1 || !slices.Equal(f.calls, want) || !strings.Contains(out.String(), "Command failed -:5\n") {
				t.Errorf("force %v: %d %q\n%s", force, status, f.calls, out.String())
			}
		}
		if status, out := oneBond().run(t, "-b", "/nonexistent"); status != 1 || out != "Cannot open file \"/nonexistent\" for reading: No such file or directory\n" {
			t.Errorf("%d %q", status, out)
		}
	})
}

func TestCommandWords(t *testing.T) {
	for text, want := range map[string][]string{
		"link show\n":                   {"link", "show"},
		"  a\t\tb # c\n":                {"a", "b"},
		"set 'a b' \"c d\" e":           {"set", "a b", "c d", "e"},
		"one \\\ntwo \\\nthree\nfour\n": {"one", "two", "three"},
		"#x\n":                          nil,
		"\n":                            nil,
	} {
		got, _, err := command(bufio.NewReader(strings.NewReader(text)))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
}

func FuzzWeave(f *testing.F) {
	f.Add("7: bond0: <BROADCAST,MULTICAST> mtu 1500 qdisc mq state DOWN mode DEFAULT\n    link/ether 02\n    tun type tap pi off persist on addrgenmode eui64 numtxqueues 256 \n")
	f.Add("3: eth0@if2: <> mtu 1500 master br0 state\\    veth addrgenmode none numtxqueues 1 \n[{\"ifname\":\"eth0\"}]")
	w := &weaver{picture: &picture{bonds: oneBond().bonds}, keep: func(string) bool { return true }}
	f.Fuzz(func(t *testing.T, text string) {
		w.text(text)
		w.brief(text)
		_, _ = w.json([]byte(text), true, true)
	})
}
