package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

// TestChurn: bonds are made, changed and deleted while slaves vanish, the TAP is
// deleted under them, or slaves go to a namespace that is deleted. Nothing is
// left behind, nothing grows, and slaves that are still there are as they were.
func TestChurn(t *testing.T) {
	waits(t)
	c := &churn{served: serve(t, lab.Topology{Slaves: 1}), rnd: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 6))}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the daemon said:\n%s", c.proc.Output())
		}
	})
	rounds := pick(50, 1000)
	var files int
	for i := range rounds {
		c.round(i)
		if i == 10 {
			files = c.descriptors()
		}
		if t.Failed() {
			break
		}
	}
	if now := c.descriptors(); now > files+4 {
		t.Errorf("%d descriptors after %d rounds, %d after the first ten", now, rounds, files)
	}
	c.down()
	if out := c.proc.Output(); strings.Contains(out, "DATA RACE") || strings.Contains(out, "panic") {
		t.Errorf("the daemon said:\n%s", out)
	}
}

type churn struct {
	*served
	rnd *rand.Rand
}

// churnNICs are the slaves: ends of cables into the lab's other host, made anew
// when they are gone.
var churnNICs = []string{"nic0", "nic1", "nic2"}

func churnMAC(i int) net.HardwareAddr { return net.HardwareAddr{2, 0, 0, 9, 0, byte(i)} }

func (c *churn) nics() {
	c.t.Helper()
	far, err := netns.GetFromPath(c.lab.B.Path())
	c.must(err)
	defer far.Close()
	for i, n := range churnNICs {
		if _, err := c.lab.A.Handle.LinkByName(n); err == nil {
			continue
		}
		a := netlink.NewLinkAttrs()
		a.Name, a.HardwareAddr = n, churnMAC(i)
		peer := fmt.Sprintf("far%d", i)
		add := func() error {
			return c.lab.A.Handle.LinkAdd(&netlink.Veth{LinkAttrs: a, PeerName: peer, PeerNamespace: netlink.NsFd(far)})
		}
		err := add()
		// One that went with a namespace is gone here before it is there.
		for deadline := time.Now().Add(20 * time.Second); errors.Is(err, unix.EEXIST) && time.Now().Before(deadline); err = add() {
			pause(c.t, 5*time.Millisecond)
		}
		c.must(err)
		l, err := c.lab.B.Handle.LinkByName(peer)
		c.must(err)
		c.must(c.lab.B.Handle.LinkSetUp(l))
	}
}

var (
	churnOptions = []string{
		"mode balance-rr packets_per_slave 3 resend_igmp 2", "mode active-backup num_grat_arp 3", "mode active-backup fail_over_mac active",
		"mode active-backup fail_over_mac follow primary nic1", "mode balance-xor xmit_hash_policy layer3+4", "mode broadcast", "mode 802.3ad lacp_rate fast",
		"mode active-backup updelay 200 flap_hold 100 queues 2", "mode balance-tlb", "mode balance-alb",
		"mode active-backup arp_interval 50 arp_ip_target 10.1.0.77",
	}
	churnChanges = []string{
		"miimon 50", "all_slaves_active 1", "num_grat_arp 0", "resend_igmp 0", "xmit_hash_policy layer2+3", "active_slave nic1", "active_slave ",
		"primary nic2", "primary_reselect failure", "min_links 1", "updelay 100", "mode balance-rr", "packets_per_slave 0", "prio_tie first",
	}
)

func (c *churn) round(i int) {
	t := c.t
	t.Helper()
	c.nics()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	mishap := c.mishap()
	after := time.Duration(c.rnd.IntN(120)) * time.Millisecond
	happened := make(chan error, 1)
	go func() {
		pause(t, after)
		happened <- mishap.do()
	}()
	// Whatever the mishap has taken may be refused; nothing may hang.
	allowed := func(op string, err error) {
		t.Helper()
		var answer *control.Error
		switch {
		case err == nil, errors.As(err, &answer):
		default:
			t.Errorf("round %d, %s after %v: %s: %v", i, mishap.name, after, op, err)
		}
	}
	words := strings.Fields(churnOptions[c.rnd.IntN(len(churnOptions))])
	if !slices.Contains(words, "arp_interval") {
		words = append(words, "miimon", "100")
	}
	options, _, err := option.ParseWords(words)
	c.must(err)
	_, err = c.client.Create(ctx, control.CreateRequest{Name: "bond0", Options: options})
	allowed("create", err)
	if l, err := c.lab.A.Handle.LinkByName("bond0"); err == nil && c.rnd.IntN(2) == 0 {
		_ = c.lab.A.Handle.LinkSetUp(l)
	}
	for _, n := range churnNICs {
		allowed("enslave "+n, c.client.Enslave(ctx, "bond0", n))
	}
	if l, err := c.lab.A.Handle.LinkByName("bond0"); err == nil {
		_ = c.lab.A.Handle.LinkSetUp(l)
	}
	for range 4 {
		name, value, _ := strings.Cut(churnChanges[c.rnd.IntN(len(churnChanges))], " ")
		allowed("set "+name, c.client.Set(ctx, "bond0", []option.Assign{{Option: name, Value: value}}))
	}
	allowed("queue_id", c.client.Set(ctx, "bond0", []option.Assign{{Option: "queue_id", Value: "2", Slave: "nic1"}}))
	if c.rnd.IntN(2) == 0 {
		n := churnNICs[c.rnd.IntN(3)]
		allowed("release "+n, c.client.Release(ctx, "bond0", n))
		allowed("enslave again "+n, c.client.Enslave(ctx, "bond0", n))
	}
	if c.rnd.IntN(3) > 0 {
		allowed("delete", c.client.Delete(ctx, "bond0"))
	}
	c.must(<-happened)
	allowed("delete at last", c.client.Delete(ctx, "bond0"))
	allowed("sync", c.client.Sync(ctx))
	c.asBefore(i, mishap.name)
}

// mishap is something that happens to a round.
type mishap struct {
	name string
	do   func() error
}

func (c *churn) mishap() mishap {
	h := c.lab.A.Handle
	victim := churnNICs[c.rnd.IntN(len(churnNICs))]
	gone := func(err error) error { // it was too late, or too early
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		return err
	}
	switch c.rnd.IntN(5) {
	case 0:
		return mishap{"nothing", func() error { return nil }}
	case 1:
		return mishap{"bond0 deleted", func() error {
			l, err := h.LinkByName("bond0")
			if err == nil {
				err = h.LinkDel(l)
			}
			return gone(err)
		}}
	case 2:
		return mishap{victim + " set down", func() error {
			l, err := h.LinkByName(victim)
			if err == nil {
				err = h.LinkSetDown(l)
			}
			return gone(err)
		}}
	case 3:
		return mishap{victim + " goes with a namespace", func() error { return gone(c.banish(victim)) }}
	default:
		return mishap{victim + " deleted", func() error {
			l, err := h.LinkByName(victim)
			if err == nil {
				err = h.LinkDel(l)
			}
			return gone(err)
		}}
	}
}

// banish moves a NIC to a namespace that ends at once, and the NIC with it.
func (c *churn) banish(name string) error {
	return c.lab.A.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		here, err := netns.Get()
		if err != nil {
			return err
		}
		defer here.Close()
		there, err := netns.New() // and into it
		if err != nil {
			return err
		}
		defer there.Close()
		if err := netns.Set(here); err != nil {
			return err
		}
		return netlink.LinkSetNsFd(l, int(there))
	})
}

// asBefore looks at what a round left.
func (c *churn) asBefore(round int, mishap string) {
	t := c.t
	t.Helper()
	if bonds, err := c.client.Bonds(t.Context()); err != nil || len(bonds) > 0 {
		t.Errorf("round %d, %s: bonds are left: %v %v", round, mishap, bonds, err)
	}
	links, err := c.lab.A.Handle.LinkList()
	c.must(err)
	for _, l := range links {
		a := l.Attrs()
		i := -1
		for k, n := range churnNICs {
			if n == a.Name {
				i = k
			}
		}
		if i < 0 {
			if a.Name == "bond0" {
				t.Errorf("round %d, %s: bond0 is left", round, mishap)
			}
			continue
		}
		if a.Promisc != 0 {
			a = c.awake(l).Attrs()
		}
		if a.HardwareAddr.String() != churnMAC(i).String() || a.MTU != 1500 || a.Promisc != 0 || a.RawFlags&unix.IFF_UP != 0 {
			t.Errorf("round %d, %s: %s is left with %s, MTU %d, promisc %d, %s", round, mishap, a.Name, a.HardwareAddr, a.MTU, a.Promisc, a.Flags)
		}
		if qs, err := c.lab.A.Handle.QdiscList(l); err != nil {
			t.Error(err)
		} else {
			for _, q := range qs {
				if q.Type() == "clsact" {
					t.Errorf("round %d, %s: %s still has its filter", round, mishap, a.Name)
				}
			}
		}
	}
}

// awake is a link as it is after an up and a down. The kernel looks at a list of
// addresses only while its link is up: a veth that was set down while its list
// made it promiscuous is so until it is set up again.
func (c *churn) awake(l netlink.Link) netlink.Link {
	c.t.Helper()
	c.must(c.lab.A.Handle.LinkSetUp(l))
	c.must(c.lab.A.Handle.LinkSetDown(l))
	now, err := c.lab.A.Handle.LinkByName(l.Attrs().Name)
	c.must(err)
	return now
}

// TestNamespacesVanish: a namespace with a bond in it is deleted at any moment
// of the bond's making; its daemon ends and nothing holds the namespace.
func TestNamespacesVanish(t *testing.T) {
	waits(t)
	l := benchtest.Build(t, lab.Topology{Slaves: 1})
	rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 7))
	for i := range pick(6, 100) {
		ns := fmt.Sprintf("tbv%d-%d", os.Getpid(), i)
		vanish(t, l, ns, time.Duration(rnd.IntN(400))*time.Millisecond)
	}
}

func vanish(t *testing.T, l *lab.Lab, ns string, after time.Duration) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) error { return l.B.Command(t.Context(), args[0], args[1:]...).Run() }
	must(run("ip", "netns", "add", ns))
	must(run("ip", "link", "add", "vanish", "type", "veth", "peer", "name", "nic0", "netns", ns))
	cmd := l.B.Command(t.Context(), binary, "ip", "-batch", "-")
	cmd.Args = []string{cmd.Args[0], "ip", "-n", ns, "-batch", "-"}
	cmd.Stdin = strings.NewReader("link add bond0 type bond mode active-backup miimon 100\nlink set nic0 master bond0\nlink set bond0 up\nlink set bond0 type bond num_grat_arp 2\n")
	must(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	pause(t, after)
	must(run("ip", "netns", "del", ns))
	<-ended
	// The cable's other end goes when the namespace does.
	for deadline := time.Now().Add(20 * time.Second); ; pause(t, 20*time.Millisecond) {
		if _, err := l.B.Handle.LinkByName("vanish"); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s, deleted after %v, lives on", ns, after)
		}
	}
}
