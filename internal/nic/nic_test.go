package nic_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/vnet"
)

// bed is a veth pair in a namespace of its own: va is the slave, vb the wire.
type bed struct {
	t    *testing.T
	a, b netlink.Link
}

func withBed(t *testing.T, fn func(*bed)) {
	labtest.InNetns(t, func() {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "va", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}},
			PeerName: "vb", PeerHardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}
		must(t, netlink.LinkAdd(veth))
		d := &bed{t: t, a: byName(t, "va"), b: byName(t, "vb")}
		for _, l := range []netlink.Link{d.a, d.b} {
			must(t, os.WriteFile("/proc/sys/net/ipv6/conf/"+l.Attrs().Name+"/disable_ipv6", []byte("1"), 0))
			must(t, netlink.LinkSetUp(l))
		}
		d.awaitUp()
		fn(d)
	})
}

// awaitUp returns when both ends are in service: until then the kernel takes
// frames and loses them.
func (d *bed) awaitUp() {
	d.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; {
		a, b := byName(d.t, "va").Attrs(), byName(d.t, "vb").Attrs()
		if a.OperState == netlink.OperUp && b.OperState == netlink.OperUp {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("not up: va %s, vb %s", a.OperState, b.OperState)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func byName(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func (d *bed) open(offload bool) nic.Port {
	d.t.Helper()
	ifi, err := net.InterfaceByName("va")
	must(d.t, err)
	p, err := nic.Open(ifi, nic.Options{Offload: offload})
	must(d.t, err)
	d.t.Cleanup(func() { p.Close() })
	return p
}

// socket is a packet socket on an interface, for one ethertype (0: sending).
func (d *bed) socket(l netlink.Link, ethertype uint16) int {
	d.t.Helper()
	proto := int(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, ethertype)))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
	must(d.t, err)
	d.t.Cleanup(func() { unix.Close(fd) })
	must(d.t, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(proto), Ifindex: l.Attrs().Index}))
	must(d.t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}))
	return fd
}

// frame is n octets to the slave, tags between MACs and ethertype.
func frame(n int, tags ...byte) []byte {
	f := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, tags...)
	f = append(f, 0x88, 0xb5)
	for i := len(f); i < n; i++ {
		f = append(f, byte(i))
	}
	return f
}

func packetOf(f []byte) vnet.Packet {
	return vnet.Packet{Buf: append(make([]byte, vnet.HdrLen), f...)}
}

// next returns one frame of ours read from the port.
func next(t *testing.T, p nic.Port) vnet.Packet {
	t.Helper()
	for {
		pkts, err := p.ReadBatch()
		must(t, err)
		for _, p := range pkts {
			if bytes.Contains(p.Frame()[:min(26, len(p.Frame()))], []byte{0x88, 0xb5}) {
				return p
			}
		}
	}
}

func TestReceiveKeepsTags(t *testing.T) {
	withBed(t, func(d *bed) {
		p := d.open(true)
		wire := d.socket(d.b, 0)
		for name, tags := range map[string][]byte{
			"none": nil, "802.1Q": {0x81, 0, 0x20, 10}, "priority tag": {0x81, 0, 0xe0, 0}, "802.1ad": {0x88, 0xa8, 0, 7},
			"QinQ": {0x88, 0xa8, 0, 7, 0x81, 0, 0, 10}, "two 802.1Q": {0x81, 0, 0, 7, 0x81, 0, 0, 10},
		} {
			for _, n := range []int{60, 61, 1514} {
				want := frame(n, tags...)
				_, err := unix.Write(wire, want)
				must(t, err)
				if got := next(t, p); !bytes.Equal(got.Frame(), want) || got.Type != unix.PACKET_HOST {
					t.Errorf("%s, %d octets: type %d\n% x\nwant\n% x", name, n, got.Type, got.Frame()[:32], want[:32])
				}
			}
		}
	})
}

func TestSendArrivesAndStaysOurs(t *testing.T) {
	for _, offload := range []bool{true, false} {
		withBed(t, func(d *bed) {
			p := d.open(offload)
			second := d.open(offload)
			wire := d.socket(d.b, 0x88b5)
			w := p.Writer()
			var batch []vnet.Packet
			for i := range 70 {
				batch = append(batch, packetOf(frame(60+i)))
			}
			if sent := w.WriteBatch(batch); sent.OK != 70 {
				t.Fatalf("offload %v: %+v", offload, sent)
			}
			buf := make([]byte, 2000)
			for i := range 70 {
				n, err := unix.Read(wire, buf)
				must(t, err)
				if !bytes.Equal(buf[:n], batch[i].Frame()) {
					t.Fatalf("offload %v: frame %d arrived as % x", offload, i, buf[:n])
				}
			}
			// A frame from the wire is the first that either socket hears.
			_, err := unix.Write(d.socket(d.b, 0), frame(99))
			must(t, err)
			for _, p := range []nic.Port{p, second} {
				if got := next(t, p); len(got.Frame()) != 99 {
					t.Errorf("offload %v: own frame of %d octets came back", offload, len(got.Frame()))
				}
			}
		})
	}
}

func TestSuperFrameCrosses(t *testing.T) {
	withBed(t, func(d *bed) {
		p := d.open(true)
		far, err := net.InterfaceByName("vb")
		must(t, err)
		q, err := nic.Open(far, nic.Options{Offload: true})
		must(t, err)
		defer q.Close()
		f := tcpFrame(5000)
		pkt := packetOf(f)
		h := vnet.Hdr{Flags: vnet.FlagNeedsCsum, GSOType: vnet.GSOTCPv4, HdrLen: 54, GSOSize: 1448, CsumStart: 34, CsumOffset: 16}
		h.Encode(pkt.Buf)
		if sent := p.Writer().WriteBatch([]vnet.Packet{pkt}); sent.OK != 1 || sent.Octets != len(f) {
			t.Fatalf("%+v", sent)
		}
		for {
			pkts, err := q.ReadBatch()
			must(t, err)
			for _, got := range pkts {
				if len(got.Frame()) < 1000 {
					continue
				}
				var g vnet.Hdr
				g.Decode(got.Buf)
				if len(got.Frame()) != len(f) || g.GSOType != vnet.GSOTCPv4 || g.GSOSize != 1448 {
					t.Fatalf("arrived with %d octets, %+v", len(got.Frame()), g)
				}
				return
			}
		}
	})
}

// tcpFrame is a TCP segment with n octets of payload; its checksum is the
// offload's.
func tcpFrame(n int) []byte {
	f := make([]byte, 54+n)
	copy(f, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0})
	binary.BigEndian.PutUint16(f[16:], uint16(40+n))
	f[22], f[23] = 64, 6
	copy(f[26:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	var sum uint32
	for i := 14; i < 34; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	binary.BigEndian.PutUint16(f[24:], ^uint16(sum+sum>>16))
	f[46], f[47] = 0x50, 0x10
	return f
}

func TestSendAccountsForEveryFrame(t *testing.T) {
	withBed(t, func(d *bed) {
		w := d.open(true).Writer()
		big, runt := packetOf(frame(1600)), packetOf(frame(10)[:10])
		batch := []vnet.Packet{packetOf(frame(60)), big, packetOf(frame(61)), runt, packetOf(frame(62))}
		if s := w.WriteBatch(batch); s.OK != 3 || s.TooBig != 1 || s.Invalid != 1 || s.Octets != 60+61+62 {
			t.Errorf("mixed batch: %+v", s)
		}
		must(t, netlink.LinkSetDown(d.a))
		if s := w.WriteBatch(batch); s.Down != len(batch) {
			t.Errorf("slave down: %+v", s)
		}
		must(t, netlink.LinkSetUp(d.a))
		d.awaitUp()
		if s := w.WriteBatch(batch[:1]); s.OK != 1 {
			t.Errorf("slave up again: %+v", s)
		}
		must(t, netlink.LinkDel(d.a))
		if s := w.WriteBatch(batch); s.Down != len(batch) {
			t.Errorf("slave gone: %+v", s)
		}
	})
}

func TestCloseEndsReadingAndWriting(t *testing.T) {
	withBed(t, func(d *bed) {
		p := d.open(true)
		w := p.Writer()
		ended := make(chan error, 1)
		go func() {
			for {
				if _, err := p.ReadBatch(); err != nil {
					ended <- err
					return
				}
			}
		}()
		must(t, p.Close())
		if err := within(t, ended); !errors.Is(err, os.ErrClosed) {
			t.Errorf("reading ended with %v", err)
		}
		if s := w.WriteBatch([]vnet.Packet{packetOf(frame(60))}); s.Down != 1 {
			t.Errorf("write after close: %+v", s)
		}
	})
}

func within(t *testing.T, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(5 * time.Second):
		t.Fatal("still waiting")
		return nil
	}
}

func TestReaderOutlivesDownsAndKnowsTheEnd(t *testing.T) {
	withBed(t, func(d *bed) {
		p := d.open(true)
		wire := d.socket(d.b, 0)
		frames := make(chan int, 100)
		ended := make(chan error, 1)
		go func() {
			for {
				pkts, err := p.ReadBatch()
				if err != nil {
					ended <- err
					return
				}
				for _, p := range pkts {
					frames <- len(p.Frame())
				}
			}
		}()
		for round := range 3 {
			must(t, netlink.LinkSetDown(d.a))
			must(t, netlink.LinkSetName(d.a, fmt.Sprintf("va%d", round)))
			must(t, netlink.LinkSetUp(d.a))
			want := 70 + round
			// Carrier takes a moment to be both ends'; then a frame arrives.
			deadline := time.Now().Add(5 * time.Second)
			for got := 0; got != want; {
				if time.Now().After(deadline) {
					t.Fatalf("round %d: nothing received after the up", round)
				}
				_, _ = unix.Write(wire, frame(want))
				select {
				case got = <-frames:
				case <-time.After(20 * time.Millisecond):
				}
			}
		}
		must(t, netlink.LinkDel(d.a))
		if err := within(t, ended); !errors.Is(err, nic.ErrGone) {
			t.Errorf("reading ended with %v", err)
		}
	})
}

func TestIsolation(t *testing.T) {
	withBed(t, func(d *bed) {
		must(t, netlink.AddrAdd(d.a, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(10, 0, 0, 1).To4(), Mask: net.CIDRMask(24, 32)}}))
		wire := d.socket(d.b, 0)
		answers := d.socket(d.b, unix.ETH_P_ARP)
		lldp := d.socket(d.a, 0x88cc)
		arp := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1}, make([]byte, 18)...)
		tagged := append(append(append([]byte{}, arp[:12]...), 0x81, 0, 0, 0), arp[12:]...) // priority tag: the stack looks behind it
		hears := func(probe []byte) bool {
			t.Helper()
			_, err := unix.Write(wire, probe)
			must(t, err)
			must(t, unix.SetsockoptTimeval(answers, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000}))
			_, err = unix.Read(answers, make([]byte, 100))
			return err == nil
		}
		if !hears(arp) || !hears(tagged) {
			t.Fatal("the stack doesn't answer even without isolation")
		}
		// Somebody else's filter stands there already.
		must(t, netlink.QdiscAdd(&netlink.GenericQdisc{QdiscType: "clsact", QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: d.a.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)}}))
		p := d.open(true)
		s, err := nic.Isolate(d.a.Attrs().Index)
		must(t, err)
		if hears(arp) || hears(tagged) {
			t.Error("the stack answers behind the isolation")
		}
		pkts, err := p.ReadBatch()
		if err != nil || len(pkts) == 0 {
			t.Errorf("the port hears nothing: %v", err)
		}
		probe := frame(60)
		probe[12], probe[13] = 0x88, 0xcc
		_, err = unix.Write(wire, probe)
		must(t, err)
		if _, err := unix.Read(lldp, make([]byte, 100)); err != nil {
			t.Errorf("an LLDP daemon on the slave hears nothing: %v", err)
		}
		if ok, err := s.Check(); !ok || err != nil {
			t.Errorf("check: %v, %v", ok, err)
		}
		must(t, netlink.QdiscDel(&netlink.GenericQdisc{QdiscType: "clsact", QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: d.a.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)}}))
		if ok, _ := s.Check(); ok {
			t.Error("check sees a filter that was removed")
		}
		must(t, s.Mend())
		if hears(arp) {
			t.Error("the stack answers after mending")
		}
		must(t, s.Remove())
		must(t, s.Remove())
		if !hears(arp) {
			t.Error("the stack doesn't answer after removal")
		}
		qdiscs, err := netlink.QdiscList(d.a)
		must(t, err)
		for _, q := range qdiscs {
			if q.Type() == "clsact" {
				t.Error("the hook that mending made is left behind")
			}
		}
	})
}

func TestMembership(t *testing.T) {
	withBed(t, func(d *bed) {
		p := d.open(true)
		group, other := nic.MAC{1, 0, 0x5e, 0, 0, 9}, nic.MAC{2, 0, 0, 0, 0, 9}
		has := func(mac nic.MAC) bool {
			list, err := netlink.NeighList(d.a.Attrs().Index, unix.AF_BRIDGE)
			must(t, err)
			for _, n := range list {
				if bytes.Equal(n.HardwareAddr, mac[:]) {
					return true
				}
			}
			return false
		}
		promisc := func() int { return byName(t, "va").Attrs().Promisc }
		// A veth filters no addresses: one of its own makes it promiscuous.
		for _, want := range []nic.Membership{
			{Multicast: []nic.MAC{group}, Unicast: []nic.MAC{other}, Promisc: true},
			{Multicast: []nic.MAC{group, group}, Unicast: []nic.MAC{other}, Promisc: true},
			{Multicast: []nic.MAC{group}},
			{Unicast: []nic.MAC{other}},
			{},
		} {
			must(t, p.SetMembership(want))
			if has(group) != (want.Multicast != nil) || has(other) != (want.Unicast != nil) || (promisc() > 0) != (want.Promisc || want.Unicast != nil) {
				t.Errorf("%+v: group %v, unicast %v, promisc %d", want, has(group), has(other), promisc())
			}
		}
		must(t, p.SetMembership(nic.Membership{Multicast: []nic.MAC{group}, Promisc: true}))
		must(t, p.Close())
		if has(group) || promisc() > 0 {
			t.Error("memberships outlive the port")
		}
	})
}

func TestControl(t *testing.T) {
	withBed(t, func(d *bed) {
		ifi, err := net.InterfaceByName("va")
		must(t, err)
		// Opened while down, as it is when a NIC is enslaved: the first send
		// must not fail on news of that.
		must(t, netlink.LinkSetDown(d.a))
		c, err := nic.OpenControl(ifi, nic.Filter{EtherTypes: []uint16{0x8809, 0x88b5}})
		must(t, err)
		defer c.Close()
		must(t, netlink.LinkSetUp(d.a))
		d.awaitUp()
		far := d.socket(d.b, 0x88b5)
		must(t, c.Send(frame(60)))
		buf := make([]byte, 2000)
		if n, err := unix.Read(far, buf); err != nil || !bytes.Equal(buf[:n], frame(60)) {
			t.Errorf("sent frame arrived as % x, %v", buf[:n], err)
		}
		wire := d.socket(d.b, 0)
		for _, f := range [][]byte{append(frame(70)[:12], 8, 0), frame(71, 0x81, 0, 0x60, 5), frame(72)} {
			_, err := unix.Write(wire, f)
			must(t, err)
		}
		got, err := c.Receive(buf)
		if err != nil || !got.Tagged || got.TCI != 0x6005 || got.TPID != 0x8100 || got.N != 67 {
			t.Errorf("tagged frame: %+v, %v", got, err)
		}
		if got, err = c.Receive(buf); err != nil || got.Tagged || got.N != 72 {
			t.Errorf("untagged frame: %+v, %v", got, err)
		}
		must(t, c.JoinGroup(nic.MAC{1, 0x80, 0xc2, 0, 0, 2}))
		must(t, c.LeaveGroup(nic.MAC{1, 0x80, 0xc2, 0, 0, 2}))
		ended := make(chan error, 1)
		go func() {
			_, err := c.Receive(make([]byte, 100))
			ended <- err
		}()
		must(t, c.Close())
		if err := within(t, ended); !errors.Is(err, os.ErrClosed) {
			t.Errorf("receiving ended with %v", err)
		}
	})
}

func TestPortNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	withBed(t, func(d *bed) {
		p := d.open(true)
		w := p.Writer()
		batch := []vnet.Packet{packetOf(frame(60)), packetOf(frame(1514))}
		if n := testing.AllocsPerRun(200, func() { w.WriteBatch(batch) }); n != 0 {
			t.Errorf("WriteBatch allocates %v times", n)
		}
		wire := d.socket(d.b, 0)
		out := frame(64, 0x81, 0, 0, 5)
		if n := testing.AllocsPerRun(200, func() {
			_, _ = unix.Write(wire, out)
			next(t, p)
		}); n != 0 {
			t.Errorf("ReadBatch allocates %v times", n)
		}
	})
}
