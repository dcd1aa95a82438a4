package vnet

import (
	"net"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// addVXLAN makes the tunnel vnetvx over the link under, to a peer that is not there.
func addVXLAN(t *testing.T, under string, v6, csum bool) {
	t.Helper()
	ours, peer := net.ParseIP("10.77.0.1"), net.ParseIP("10.77.0.2")
	bits := 24
	if v6 {
		ours, peer, bits = net.ParseIP("fd77::1"), net.ParseIP("fd77::2"), 64
	}
	l := link(t, under)
	addr := &netlink.Addr{IPNet: &net.IPNet{IP: ours, Mask: net.CIDRMask(bits, len(ours.To16())*8)}, Flags: unix.IFA_F_NODAD}
	if !v6 {
		addr.IPNet = &net.IPNet{IP: ours.To4(), Mask: net.CIDRMask(bits, 32)}
	}
	if err := netlink.AddrAdd(l, addr); err != nil {
		t.Fatalf("%s: address: %v", under, err)
	}
	if err := netlink.NeighAdd(&netlink.Neigh{
		LinkIndex: l.Attrs().Index, IP: peer, State: netlink.NUD_PERMANENT, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9},
	}); err != nil {
		t.Fatalf("%s: neighbour: %v", under, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "vnetvx"
	vx := &netlink.Vxlan{LinkAttrs: attrs, VxlanId: 42, VtepDevIndex: l.Attrs().Index, SrcAddr: ours, Group: peer, Port: 4789, Learning: false}
	vx.UDPCSum, vx.UDP6ZeroCSumTx = csum, !csum
	if err := netlink.LinkAdd(vx); err != nil {
		t.Fatalf("vnetvx: %v", err)
	}
	if err := netlink.LinkSetUp(link(t, "vnetvx")); err != nil {
		t.Fatalf("vnetvx up: %v", err)
	}
}

// The kernel builds a VXLAN super-frame. What we make of it, met on a veth
// whose other end has offloads, is what the kernel makes of it where that end
// has none.
func TestKernelTunnelSegments(t *testing.T) {
	inner := map[string]*stack{
		"tcp4": newStack(pattern(30000)).tcp(1, 0x99, 12).v4(6, 0xfff0, 0, true).eth(0x0800).gso(GSOTCPv4, 1378),
		"tcp6": newStack(pattern(30001)).tcp(1, 0x18, 12).v6(6, true).eth(0x86dd).gso(GSOTCPv6, 1357),
		"uso4": newStack(pattern(9001)).udp(9).v4(17, 1, 0, true).eth(0x0800).gso(GSOUDPL4, 1000),
	}
	for _, tt := range []struct {
		name     string
		v6, csum bool
	}{
		{"ipv4", false, false},
		{"ipv4 checksummed", false, true},
		{"ipv6", true, false},
		{"ipv6 checksummed", true, true},
	} {
		udp := 14 + 20
		if tt.v6 {
			udp = 14 + 40
		}
		vxlan := func(f []byte) bool {
			return len(f) > udp+8+8+14 && f[udp-11] != 1 && be.Uint16(f[udp+2:]) == 4789 && fromBuilder(f[udp+16:])
		}
		labtest.InNetns(t, func() {
			vethPair(t, "vnetka", "vnetkb")
			addVXLAN(t, "vnetka", tt.v6, tt.csum)
			tx := openSocket(t, "vnetvx", 0, true)
			seg := NewSegmenter()
			for name, s := range inner {
				setOffloads(t, "vnetka", true)
				rx := openSocket(t, "vnetkb", unix.ETH_P_ALL, true)
				tx.send(s.packet().Buf)
				super := receiveOne(rx, vxlan)
				if super == nil {
					t.Fatalf("%s %s: no super-frame", tt.name, name)
				}
				var h Hdr
				h.Decode(super.Buf)
				if h.GSOType == GSONone || !IsTunnelGSO(super.Frame(), &h) {
					t.Fatalf("%s %s: not a tunnel's super-frame: %+v", tt.name, name, h)
				}
				seg.Reset()
				ours, err := seg.Repair(nil, super)
				if err != nil {
					t.Fatalf("%s %s: %v", tt.name, name, err)
				}

				setOffloads(t, "vnetka", false)
				plain := openSocket(t, "vnetkb", unix.ETH_P_ALL, false)
				tx.send(s.packet().Buf)
				kernels := plain.row(len(ours), vxlan)
				if !tt.v6 && len(kernels) > 0 {
					sameID(ours, kernels[0])
				}
				t.Run(tt.name+" "+name, func(t *testing.T) { same(t, ours, kernels) })
			}
		})
	}
}

// receiveOne returns the next frame that mine picks, nil if none comes.
func receiveOne(k *kernelSocket, mine func([]byte) bool) *Packet {
	for {
		p, ok := k.receive()
		if !ok || mine(p.Frame()) {
			return p
		}
	}
}

// sameID moves the outer IPv4 identifications of ours, drawn by the kernel for
// each send anew, so that the first is that of kernel.
func sameID(ours []Packet, kernel []byte) {
	delta := be.Uint16(kernel[18:]) - be.Uint16(ours[0].Frame()[18:])
	for i := range ours {
		f := ours[i].Frame()
		be.PutUint16(f[18:], be.Uint16(f[18:])+delta)
		be.PutUint16(f[24:], 0)
		be.PutUint16(f[24:], ^uint16(naive(f[14:34])))
	}
}
