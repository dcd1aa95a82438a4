package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

// The kernel's selftests for LACP that are newer than the releases that
// distributions package the sources of, step by step: the same topologies,
// commands and expectations.

// rig runs a selftest's commands, in which @c, @s and @b stand for namespaces.
type rig struct {
	*booth
	names *strings.Replacer
}

func newRig(t *testing.T) *rig {
	t.Parallel()
	b := newSpaces(t, "b")
	return &rig{booth: b, names: strings.NewReplacer("@c", b.ns, "@s", b.sw, "@b", strings.TrimSuffix(b.sw, "s")+"b")}
}

// do runs one command a line.
func (r *rig) do(script string) {
	r.t.Helper()
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" {
			r.sh(r.names.Replace(line))
		}
	}
}

// cable joins two interfaces, given as NAMESPACE/NAME.
func (r *rig) cable(a, b string) {
	r.t.Helper()
	nsA, ifA, _ := strings.Cut(a, "/")
	nsB, ifB, _ := strings.Cut(b, "/")
	r.do(fmt.Sprintf("ip link add %s netns %s type veth peer name %s netns %s", ifA, nsA, ifB, nsB))
}

// linkTree is what the selftests read of ip's JSON.
type linkTree struct {
	Linkinfo struct {
		Data struct {
			ADInfo struct {
				Aggregator int `json:"aggregator"`
			} `json:"ad_info"`
		} `json:"info_data"`
		Slave struct {
			Aggregator int      `json:"ad_aggregator_id"`
			ActorState []string `json:"ad_actor_oper_port_state_str"`
			PortPrio   int      `json:"actor_port_prio"`
		} `json:"info_slave_data"`
	}
}

func (r *rig) link(ns, name string) linkTree {
	r.t.Helper()
	var links []linkTree
	text := r.sh(r.names.Replace("ip -n " + ns + " -d -j link show " + name))
	if err := json.Unmarshal([]byte(text), &links); err != nil || len(links) != 1 {
		r.t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return links[0]
}

// within waits for a condition, and no longer than the selftest would. Tests
// under the race detector have two seconds more.
func (r *rig) within(limit time.Duration, what string, ok func() bool) {
	r.t.Helper()
	if labtest.RaceEnabled {
		limit += 2 * time.Second
	}
	pace := time.NewTicker(max(limit/200, 50*time.Millisecond)) // each question is a process
	defer pace.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-pace.C {
		if time.Now().After(deadline) {
			r.t.Fatalf("not within %v: %s\n%s", limit, what, r.in(binary+" show"))
		}
	}
}

// collectsAndDistributes: both bits are set.
func (r *rig) collectsAndDistributes(ns, slave string) bool {
	r.t.Helper()
	bits := r.link(ns, slave).Linkinfo.Slave.ActorState
	return slices.Contains(bits, "collecting") && slices.Contains(bits, "distributing")
}

// TestSelftestLACPSelect is bond_lacp_ad_select.sh: of two switches the one whose
// ports have the higher sum of priorities is used.
func TestSelftestLACPSelect(t *testing.T) {
	r := newRig(t)
	for i, other := range []string{"@s/eth0", "@s/eth1", "@b/eth0", "@b/eth1"} {
		r.cable(fmt.Sprintf("@c/eth%d", i), other)
	}
	r.do(`
		ip -n @s link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast
		ip -n @s link set eth0 master bond0
		ip -n @s link set eth1 master bond0
		ip -n @s link set bond0 up
		ip -n @b link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast
		ip -n @b link set eth0 master bond0
		ip -n @b link set eth1 master bond0
		ip -n @b link set bond0 up
		ip -n @c link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast ad_select actor_port_prio
		ip -n @c link set eth0 master bond0
		ip -n @c link set eth1 master bond0
		ip -n @c link set eth2 master bond0
		ip -n @c link set eth3 master bond0
		ip -n @c link set bond0 up`)
	prio := func(slave string, prio int) {
		t.Helper()
		r.do(fmt.Sprintf("ip -n @c link set %s type bond_slave actor_port_prio %d", slave, prio))
		if got := r.link("@c", slave).Linkinfo.Slave.PortPrio; got != prio {
			t.Errorf("%s: actor_port_prio %d, want %d", slave, got, prio)
		}
	}
	flap := func(winner string) {
		t.Helper()
		r.do("ip -n @c link set eth1 down\nip -n @c link set eth1 up")
		r.within(time.Second, winner+"'s aggregator is the active one", func() bool {
			return r.link("@c", "bond0").Linkinfo.Data.ADInfo.Aggregator == r.link("@c", winner).Linkinfo.Slave.Aggregator
		})
	}
	prio("eth0", 1000)
	prio("eth2", 10)
	flap("eth0")
	prio("eth0", 10)
	prio("eth2", 1000)
	flap("eth2")
	r.within(10*time.Second, "the active ports distribute", func() bool {
		return r.collectsAndDistributes("@c", "eth2") && r.collectsAndDistributes("@c", "eth3")
	})
	if !soak {
		return // the rest takes more than a minute
	}
	churn := func(words ...string) func() bool {
		return func() bool {
			var is []string
			for line := range strings.Lines(r.in(binary + " proc bond0")) {
				if word, ok := strings.CutPrefix(line, "Actor Churn State: "); ok {
					is = append(is, strings.TrimSpace(word))
				}
			}
			return slices.Equal(is, words)
		}
	}
	r.within(70*time.Second, "the active ports don't churn, the others do", churn("churned", "churned", "none", "none"))
}

// TestSelftestLACPStrict is bond_lacp_strict.sh: with lacp_strict the carrier takes
// ports that collect and distribute, without it links that are up.
func TestSelftestLACPStrict(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		t.Run(map[bool]string{false: "off", true: "on"}[strict], func(t *testing.T) { strictCarrier(t, strict) })
	}
}

func strictCarrier(t *testing.T, strict bool) {
	r := newRig(t)
	r.cable("@b/eth0", "@s/eth0")
	r.cable("@b/eth2", "@c/eth0")
	r.cable("@b/eth1", "@s/eth1")
	r.cable("@b/eth3", "@c/eth1")
	r.do(`
		ip -n @b link add br0 type bridge
		ip -n @b link set eth0 master br0
		ip -n @b link set eth2 master br0
		ip -n @b link add br1 type bridge
		ip -n @b link set eth1 master br1
		ip -n @b link set eth3 master br1`)
	forward := func(bridge, mask string, ports ...string) { // of the LACPDUs
		t.Helper()
		for _, p := range ports {
			r.do(fmt.Sprintf("ip netns exec @b sh -c 'echo %s >/sys/class/net/%s/brif/%s/group_fwd_mask'", mask, bridge, p))
		}
	}
	forward("br0", "4", "eth0", "eth2")
	forward("br1", "4", "eth1", "eth3")
	for _, l := range []string{"eth0", "eth1", "eth2", "eth3", "br0", "br1"} {
		r.do("ip -n @b link set " + l + " up")
	}
	for _, ns := range []string{"@s", "@c"} {
		r.do(`
			ip -n ` + ns + ` link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast min_links 1
			ip -n ` + ns + ` link set eth0 master bond0
			ip -n ` + ns + ` link set eth1 master bond0`)
	}
	if strict {
		r.do("ip -n @c link set bond0 type bond lacp_strict on")
	}
	r.do("ip -n @s link set bond0 up\nip -n @c link set bond0 up")
	carries := func(limit time.Duration, slave string, want bool) {
		t.Helper()
		r.within(limit, fmt.Sprintf("%s collects and distributes: %v", slave, want), func() bool { return r.collectsAndDistributes("@c", slave) == want })
	}
	carrier := func(want bool) {
		t.Helper()
		r.within(time.Second, fmt.Sprintf("carrier %v", want), func() bool {
			return r.in("cat /sys/class/net/bond0/carrier") == map[bool]string{false: "0\n", true: "1\n"}[want]
		})
	}
	const s = time.Second
	carries(3*s, "eth0", true)
	carries(s, "eth1", true)
	carrier(true)

	r.do("ip -n @s link set eth0 down\nip -n @b link set eth2 down")
	carries(5*s, "eth0", false)
	carries(s, "eth1", true)
	carrier(true)
	r.do("ip -n @s link set eth1 down\nip -n @b link set eth3 down")
	carries(5*s, "eth1", false)
	carrier(false) // by min_links
	r.do("ip -n @s link set eth0 up\nip -n @b link set eth2 up")
	carries(60*s, "eth0", true)
	carries(s, "eth1", false)
	carrier(true)
	r.do("ip -n @s link set eth1 up\nip -n @b link set eth3 up")
	carries(60*s, "eth1", true)

	forward("br0", "0", "eth0", "eth2")
	carries(5*s, "eth0", false)
	carries(s, "eth1", true)
	carrier(true)
	forward("br1", "0", "eth1", "eth3")
	carries(5*s, "eth1", false)
	carrier(!strict)
	r.do("ip -n @c link set dev bond0 type bond lacp_strict " + map[bool]string{false: "on", true: "off"}[strict])
	carrier(strict)
	r.do("ip -n @c link set dev bond0 type bond lacp_strict " + map[bool]string{false: "off", true: "on"}[strict])
	carrier(!strict)
	forward("br0", "4", "eth0", "eth2")
	carries(60*s, "eth0", true)
	forward("br1", "4", "eth1", "eth3")
	carries(60*s, "eth1", true)
	carrier(true)
}

// TestSelftestLACPPassive is bond_passive_lacp.sh: who is passive speaks to nobody
// that doesn't.
func TestSelftestLACPPassive(t *testing.T) {
	r := newRig(t)
	for i := range 2 {
		r.cable(fmt.Sprintf("@c/eth%d", i), fmt.Sprintf("@s/eth%d", i))
	}
	both := func(c, s string) {
		t.Helper()
		for ns, active := range map[string]string{"@c": c, "@s": s} {
			r.try(r.names.Replace("ip -n " + ns + " link del bond0"))
			r.do(`
				ip -n ` + ns + ` link set eth0 down
				ip -n ` + ns + ` link set eth1 down
				ip -n ` + ns + ` link add bond0 type bond mode 802.3ad lacp_rate fast lacp_active ` + active + `
				ip -n ` + ns + ` link set eth0 master bond0
				ip -n ` + ns + ` link set eth1 master bond0`)
		}
		r.do("ip -n @c link set bond0 up\nip -n @s link set bond0 up")
	}
	both("off", "off")
	fromC, fromS := r.listen("@s", "eth0"), r.listen("@c", "eth0")
	if fromC.hears(3*time.Second) || fromS.hears(100*time.Millisecond) {
		t.Error("both are passive, and one speaks")
	}
	if bits := r.link("@c", "eth0").Linkinfo.Slave.ActorState; slices.Contains(bits, "active") {
		t.Errorf("passive: %v", bits)
	}

	both("on", "off")
	for _, ns := range []string{"@c", "@s"} {
		for _, eth := range []string{"eth0", "eth1"} {
			r.within(5*time.Second, ns+"'s "+eth+" distributes", func() bool {
				bits := r.link(ns, eth).Linkinfo.Slave.ActorState
				return slices.Contains(bits, "distributing") && !slices.Contains(bits, "expired")
			})
		}
	}
	// The active one is cut off: it goes on, the passive one falls silent.
	const cut = " egress pref 1 protocol all bpf bytecode '1,6 0 0 2,' direct-action"
	r.do("ip netns exec @c tc filter add dev eth0" + cut)
	r.within(8*time.Second, "the passive one falls silent", func() bool { return !fromS.hears(3 * time.Second) })
	r.do("ip netns exec @c tc filter del dev eth0 egress pref 1")
	if !fromC.hears(3 * time.Second) {
		t.Error("the active one is silent")
	}
}

// listener hears the LACPDUs that arrive on an interface.
type listener struct {
	t  *testing.T
	fd int
}

func (r *rig) listen(ns, name string) *listener {
	r.t.Helper()
	l := &listener{t: r.t, fd: -1}
	failed := make(chan error)
	go func() { // on a thread of its own, which ends in the other namespace
		runtime.LockOSThread()
		var err error
		l.fd, err = slowSocket(r.names.Replace(ns), name)
		failed <- err
	}()
	if err := <-failed; err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { unix.Close(l.fd) })
	return l
}

// slowSocket moves the calling thread into a namespace for good.
func slowSocket(ns, name string) (fd int, err error) {
	h, err := netns.GetFromName(ns)
	if err != nil {
		return -1, err
	}
	defer h.Close()
	if err := netns.Set(h); err != nil {
		return -1, err
	}
	link, err := net.InterfaceByName(name)
	if err != nil {
		return -1, err
	}
	const slow = unix.ETH_P_SLOW>>8 | unix.ETH_P_SLOW&0xff<<8 // in network order
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, slow); err != nil {
		return -1, err
	}
	return fd, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: slow, Ifindex: link.Index})
}

// hears reports whether one arrives within d, beside those that are there.
func (l *listener) hears(d time.Duration) bool {
	l.t.Helper()
	buf := make([]byte, 256)
	for {
		if _, _, err := unix.Recvfrom(l.fd, buf, unix.MSG_DONTWAIT); err != nil {
			break
		}
	}
	fds := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(d.Milliseconds()))
	if err != nil && err != unix.EINTR {
		l.t.Fatal(err)
	}
	return n > 0
}
