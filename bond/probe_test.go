package bond

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/probe"
	"github.com/tapbond/tapbond/monitor"
)

// OnLink: what an address of a link has in its network is on that link.
func (f *fakeSystem) OnLink(to netip.Addr, w link.Way) (link.Hop, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, list := range f.addrs {
		for _, p := range list {
			if p.Contains(to) && (w.Out == 0 || w.Out == i) {
				return link.Hop{Index: i}, nil
			}
		}
	}
	return link.Hop{}, unix.ENETUNREACH
}

func (f *fakeSystem) Ways([]link.Info, []netip.Addr) ([]link.Way, error) { return nil, nil }

// network is a machine whose slaves are on one switch, with hosts that answer.
type network struct {
	*fakeSystem
	start time.Time

	nmu   sync.Mutex
	ears  map[int]*ear
	hosts map[netip.Addr]bool
	cut   map[int]bool // cables that lose everything
	asked []string     // "100 eth0 10.1.0.1"
}

// ear is a control socket that hears.
type ear struct {
	nic.ControlPort
	net    *network
	index  int
	in     chan []byte
	closed chan struct{}
	once   sync.Once
	filter nic.Filter
	groups []nic.MAC
}

func (n *network) OpenControl(index int) (nic.ControlPort, error) {
	c, err := n.fakeSystem.OpenControl(index)
	e := &ear{ControlPort: c, net: n, index: index, in: make(chan []byte, 64), closed: make(chan struct{})}
	n.nmu.Lock()
	n.ears[index] = e
	n.nmu.Unlock()
	return e, err
}

func (e *ear) Receive(buf []byte) (nic.Received, error) {
	select {
	case f := <-e.in:
		return nic.Received{N: copy(buf, f), Type: unix.PACKET_HOST}, nil
	case <-e.closed:
		return nic.Received{}, os.ErrClosed
	}
}

func (e *ear) Close() error {
	e.once.Do(func() { close(e.closed) })
	return e.ControlPort.Close()
}

func (e *ear) SetFilter(f nic.Filter) error {
	e.net.nmu.Lock()
	defer e.net.nmu.Unlock()
	e.filter = f
	return nil
}

func (e *ear) JoinGroup(m nic.MAC) error {
	e.net.nmu.Lock()
	defer e.net.nmu.Unlock()
	e.groups = append(e.groups, m)
	return nil
}

func (e *ear) LeaveGroup(m nic.MAC) error {
	e.net.nmu.Lock()
	defer e.net.nmu.Unlock()
	e.groups = slices.DeleteFunc(e.groups, func(g nic.MAC) bool { return g == m })
	return nil
}

// Send puts a frame on the network: every other slave hears it, and a host that
// is asked answers.
func (e *ear) Send(frame []byte) error {
	n := e.net
	n.nmu.Lock()
	defer n.nmu.Unlock()
	f := probe.Read(frame, false)
	if f.Kind != monitor.FrameRequest {
		return e.ControlPort.Send(frame)
	}
	info, err := n.LinkByIndex(e.index)
	if err != nil {
		return err
	}
	if f.From != f.To {
		n.asked = append(n.asked, fmt.Sprintf("%d %s %s", time.Since(n.start).Milliseconds(), info.Name, f.To))
	}
	if n.cut[e.index] {
		return nil
	}
	for i, o := range n.ears {
		if i != e.index && !n.cut[i] {
			o.hear(frame)
		}
	}
	if n.hosts[f.To] {
		e.hear(answer(frame))
	}
	return nil
}

func (e *ear) hear(frame []byte) {
	select {
	case <-e.closed:
	default:
		if e.filter.Neighbours {
			e.in <- frame
		}
	}
}

// answer makes a request the reply to it.
func answer(request []byte) []byte {
	b := slices.Clone(request)
	copy(b, request[6:12])
	b[5+6] = 0xaa
	b[21] = 2
	copy(b[22:], b[6:12])
	copy(b[28:], request[38:42])
	copy(b[32:], request[22:28])
	copy(b[38:], request[28:32])
	return b
}

func (n *network) setCut(names ...string) {
	n.nmu.Lock()
	defer n.nmu.Unlock()
	n.cut = map[int]bool{}
	for _, name := range names {
		n.cut[n.index(name)] = true
	}
}

// takeAsked returns who asked for what since the last call.
func (n *network) takeAsked() []string {
	synctest.Wait()
	n.nmu.Lock()
	defer n.nmu.Unlock()
	out := n.asked
	n.asked = nil
	return out
}

// probing makes a bond with addresses on a network where 10.1.0.1 and 10.1.0.2
// answer, and runs fn when it is up.
func probingRig(t *testing.T, options string, nics []string, fn func(*rig, *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{fakeSystem: newFakeSystem(nics...), ears: map[int]*ear{}, start: time.Now(),
			hosts: map[netip.Addr]bool{netip.MustParseAddr("10.1.0.1"): true, netip.MustParseAddr("10.1.0.2"): true}}
		r := &rig{t: t, sys: n.fakeSystem}
		r.e = NewEngine(n, NewBus(), nil)
		assigns, rest, err := option.ParseWords(strings.Fields(options))
		if err != nil || len(rest) > 0 {
			t.Fatal(err, rest)
		}
		r.b, err = r.e.Create(t.Context(), Config{Name: "bond0", Options: assigns})
		r.must(err)
		r.tap, _ = r.b.dev.(*fakeTAP)
		for _, nic := range nics {
			r.must(r.b.Enslave(t.Context(), nic))
		}
		n.mu.Lock()
		n.addrs[r.b.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24"), netip.MustParsePrefix("fd00::9/64")}
		n.mu.Unlock()
		r.must(r.b.SetUp(t.Context()))
		fn(r, n)
		if err := r.e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// since returns the log without its first n lines.
func (r *rig) since(n int) []string { return r.log()[n:] }

func (r *rig) expectSince(n int, want ...string) {
	r.t.Helper()
	if d := cmp.Diff(strings.Join(want, "\n"), strings.Join(r.since(n), "\n")); d != "" {
		r.t.Errorf("log (-want +got)\n%s", d)
	}
}

const abProbes = "mode active-backup arp_interval 100 arp_ip_target 10.1.0.1,10.1.0.2 arp_validate all"

func TestProbesOfTheActiveSlave(t *testing.T) {
	probingRig(t, abProbes, []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(250 * time.Millisecond)
		want := []string{"0 eth0 10.1.0.1", "0 eth0 10.1.0.2", "100 eth0 10.1.0.1", "100 eth0 10.1.0.2", "200 eth0 10.1.0.1", "200 eth0 10.1.0.2"}
		if d := cmp.Diff(want, n.takeAsked()); d != "" {
			t.Errorf("%s", d)
		}
		said := len(r.log())
		pass(10 * time.Second)
		n.takeAsked()
		r.expectSince(said)
		// The peer of eth0 falls silent right behind its last answer.
		n.setCut("eth0")
		before := time.Since(n.start).Milliseconds()
		sent := r.announced()
		pass(300 * time.Millisecond)
		r.expectSince(said, "bond0: (slave eth0): link status definitely down, disabling slave", "bond0: (slave eth1): making interface the new active one")
		st := r.state()
		if st.Active != "eth1" || st.Slaves[0].Failures != 1 || st.Slaves[0].Why != "no target answered for 250 ms" {
			t.Errorf("%s, %+v", st.Active, st.Slaves[0])
		}
		if r.announced() != sent+1 { // the ND one; the network takes the ARP
			t.Errorf("announced %d", r.announced()-sent)
		}
		asked := n.takeAsked()
		if at := fmt.Sprintf("%d eth1 10.1.0.1", before-before%100+250); !slices.Contains(asked, at) {
			t.Errorf("the new one doesn't ask at once (%s): %v", at, asked)
		}
		n.setCut()
		pass(200 * time.Millisecond)
		if st := r.state(); st.Slaves[0].MIIStatus != "UP" || st.Active != "eth1" {
			t.Errorf("%+v", st.Slaves[0])
		}
	})
}

// Nothing is up: one after the other is tried, and receives for the bond.
func TestProbesFindASlave(t *testing.T) {
	probingRig(t, abProbes, []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(time.Second)
		said := len(r.log())
		n.setCut("eth0", "eth1")
		pass(2 * time.Second)
		r.expectSince(said, "bond0: (slave eth0): link status definitely down, disabling slave", "bond0: (slave eth1): making interface the new active one",
			"bond0: (slave eth1): link status definitely down, disabling slave", "bond0: now running without any active interface!")
		n.takeAsked()
		pass(300 * time.Millisecond)
		asked := strings.Join(n.takeAsked(), "\n")
		if strings.Count(asked, "eth0 10.1.0.1") == 0 || strings.Count(asked, "eth1 10.1.0.1") == 0 || strings.Count(asked, "10.1.0.1") != 3 {
			t.Errorf("%s", asked)
		}
		tried := 0
		for i, s := range r.state().Slaves {
			if s.MIIStatus == "GOING_BACK" {
				tried++
				if s.State != "ACTIVE" || !r.receive([]string{"eth0", "eth1"}[i], flooded) {
					t.Errorf("%+v doesn't receive", s)
				}
			}
		}
		if tried != 1 {
			t.Errorf("%d tried", tried)
		}
		said = len(r.log())
		n.setCut("eth0")
		pass(200 * time.Millisecond)
		r.expectSince(said, "bond0: (slave eth1): link status definitely up", "bond0: (slave eth1): making interface the new active one", "bond0: active interface up!")
	})
}

func TestProbesWhenEachCarries(t *testing.T) {
	probingRig(t, "mode balance-xor arp_interval 100 arp_ip_target 10.1.0.1 arp_validate active", []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(150 * time.Millisecond)
		asked := n.takeAsked()
		slices.Sort(asked)
		if d := cmp.Diff([]string{"0 eth0 10.1.0.1", "0 eth1 10.1.0.1", "100 eth0 10.1.0.1", "100 eth1 10.1.0.1"}, asked); d != "" {
			t.Errorf("%s", d)
		}
		said := len(r.log())
		n.setCut("eth1")
		pass(time.Second)
		r.expectSince(said, "bond0: (slave eth1): interface is now down")
		n.setCut("eth0", "eth1")
		pass(time.Second)
		r.expectSince(said+1, "bond0: (slave eth0): interface is now down", "bond0: now running without any active interface!")
		n.setCut("eth1")
		pass(time.Second)
		r.expectSince(said+3, "bond0: (slave eth0): link status definitely up", "bond0: active interface up!")
		n.setCut()
		pass(time.Second)
		r.expectSince(said+5, "bond0: (slave eth1): interface is now up")
	})
}

// A lost carrier needs no probes to be seen.
func TestProbesAndCarrier(t *testing.T) {
	probingRig(t, abProbes, []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(time.Second)
		r.sys.plug("eth0", false)
		n.setCut("eth0")
		if st := r.state(); st.Active != "eth1" || st.Slaves[0].MIIStatus != "DOWN" {
			t.Errorf("%s, %+v", st.Active, st.Slaves[0])
		}
		r.sys.plug("eth0", true)
		pass(time.Second)
		if st := r.state(); st.Slaves[0].MIIStatus != "DOWN" { // the peer is still dead
			t.Errorf("%+v", st.Slaves[0])
		}
		n.setCut()
		pass(time.Second)
		if st := r.state(); st.Slaves[0].MIIStatus != "UP" {
			t.Errorf("%+v", st.Slaves[0])
		}
	})
}

// The monitors exclude each other, and change while the bond runs.
func TestMonitorsChangeLive(t *testing.T) {
	probingRig(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(time.Second)
		said := len(r.log())
		r.must(r.set("arp_interval 100 arp_ip_target 10.1.0.1 arp_validate all"))
		pass(time.Second)
		if asked := n.takeAsked(); len(asked) != 11 && len(asked) != 10 {
			t.Errorf("asked %v", asked)
		}
		if st := r.state(); st.Settings["miimon"] != "0" || st.Active != "eth0" || st.Slaves[1].MIIStatus != "UP" {
			t.Errorf("%+v", st)
		}
		n.setCut("eth0", "eth1")
		pass(time.Second)
		if st := r.state(); st.Carrier {
			t.Error("has carrier, but nobody answers")
		}
		r.must(r.set("miimon 100"))
		if st := r.state(); !st.Carrier || st.Settings["arp_interval"] != "0" || st.Settings["arp_validate"] != "none" {
			t.Errorf("%v %v", st.Carrier, st.Settings)
		}
		n.takeAsked()
		pass(time.Second)
		if asked := n.takeAsked(); len(asked) > 0 {
			t.Errorf("still asks: %v", asked)
		}
		for _, l := range r.since(said) {
			if strings.Contains(l, "no route") {
				t.Error(l)
			}
		}
		r.must(r.set("arp_interval 50"))
		pass(time.Second)
		if st := r.state(); st.Carrier {
			t.Error("has carrier, but nobody answers")
		}
		r.must(r.set("arp_ip_target")) // nobody left to ask: carrier decides
		if st := r.state(); !st.Carrier {
			t.Error("down for want of targets")
		}
	})
}

// The monitors don't wait for what the other one waited for.
func TestMonitorChangesInTheMiddle(t *testing.T) {
	probingRig(t, "mode active-backup miimon 100 downdelay 60000 updelay 60000", []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(61 * time.Second) // eth1 has waited, too
		r.sys.plug("eth0", false)
		expect(t, "active while it may come back", r.state().Active, "eth0")
		r.must(r.set("arp_interval 100 arp_ip_target 10.1.0.1 arp_validate all"))
		st := r.state()
		expect(t, "active", st.Active, "eth1")
		expect(t, "the one without carrier", st.Slaves[0].MIIStatus, "DOWN")
		r.must(r.set("miimon 100 updelay 60000"))
		r.sys.plug("eth0", true)
		expect(t, "coming back", r.state().Slaves[0].MIIStatus, "GOING_BACK")
		r.must(r.set("arp_interval 100"))
		pass(300 * time.Millisecond)
		st = r.state()
		expect(t, "active", st.Active, "eth1")
		expect(t, "the one that hears the probes", st.Slaves[0].MIIStatus, "UP")
	})
}

// Without validation any frame is a sign of life; the workers only count them.
func TestAnyFrameKeepsASlaveUp(t *testing.T) {
	probingRig(t, "mode active-backup arp_interval 100 arp_ip_target 10.1.0.1", []string{"eth0", "eth1"}, func(r *rig, n *network) {
		pass(time.Second)
		n.setCut("eth0", "eth1")
		said := len(r.log())
		for range 50 {
			r.receive("eth0", flooded)
			r.receive("eth1", flooded)
			pass(50 * time.Millisecond)
		}
		r.expectSince(said)
		r.receive("eth0", flooded)
		silent := time.Now()
		for r.state().Active == "eth0" {
			r.receive("eth1", flooded)
			pass(10 * time.Millisecond)
		}
		if d := time.Since(silent); d > 290*time.Millisecond || d < 240*time.Millisecond {
			t.Errorf("found out after %v", d)
		}
	})
}

func TestNoRouteAndNoPath(t *testing.T) {
	probingRig(t, "mode active-backup arp_interval 100 arp_ip_target 10.1.0.1,10.9.0.1 arp_validate active", []string{"eth0"}, func(r *rig, n *network) {
		pass(time.Second)
		no := "bond0: no route to arp_ip_target 10.9.0.1 and arp_validate is set"
		if c := slices.DeleteFunc(r.log(), func(l string) bool { return l != no }); len(c) != 1 {
			t.Errorf("said %d times\n%s", len(c), strings.Join(r.log(), "\n"))
		}
		if asked := n.takeAsked(); !slices.Contains(asked, "0 eth0 10.9.0.1") {
			t.Errorf("not asked all the same: %v", asked)
		}
		other := n.addLink("eth9", [6]byte{2, 9})
		n.mu.Lock()
		n.addrs[other] = []netip.Prefix{netip.MustParsePrefix("10.9.0.5/24")}
		n.mu.Unlock()
		r.e.dispatch(monitor.WatchEvent{Routes: true})
		pass(200 * time.Millisecond)
		if !slices.Contains(r.log(), "bond0: no path to arp_ip_target 10.9.0.1 via rt.dev eth9") {
			t.Errorf("%s", strings.Join(r.log(), "\n"))
		}
		n.takeAsked()
		pass(200 * time.Millisecond)
		if asked := n.takeAsked(); slices.ContainsFunc(asked, func(s string) bool { return strings.Contains(s, "10.9.0.1") }) || len(asked) == 0 {
			t.Errorf("asked %v", asked)
		}
		if st := r.state(); st.Active != "eth0" {
			t.Errorf("%+v", st)
		}
	})
}

// A process that takes over goes on asking on the active slave, and has
// everybody answer anew before it judges.
func TestProbesAfterTakingOver(t *testing.T) {
	nics := []string{"eth0", "eth1"}
	synctest.Test(t, func(t *testing.T) {
		hosts := map[netip.Addr]bool{netip.MustParseAddr("10.1.0.1"): true, netip.MustParseAddr("10.1.0.2"): true}
		addr := []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
		old := &network{fakeSystem: newFakeSystem(nics...), ears: map[int]*ear{}, start: time.Now(), hosts: hosts}
		store := new(memory)
		r := &rig{t: t, sys: old.fakeSystem, e: NewEngine(old, NewBus(), store)}
		assigns, _, err := option.ParseWords(strings.Fields(abProbes))
		r.must(err)
		r.b, err = r.e.Create(t.Context(), Config{Name: "bond0", Options: assigns})
		r.must(err)
		for _, n := range nics {
			r.must(r.b.Enslave(t.Context(), n))
		}
		old.mu.Lock()
		old.addrs[r.b.index] = addr
		old.mu.Unlock()
		r.must(r.b.SetUp(t.Context()))
		r.must(r.set("active_slave eth1"))
		pass(time.Second)
		old.mu.Lock()
		h := old.host("killed", store.kept())
		old.mu.Unlock()

		n := &network{fakeSystem: h.after(nics...), ears: map[int]*ear{}, start: time.Now(), hosts: hosts}
		n.addrs[r.b.index] = addr
		next := &rig{t: t, sys: n.fakeSystem, e: NewEngine(n, NewBus(), nil)}
		r.must(next.e.Adopt(t.Context(), records(t, h.kept)))
		next.b = next.e.Bond("bond0")
		pass(time.Second)
		st := next.state()
		if st.Active != "eth1" || st.Slaves[0].MIIStatus != "UP" || st.Slaves[1].MIIStatus != "UP" || st.Slaves[0].Failures+st.Slaves[1].Failures > 0 {
			t.Errorf("active %s, %+v", st.Active, st.Slaves)
		}
		asked := n.takeAsked()
		if len(asked) < 18 || slices.ContainsFunc(asked, func(s string) bool { return !strings.Contains(s, "eth1") }) {
			t.Errorf("asked %v", asked)
		}
		for _, e := range []*Engine{next.e, r.e} {
			if err := e.CloseAll(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
}

// Solicited-node groups are joined by backups while answers are validated, and
// go with the role.
func TestGroupsOfTargets(t *testing.T) {
	probingRig(t, "mode active-backup arp_interval 100 ns_ip6_target fd00::1,fd00::1:2 arp_validate active", []string{"eth0", "eth1"}, func(r *rig, n *network) {
		groups := func(name string) int {
			synctest.Wait()
			i := n.index(name)
			n.nmu.Lock()
			defer n.nmu.Unlock()
			return len(n.ears[i].groups)
		}
		pass(100 * time.Millisecond)
		expect(t, "of the active one", groups("eth0"), 0)
		expect(t, "of the backup", groups("eth1"), 2)
		r.must(r.set("active_slave eth1"))
		expect(t, "of the one that was active", groups("eth0"), 2)
		expect(t, "of the active one now", groups("eth1"), 0)
		r.must(r.set("ns_ip6_target fd00::1"))
		expect(t, "with one target", groups("eth0"), 1)
		r.must(r.set("arp_validate none"))
		expect(t, "without validation", groups("eth0"), 0)
		r.must(r.set("arp_validate all"))
		expect(t, "with it again", groups("eth0"), 1)
		r.must(r.set("miimon 100"))
		expect(t, "without the monitor", groups("eth0"), 0)
	})
}
