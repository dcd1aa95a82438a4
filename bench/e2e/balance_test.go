package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
)

// balanced is a bond with more hosts behind the switch.
type balanced struct {
	*bed
	clients []*lab.Host
}

func startBalanced(t *testing.T, slaves, clients int, options string) *balanced {
	t.Helper()
	b := &balanced{bed: start(t, lab.Topology{Slaves: slaves, PeerOffloads: true}, options)}
	var err error
	b.clients, err = b.lab.AddHosts(clients)
	b.must(err)
	b.meet()
	return b
}

// meet has every client find the bond's host.
func (b *balanced) meet() {
	b.t.Helper()
	for i, c := range b.clients {
		r, err := traffic.Ping(b.t.Context(), traffic.PingConfig{From: c, Dst: lab.AddrA4.Addr(), Count: 3})
		b.must(err)
		if r.Lost > 0 || r.Duplicated > 0 {
			b.t.Errorf("client %d: %s", i, r)
		}
	}
}

// per is how many clients each slave has, by the state, of those that know: who
// is told once more that his slave is lost has heard it once.
func per(st *bond.State) map[string]int {
	n := map[string]int{}
	for _, c := range st.Balance.Clients {
		if c.Client.Is4() && c.Client != lab.AddrB4.Addr() && (!c.Pending || c.Why == alb.SlaveLost.String()) {
			n[c.Slave]++
		}
	}
	return n
}

// untilEven waits until each slave has as many clients as the others.
func (b *balanced) untilEven(limit time.Duration) {
	b.t.Helper()
	began := time.Now()
	want := len(b.clients) / b.lab.Topology.Slaves
	st := b.until("clients are even", func(st bond.State) bool {
		n := per(&st)
		for _, k := range b.lab.Links() {
			if n[k.Slave()] != want {
				return false
			}
		}
		return true
	})
	if took := time.Since(began); took > limit {
		b.t.Errorf("even after %v: %v", took, per(&st))
	}
}

// send has every client send to the bond's host at the same time and returns
// what arrived, client by client.
func (b *balanced) send(rate int, count uint64) []traffic.FlowReport {
	b.t.Helper()
	out := make([]traffic.FlowReport, len(b.clients))
	var wg sync.WaitGroup
	for i, c := range b.clients {
		wg.Go(func() {
			r, err := traffic.Run(b.t.Context(), traffic.FlowConfig{
				From: c, To: b.lab.A, Src: lab.MoreAddr(i).Addr(), Dst: lab.AddrA4.Addr(), First: uint16(i), Size: 400, Rate: rate, Count: count,
			})
			if err != nil {
				b.t.Error(err)
				return
			}
			out[i] = r.Receive.Flows[0]
		})
	}
	wg.Wait()
	return out
}

// shares are the octets that each slave received while fn ran.
func (b *balanced) shares(fn func()) []float64 {
	b.t.Helper()
	read := func() []float64 {
		var out []float64
		for _, k := range b.lab.Links() {
			s, err := b.lab.A.Stats(k.Slave())
			b.must(err)
			out = append(out, float64(s.RxOctets))
		}
		return out
	}
	before := read()
	fn()
	after, sum := read(), 0.0
	for i := range after {
		after[i] -= before[i]
		sum += after[i]
	}
	for i := range after {
		after[i] /= sum
	}
	return after
}

func (b *balanced) even(what string, fn func()) {
	b.t.Helper()
	got := b.shares(fn)
	want := 1 / float64(len(got))
	for _, s := range got {
		if s < want*0.85 || s > want*1.15 {
			b.t.Errorf("%s: shares of the slaves %.3f", what, got)
			return
		}
	}
	b.t.Logf("%s: shares of the slaves %.3f", what, got)
}

// TestReceiveBalancing: three slaves, nine clients: what they send is even;
// when a slave is cut they are all heard again within a second; when it is back
// they are even again. Clients that believe what they heard once are heard too.
func TestReceiveBalancing(t *testing.T) {
	for _, stubborn := range []bool{false, true} {
		for cut := range 2 { // the active slave, and another one
			t.Run(fmt.Sprintf("stubborn=%v-cut=%d", stubborn, cut), func(t *testing.T) {
				t.Parallel()
				b := startBalanced(t, 3, 9, "mode balance-alb miimon 100")
				b.untilEven(2 * time.Second)
				if stubborn {
					b.fixNeighbours()
				}
				const rate = 300
				b.even("all up", func() { b.send(rate, rate) })

				done := make(chan []traffic.FlowReport)
				go func() { done <- b.send(rate, 3*rate) }()
				pause(t, time.Second)
				_, err := b.lab.Link(cut).Carrier(false)
				b.must(err)
				var lost uint64
				var gap time.Duration
				for i, r := range <-done {
					lost, gap = lost+r.Lost, max(gap, r.LongestGap)
					if r.Lost > rate/5 || r.LongestGap > time.Second || r.Duplicated > 0 {
						t.Errorf("client %d: lost %d, gap %v, duplicated %d", i, r.Lost, r.LongestGap, r.Duplicated)
					}
				}
				t.Logf("cut: %d frames of %d lost, silent for %v at most", lost, 9*3*rate, gap)
				_, err = b.lab.Link(cut).Carrier(true)
				b.must(err)
				b.untilEven(12 * time.Second)
				b.even("restored", func() { b.send(rate, rate) })
			})
		}
	}
}

// fixNeighbours makes what each client believes of the bond's address final.
func (b *balanced) fixNeighbours() {
	b.t.Helper()
	st := b.state()
	macs := map[string]net.HardwareAddr{}
	for _, s := range st.Slaves {
		m, err := net.ParseMAC(s.MAC)
		b.must(err)
		macs[s.Name] = m
	}
	of := map[netip.Addr]string{}
	for _, c := range st.Balance.Clients {
		of[c.Client] = c.Slave
	}
	for i, c := range b.clients {
		slave := of[lab.MoreAddr(i).Addr()]
		list, err := c.Handle.NeighList(0, netlink.FAMILY_V4)
		b.must(err)
		for _, n := range list {
			if n.IP.Equal(lab.AddrA4.Addr().AsSlice()) && n.HardwareAddr.String() != macs[slave].String() {
				b.t.Errorf("client %d is on %s and believes %v", i, slave, n.HardwareAddr)
			}
		}
		b.must(c.Neighbour("eth0", lab.AddrA4.Addr(), macs[slave]))
	}
}

// TestLoadBalancing: 64 flows of different rates over two slaves, one twice as
// fast as the other: after two rebalancings nearly all that fits is carried,
// each slave carrying its part.
func TestLoadBalancing(t *testing.T) {
	t.Parallel()
	slow := uint64(pick(10, 100)) * 1_000_000 // bit/s
	b := start(t, lab.Topology{Slaves: 2, Wire: true}, "mode balance-tlb miimon 100 xmit_hash_policy layer3+4")
	for i, bits := range []uint64{slow, 2 * slow} {
		b.do("ip", "link", "set", b.lab.Link(i).Slave(), "type", "bond_slave", "speed", fmt.Sprint(bits/1_000_000))
		b.must(b.lab.Link(i).Rate(lab.ToB, bits, 20_000, 50*time.Millisecond))
	}
	const size, groups = 1000, 8
	// Group g has 8 flows of weight g+1 each: 36 parts of 8 flows.
	frames := 3 * slow / 8 / (size + 42)
	var wg sync.WaitGroup
	for g := range groups {
		rate := int(frames) * (g + 1) / 36
		wg.Go(func() {
			_, err := traffic.Run(t.Context(), traffic.FlowConfig{
				From: b.lab.A, To: b.lab.B, Src: lab.AddrA4.Addr(), Dst: lab.AddrB4.Addr(), Flows: 8, First: uint16(8 * g),
				Size: size, Rate: rate, Count: uint64(rate) * 30,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	pause(t, 23*time.Second)
	octets := func() (n [2]float64) {
		for i := range n {
			s, err := b.lab.Switch.Stats(fmt.Sprintf("p%d", i))
			b.must(err)
			n[i] = float64(s.RxOctets)
		}
		return n
	}
	before, began := octets(), time.Now()
	pause(t, 5*time.Second)
	after, over := octets(), time.Since(began).Seconds()
	wg.Wait()
	bits := [2]float64{8 * (after[0] - before[0]) / over, 8 * (after[1] - before[1]) / over}
	sum := bits[0] + bits[1]
	t.Logf("carried %.1f and %.1f of %d and %d Mbit/s", bits[0]/1e6, bits[1]/1e6, slow/1e6, 2*slow/1e6)
	if sum < 0.8*3*float64(slow) {
		t.Errorf("%.0f %% of what fits", 100*sum/3/float64(slow))
	}
	if share := bits[0] / sum; share < 1./3-0.15 || share > 1./3+0.15 {
		t.Errorf("the slow slave carries %.0f %%", 100*share)
	}
}

// TestGuestsOnBalanced: a macvlan on the bond, and a guest behind a bridge that
// the bond is a port of, are reached and reach others, before and after a
// failover, without loss or copies.
func TestGuestsOnBalanced(t *testing.T) {
	for _, mode := range []string{"balance-tlb", "balance-alb"} {
		for _, kind := range []string{"macvlan", "bridge"} {
			t.Run(mode+"-"+kind, func(t *testing.T) {
				t.Parallel()
				b := startBalanced(t, 3, 3, "mode "+mode+" miimon 100")
				guest := b.guest(kind)
				ping := func(what string) {
					t.Helper()
					for i, c := range append(b.clients[1:], b.lab.B) {
						to := lab.MoreAddr(i + 1).Addr()
						if c == b.lab.B {
							to = lab.AddrB4.Addr()
						}
						for _, way := range []traffic.PingConfig{{From: guest, Dst: to, Count: 16}, {From: c, Dst: guestAddr.Addr(), Count: 16}} {
							r, err := traffic.Ping(t.Context(), way)
							b.must(err)
							if r.Lost > 0 || r.Duplicated > 0 || r.Errors > 0 {
								t.Errorf("%s, ping %s: %s", what, way.Dst, r)
							}
						}
					}
				}
				ping("at first")
				_, err := b.lab.Link(0).Carrier(false)
				b.must(err)
				b.until("another slave is active", func(st bond.State) bool { return st.Active != "" && st.Active != "eth0" })
				ping("after a failover")
			})
		}
	}
}

var guestAddr = netip.MustParsePrefix("10.99.0.77/24")

// guest takes the first client's namespace for a guest of host A.
func (b *balanced) guest(kind string) *lab.Host {
	b.t.Helper()
	g, a := b.clients[0], b.lab.A
	eth0, err := g.Handle.LinkByName("eth0")
	b.must(err)
	b.must(g.Handle.LinkDel(eth0))
	bond0, err := a.Handle.LinkByName("bond0")
	b.must(err)
	attrs := netlink.LinkAttrs{Name: "guest", ParentIndex: bond0.Attrs().Index}
	var dev netlink.Link = &netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE}
	if kind == "bridge" {
		br := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		b.must(a.Handle.LinkAdd(br))
		b.must(a.Handle.LinkSetMaster(bond0, br))
		b.must(a.Up("br0"))
		dev = &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "guest"}, PeerName: "port"}
	}
	b.must(a.Handle.LinkAdd(dev))
	if kind == "bridge" {
		port, err := a.Handle.LinkByName("port")
		b.must(err)
		br0, err := a.Handle.LinkByName("br0")
		b.must(err)
		b.must(a.Handle.LinkSetMaster(port, br0))
		b.must(a.Up("port"))
	}
	dev, err = a.Handle.LinkByName("guest")
	b.must(err)
	ns, err := os.Open(g.Path())
	b.must(err)
	defer ns.Close()
	b.must(a.Handle.LinkSetNsFd(dev, int(ns.Fd())))
	b.must(g.Up("guest"))
	b.must(g.Assign("guest", guestAddr))
	return g
}

// TestReceiveBalancingIPv6: what clients send over IPv6 is even as well, and
// they are heard again after a slave is cut.
func TestReceiveBalancingIPv6(t *testing.T) {
	waits(t)
	b := startBalanced(t, 3, 6, "mode balance-alb miimon 100 alb_ipv6 on")
	for i, c := range b.clients {
		b.must(c.Assign("eth0", more6(i)))
	}
	ping := func(what string, count int) {
		t.Helper()
		for i, c := range b.clients {
			r, err := traffic.Ping(t.Context(), traffic.PingConfig{From: c, Src: more6(i).Addr(), Dst: lab.AddrA6.Addr(), Count: count})
			b.must(err)
			if r.Lost > 0 || r.Duplicated > 0 {
				t.Errorf("%s, client %d: %s", what, i, r)
			}
		}
	}
	ping("at first", 1)
	b.until("clients are even", func(st bond.State) bool {
		n := map[string]int{}
		for _, c := range st.Balance.Clients {
			if c.Client.Is6() && c.Client != lab.AddrB6.Addr() {
				n[c.Slave]++
			}
		}
		return n["eth0"] == 2 && n["eth1"] == 2 && n["eth2"] == 2
	})
	b.even("over IPv6", func() { ping("even", 60) })
	_, err := b.lab.Link(1).Carrier(false)
	b.must(err)
	b.until("the lost slave's clients are told", func(st bond.State) bool {
		told := 0
		for _, c := range st.Balance.Clients {
			if c.Client.Is6() && c.Slave != "eth1" && c.Updates >= 2 && c.Why == alb.SlaveLost.String() {
				told++
			}
		}
		return told == 2
	})
	ping("after a loss", 10)
}

func more6(i int) netip.Prefix {
	return netip.MustParsePrefix(fmt.Sprintf("fd99::%x/64", 0x11+i))
}
