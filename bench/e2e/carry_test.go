package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/internal/labtest"
)

// TestCarries: in every mode, over two and three slaves, offloads passed
// through and plain, with a peer that offloads and one that looks like a wire:
// pings without loss and without duplicates, UDP and TCP both ways, IPv4 and
// IPv6, every octet as sent.
func TestCarries(t *testing.T) {
	kinds := []struct {
		slaves, mtu int
		offload     string
		peer        bool
	}{{2, 1500, "auto", true}, {3, 9000, "off", true}, {3, 1500, "on", false}, {2, 9000, "off", false}}
	few := make(chan struct{}, 3)
	for _, mode := range modes() {
		for i, k := range kinds {
			t.Run(fmt.Sprintf("%s-%dx%d-%s-peer=%v", mode, k.slaves, k.mtu, k.offload, k.peer), func(t *testing.T) {
				t.Parallel()
				place(t, few)
				b := start(t, lab.Topology{Slaves: k.slaves, MTU: k.mtu, PeerOffloads: k.peer, Wire: i%2 == 1},
					fmt.Sprintf("mode %s miimon 100 xmit_hash_policy layer3+4 offload %s", mode, k.offload))
				if k.mtu != 1500 {
					l, err := b.lab.A.Handle.LinkByName("bond0")
					b.must(err)
					b.must(b.lab.A.Handle.LinkSetMTU(l, k.mtu))
					b.said("MTU is now")
				}
				b.pings(mode)
				b.datagrams(mode, k.mtu)
				b.streams()
			})
		}
	}
}

var ends = [][2]netip.Addr{{lab.AddrA4.Addr(), lab.AddrB4.Addr()}, {lab.AddrA6.Addr(), lab.AddrB6.Addr()}}

func (b *bed) pings(mode string) {
	b.t.Helper()
	for _, e := range ends {
		r, err := traffic.Ping(b.t.Context(), traffic.PingConfig{From: b.lab.A, Src: e[0], Dst: e[1], Count: 20})
		b.must(err)
		if r.Lost > 0 || r.Corrupted > 0 || r.Errors > 0 || r.Duplicated > 0 && mode != "broadcast" {
			b.t.Errorf("ping %s: %s", e[1], r)
		}
	}
}

func (b *bed) datagrams(mode string, mtu int) {
	b.t.Helper()
	for _, e := range ends {
		for _, back := range []bool{false, true} {
			cfg := traffic.FlowConfig{From: b.lab.A, To: b.lab.B, Src: e[0], Dst: e[1], Flows: 4, Rate: 10_000, Count: 1000, Size: 400, Patience: stragglers}
			if mtu > 1500 {
				cfg.Size, cfg.Count = 8000, 400 // what the sockets hold, should the bond be held up by the machine
			}
			if back {
				cfg.From, cfg.To, cfg.Src, cfg.Dst = cfg.To, cfg.From, cfg.Dst, cfg.Src
			}
			r, err := traffic.Run(b.t.Context(), cfg)
			b.must(err)
			sum := r.Receive.Total()
			copies := mode == "broadcast" && !back
			if sum.Lost > 0 || r.Receive.Corrupted > 0 || sum.Duplicated > 0 && !copies || sum.Reordered > 0 && mode != "balance-rr" && !copies {
				b.t.Errorf("UDP to %s: lost %d, corrupted %d, duplicated %d, reordered %d of %d, socket drops %d; the bond dropped %v", cfg.Dst,
					sum.Lost, r.Receive.Corrupted, sum.Duplicated, sum.Reordered, sum.Sent, r.Receive.SocketDrops, b.state().Drops)
			}
		}
	}
}

func (b *bed) streams() {
	b.t.Helper()
	for _, e := range ends {
		r, err := traffic.TCPStream(b.t.Context(), traffic.TCPConfig{
			From: b.lab.A, To: b.lab.B, Listen: netip.AddrPortFrom(e[1], 0), Out: 8 << 20, Back: 8 << 20,
		})
		if err != nil {
			b.t.Errorf("TCP to %s: %v", e[1], err)
		}
		_ = r
	}
}

// TestFramesOctetForOctet: tags, priority tags, QinQ, foreign ethertypes, LLC,
// the smallest and the largest, both ways.
func TestFramesOctetForOctet(t *testing.T) {
	for _, way := range []string{"offload on", "offload off", "express on"} {
		for _, mode := range []string{"active-backup", "balance-xor"} {
			t.Run(mode+"-"+way, func(t *testing.T) {
				b := start(t, lab.Topology{Slaves: 2, PeerOffloads: true}, "mode "+mode+" miimon 100 "+way)
				bond0, err := b.lab.A.Handle.LinkByName("bond0")
				b.must(err)
				out := frames(lab.HostMAC(), bond0.Attrs().HardwareAddr)
				back := frames(bond0.Attrs().HardwareAddr, lab.HostMAC())
				a, peer := traffic.FrameEnd{At: b.lab.A, Ifname: "bond0"}, traffic.FrameEnd{At: b.lab.B, Ifname: "eth0"}
				b.exchange("out", a, peer, out)
				b.exchange("in", peer, a, back)
			})
		}
	}
}

func frames(dst, src net.HardwareAddr) []traffic.FrameSpec {
	var specs []traffic.FrameSpec
	tags := [][]traffic.Tag{
		nil, {{VID: 10}}, {{VID: 4095, PCP: 7, DEI: true}}, {{PCP: 5}}, {{TPID: 0x88a8, VID: 7}},
		{{TPID: 0x88a8, VID: 7}, {VID: 10}}, {{VID: 7}, {VID: 10}}, {{PCP: 3}, {VID: 10}},
	}
	for _, tag := range tags {
		for _, typ := range []uint16{0x88b5, 0x0800, 0x86dd, 0x8847, 0} {
			largest := 1500
			if typ == 0 {
				largest -= 8 // LLC and SNAP
			}
			if len(tag) > 1 || len(tag) == 1 && tag[0].TPID == 0x88a8 {
				largest -= 4 * len(tag) // the kernel allows for one 802.1Q tag
			}
			for _, n := range []int{traffic.MinPayload, 64, 65, largest} {
				specs = append(specs, traffic.FrameSpec{Dst: dst, Src: src, Tags: tag, EtherType: typ, Payload: n})
			}
		}
	}
	return specs
}

func (b *bed) exchange(way string, from, to traffic.FrameEnd, specs []traffic.FrameSpec) {
	b.t.Helper()
	results, err := traffic.Exchange(b.t.Context(), from, to, specs)
	b.must(err)
	for _, r := range results {
		if !r.Intact() {
			b.t.Errorf("%s: tags %+v ethertype %#x payload %d: %s", way, r.Spec.Tags, r.Spec.EtherType, r.Spec.Payload, r)
		}
	}
}

// TestVXLANOverTheBond: super-frames in a tunnel, which a virtio-net header
// can't describe, must cross all the same.
func TestVXLANOverTheBond(t *testing.T) {
	for _, offload := range []string{"on", "off"} {
		t.Run(offload, func(t *testing.T) {
			b := start(t, lab.Topology{Slaves: 2, PeerOffloads: true}, "mode active-backup miimon 100 offload "+offload)
			inner := []netip.Prefix{netip.MustParsePrefix("10.98.0.1/24"), netip.MustParsePrefix("10.98.0.2/24")}
			for i, side := range []struct {
				host  *lab.Host
				under string
				peer  netip.Addr
			}{{b.lab.A, "bond0", lab.AddrB4.Addr()}, {b.lab.B, "eth0", lab.AddrA4.Addr()}} {
				under, err := side.host.Handle.LinkByName(side.under)
				b.must(err)
				vx := &netlink.Vxlan{LinkAttrs: netlink.LinkAttrs{Name: "vx0", MTU: 1450}, VxlanId: 42, VtepDevIndex: under.Attrs().Index,
					Group: side.peer.AsSlice(), Port: 4789}
				if err := side.host.Handle.LinkAdd(vx); err != nil {
					labtest.Lack(t, "vxlan: "+err.Error())
				}
				b.must(side.host.Up("vx0"))
				b.must(side.host.Assign("vx0", inner[i]))
			}
			for _, way := range []struct {
				name      string
				out, back int64
			}{{"out", 32 << 20, 0}, {"in", 0, 32 << 20}} {
				r, err := traffic.TCPStream(t.Context(), traffic.TCPConfig{
					From: b.lab.A, To: b.lab.B, Listen: netip.AddrPortFrom(inner[1].Addr(), 0), Out: way.out, Back: way.back,
				})
				b.must(err)
				t.Logf("%s: %.2f Gbit/s", way.name, 8*32*float64(1<<20)/r.Took.Seconds()/1e9)
			}
		})
	}
}

// TestSpanningTreeOnTheBond: a bridge with STP on top of bond0 sees the
// switch's BPDUs and the switch sees its.
func TestSpanningTreeOnTheBond(t *testing.T) {
	b := start(t, lab.Topology{Slaves: 2, PeerOffloads: true}, "mode active-backup miimon 100")
	bpdus := func(h *lab.Host, ifname string) func() uint64 {
		t.Helper()
		c, err := h.Count(ifname, lab.Received, isBPDU())
		b.must(err)
		t.Cleanup(func() { c.Close() })
		return func() uint64 {
			n, err := c.Read()
			b.must(err)
			return n
		}
	}
	atBond, atPort := bpdus(b.lab.A, "bond0"), bpdus(b.lab.Switch, "p0")
	spec := traffic.FrameSpec{Dst: net.HardwareAddr{0x01, 0x80, 0xc2, 0, 0, 0}, Src: lab.HostMAC(), Payload: 64}
	// A BPDU is a frame to the bridge group address: what matters is that it
	// passes, not who made it.
	for _, way := range []struct {
		name     string
		from, to traffic.FrameEnd
	}{
		{"in", traffic.FrameEnd{At: b.lab.Switch, Ifname: "p0"}, traffic.FrameEnd{At: b.lab.A, Ifname: "bond0"}},
		{"out", traffic.FrameEnd{At: b.lab.A, Ifname: "bond0"}, traffic.FrameEnd{At: b.lab.Switch, Ifname: "p0"}},
	} {
		b.exchange(way.name, way.from, way.to, []traffic.FrameSpec{spec})
	}
	if atBond() == 0 || atPort() == 0 {
		t.Errorf("bridge group frames at bond0 %d, at the switch %d", atBond(), atPort())
	}
}
