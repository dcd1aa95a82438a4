package vnet

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/safchain/ethtool"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The kernel is the measure: a super-frame sent on a veth without offloads is
// cut by it, and what the peer receives must be, octet for octet, what the
// Segmenter makes of the same frame.

// vethPair makes the pair a, b in the thread's namespace, both up.
func vethPair(t *testing.T, a, b string) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = a
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: b}); err != nil {
		t.Fatalf("veth %s: %v", a, err)
	}
	for _, name := range []string{a, b} {
		if err := netlink.LinkSetUp(link(t, name)); err != nil {
			t.Fatalf("%s up: %v", name, err)
		}
	}
}

func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatalf("link %s: %v", name, err)
	}
	return l
}

// setOffloads switches everything on name that would let it take super-frames
// or partial checksums.
func setOffloads(t *testing.T, name string, on bool) {
	t.Helper()
	e, err := ethtool.NewEthtool()
	if err != nil {
		t.Fatalf("ethtool: %v", err)
	}
	defer e.Close()
	have, err := e.Features(name)
	if err != nil {
		t.Fatalf("ethtool %s: %v", name, err)
	}
	want := map[string]bool{}
	for f := range have {
		if strings.HasPrefix(f, "tx-") && strings.HasSuffix(f, "segmentation") || f == "tx-checksum-ip-generic" || f == "tx-scatter-gather" {
			want[f] = on
		}
	}
	if err := e.Change(name, want); err != nil {
		t.Fatalf("ethtool %s: %v", name, err)
	}
}

// kernelSocket is a packet socket on one interface.
type kernelSocket struct {
	t    *testing.T
	fd   int
	hdr  bool // with PACKET_VNET_HDR
	name string
}

func openSocket(t *testing.T, name string, proto uint16, hdr bool) *kernelSocket {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socket: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	opts := []int{unix.PACKET_AUXDATA, unix.PACKET_IGNORE_OUTGOING}
	if hdr {
		opts = append(opts, unix.PACKET_VNET_HDR)
	}
	for _, o := range opts {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, o, 1); err != nil {
			t.Fatalf("%s: setsockopt %d: %v", name, o, err)
		}
	}
	for _, o := range []int{unix.SO_RCVBUFFORCE, unix.SO_SNDBUFFORCE} {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, o, 16<<20); err != nil {
			t.Fatalf("%s: setsockopt %d: %v", name, o, err)
		}
	}
	sa := &unix.SockaddrLinklayer{Protocol: proto>>8 | proto<<8, Ifindex: link(t, name).Attrs().Index}
	if err := unix.Bind(fd, sa); err != nil {
		t.Fatalf("%s: bind: %v", name, err)
	}
	return &kernelSocket{t, fd, hdr, name}
}

func (k *kernelSocket) send(buf []byte) {
	k.t.Helper()
	if _, err := unix.Write(k.fd, buf); err != nil {
		k.t.Fatalf("%s: send of %d octets: %v", k.name, len(buf), err)
	}
}

// receive returns the next frame, its stripped tag put back, or false after a
// second of nothing.
func (k *kernelSocket) receive() (*Packet, bool) {
	k.t.Helper()
	slot, oob := make([]byte, 80<<10), make([]byte, 256)
	at := TagLen + HdrLen
	if k.hdr {
		at = TagLen
	}
	poll := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 1000); err != nil || n == 0 {
		return nil, false
	}
	n, oobn, _, _, err := unix.Recvmsg(k.fd, slot[at:], oob, 0)
	if err != nil {
		k.t.Fatalf("%s: recvmsg: %v", k.name, err)
	}
	slot = slot[:at+n]
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		k.t.Fatalf("%s: control messages: %v", k.name, err)
	}
	aux := (*unix.TpacketAuxdata)(unsafe.Pointer(&msgs[0].Data[0]))
	if !k.hdr && aux.Status&unix.TP_STATUS_CSUMNOTREADY != 0 {
		k.t.Fatalf("%s: the kernel left a checksum open", k.name)
	}
	if aux.Status&unix.TP_STATUS_VLAN_VALID == 0 {
		return &Packet{Buf: slot[TagLen:]}, true
	}
	buf, ok := InsertTag(slot, aux.Vlan_tpid, aux.Vlan_tci)
	if !ok {
		k.t.Fatalf("%s: tag refused", k.name)
	}
	return &Packet{Buf: buf}, true
}

// row returns the next n frames that mine picks.
func (k *kernelSocket) row(n int, mine func(frame []byte) bool) [][]byte {
	k.t.Helper()
	var row [][]byte
	deadline := time.Now().Add(5 * time.Second)
	for len(row) < n && time.Now().Before(deadline) {
		p, ok := k.receive()
		if !ok {
			break
		}
		if mine(p.Frame()) {
			row = append(row, p.Frame())
		}
	}
	return row
}

// same compares our frames with the kernel's.
func same(t *testing.T, ours []Packet, kernels [][]byte) {
	t.Helper()
	if len(ours) != len(kernels) {
		t.Fatalf("%d frames, the kernel made %d", len(ours), len(kernels))
	}
	for i := range ours {
		a, b := ours[i].Frame(), kernels[i]
		if !bytes.Equal(a, b) {
			t.Fatalf("frame %d of %d differs\nours, %d octets\n%skernel, %d octets\n%s", i, len(ours),
				len(a), hex.Dump(a[:min(len(a), 128)]), len(b), hex.Dump(b[:min(len(b), 128)]))
		}
	}
}

func fromBuilder(frame []byte) bool {
	return bytes.Equal(frame[6:12], []byte{0x02, 0, 0, 0, 0, 2})
}

func TestKernelSegments(t *testing.T) {
	tcp := func(n int, flags byte) *stack { return newStack(pattern(n)).tcp(0xfffff000, flags, 12) }
	tests := []struct {
		name string
		s    *stack
	}{
		{"tcp4", tcp(63000, 0x19).v4(6, 0xfff0, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)},
		{"tcp4 ecn", tcp(6000, 0x99).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4|GSOECN, 1448)},
		{"tcp4 cwr unannounced", tcp(6000, 0x99).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)},
		{"tcp4 options, odd sizes", tcp(5001, 0x18).v4(6, 1, 8, true).eth(0x0800).gso(GSOTCPv4, 333)},
		{"tcp4 exact", tcp(2896, 0x18).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)},
		{"tcp4 one segment", tcp(1000, 0x19).v4(6, 1, 0, true).eth(0x0800).gso(GSOTCPv4, 1448)},
		{"tcp4 tagged", tcp(6000, 0x18).v4(6, 1, 0, true).vlan(0x6007, 0x0800).eth(0x8100).gso(GSOTCPv4, 1448)},
		{"tcp4 priority tag", tcp(6000, 0x18).v4(6, 1, 0, true).vlan(0x6000, 0x0800).eth(0x8100).gso(GSOTCPv4, 1448)},
		{"tcp6", tcp(63000, 0x19).v6(6, true).eth(0x86dd).gso(GSOTCPv6, 1428)},
		{"tcp6 tagged twice", tcp(6000, 0x18).v6(6, true).vlan(5, 0x86dd).vlan(6, 0x8100).eth(0x88a8).gso(GSOTCPv6, 1420)},
		{"tcp6 extension headers", tcp(6000, 0x18).v6(6, true, 0, 60, 43).eth(0x86dd).gso(GSOTCPv6, 1300)},
		{"uso4", newStack(pattern(9001)).udp(9).v4(17, 0xffff, 0, true).eth(0x0800).gso(GSOUDPL4, 1200)},
		{"uso6", newStack(pattern(9001)).udp(9).v6(17, true).eth(0x86dd).gso(GSOUDPL4, 1201)},
		{"uso4 tagged", newStack(pattern(9001)).udp(9).v4(17, 1, 0, true).vlan(5, 0x0800).eth(0x8100).gso(GSOUDPL4, 1200)},
		{"ufo4", newStack(pattern(9001)).udp(9).v4(17, 99, 0, true).eth(0x0800).gso(GSOUDP, 1480)},
		{"partial tcp4", tcp(1001, 0x18).v4(6, 1, 0, true).eth(0x0800).partial()},
		{"partial udp4 tagged twice", newStack(pattern(1001)).udp(9).v4(17, 1, 0, true).vlan(5, 0x0800).vlan(6, 0x8100).eth(0x8100).partial()},
		{"partial udp6", newStack(pattern(1001)).udp(9).v6(17, true).eth(0x86dd).partial()},
		{"partial inside vxlan", newStack(pattern(1001)).tcp(1, 0x18, 0).v4(6, 1, 0, true).eth(0x0800).
			raw(8, 0, 0, 0, 0, 0, 42, 0).udp(4789).v4(17, 1, 0, false).eth(0x0800).partial()},
	}
	labtest.InNetns(t, func() {
		vethPair(t, "vnetka", "vnetkb")
		setOffloads(t, "vnetka", false)
		tx := openSocket(t, "vnetka", 0, true)
		rx := openSocket(t, "vnetkb", unix.ETH_P_ALL, false)
		seg := NewSegmenter()
		for _, tt := range tests {
			seg.Reset()
			tx.send(tt.s.packet().Buf)
			ours, err := seg.Plain(nil, tt.s.packet())
			if err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			kernels := rx.row(len(ours), fromBuilder)
			t.Run(tt.name, func(t *testing.T) { same(t, ours, kernels) })
		}
	})
}
