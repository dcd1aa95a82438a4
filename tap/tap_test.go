package tap_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/tap"
)

// both runs a test with offloads and plain, in a namespace of its own each.
func both(t *testing.T, fn func(t *testing.T, o tap.Options)) {
	for name, offload := range map[string]tap.Offload{"offload": tap.OffloadOn, "plain": tap.OffloadOff} {
		t.Run(name, func(t *testing.T) {
			labtest.InNetns(t, func() { fn(t, tap.Options{Name: "tbtap0", Offload: offload}) })
		})
	}
}

func open(t *testing.T, o tap.Options) tap.Device {
	t.Helper()
	d, err := tap.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func setUp(t *testing.T, d tap.Device) {
	t.Helper()
	if err := netlink.LinkSetUp(link(t, d.Name())); err != nil {
		t.Fatal(err)
	}
}

// frame is a broadcast of an experimental ethertype no stack answers to.
func frame(n int) []byte {
	b := make([]byte, vnet.HdrLen+n)
	f := b[vnet.HdrLen:]
	copy(f, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x42\x88\xb5")
	for i := 14; i < n; i++ {
		f[i] = byte(i)
	}
	return b
}

// socket is a packet socket on the TAP: the host's side of it.
func socket(t *testing.T, d tap.Device) int {
	t.Helper()
	proto := 0xb588
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: uint16(proto), Ifindex: d.Index()}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// next reads until a frame of ours comes: the host says things of its own.
func next(t *testing.T, q tap.Queue) []byte {
	t.Helper()
	for {
		pkts, err := q.ReadBatch()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pkts {
			if f := p.Frame(); len(f) > 14 && f[12] == 0x88 && f[13] == 0xb5 {
				return f
			}
		}
	}
}

func TestFramesCrossBothWays(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		setUp(t, d)
		fd := socket(t, d)
		for _, n := range []int{15, 60, 1514, 1518} {
			want := frame(n)
			sent := d.Queues()[0].WriteBatch([]vnet.Packet{{Buf: want}})
			if sent != (vnet.Sent{OK: 1, Octets: n}) {
				t.Fatalf("write of %d octets: %+v", n, sent)
			}
			got := make([]byte, 2000)
			m, err := unix.Read(fd, got)
			if err != nil || !bytes.Equal(got[:m], want[vnet.HdrLen:]) {
				t.Fatalf("host got %d of %d octets, %v", m, n, err)
			}
			if n > 1514 {
				continue // the host may not send more than the MTU untagged
			}
			if _, err := unix.Write(fd, want[vnet.HdrLen:]); err != nil {
				t.Fatal(err)
			}
			if got := next(t, d.Queues()[0]); !bytes.Equal(got, want[vnet.HdrLen:]) {
				t.Fatalf("queue got % x", got)
			}
		}
	})
}

func TestRefusesForeignLink(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: o.Name}, PeerName: "tbpeer"}
		if err := netlink.LinkAdd(veth); err != nil {
			t.Fatal(err)
		}
		for _, o.Adopt = range []bool{false, true} {
			if _, err := tap.Open(o); !errors.Is(err, unix.EEXIST) {
				t.Errorf("adopt %v: open over a veth: %v", o.Adopt, err)
			}
		}
	})
}

func TestPersistsAndIsAdopted(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		setUp(t, d)
		addr, _ := netlink.ParseAddr("10.77.0.1/24")
		if err := netlink.AddrAdd(link(t, o.Name), addr); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := tap.Open(o); !errors.Is(err, unix.EEXIST) {
			t.Fatalf("open without Adopt: %v", err)
		}
		o.Adopt = true
		again := open(t, o)
		if again.Index() != d.Index() {
			t.Errorf("index %d, was %d", again.Index(), d.Index())
		}
		addrs, err := netlink.AddrList(link(t, o.Name), netlink.FAMILY_V4)
		if err != nil || len(addrs) != 1 {
			t.Errorf("addresses after adoption: %v, %v", addrs, err)
		}
		if err := again.Delete(); err != nil {
			t.Fatal(err)
		}
		if _, err := net.InterfaceByName(o.Name); err == nil {
			t.Error("still there after Delete")
		}
	})
}

func TestCarrierAndSpeed(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		setUp(t, d)
		for _, up := range []bool{false, true} {
			if err := d.SetCarrier(up); err != nil {
				t.Fatal(err)
			}
			if got := link(t, o.Name).Attrs().RawFlags&unix.IFF_LOWER_UP != 0; got != up {
				t.Errorf("carrier %v, want %v", got, up)
			}
		}
		e, err := ethtool.NewEthtool()
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		for _, mbps := range []uint32{20000, 100000, 0} {
			if err := d.SetSpeed(mbps, tap.DuplexFull); err != nil {
				t.Fatal(err)
			}
			want := mbps
			if want == 0 {
				want = ^uint32(0)
			}
			var cmd ethtool.EthtoolCmd
			if got, err := e.CmdGet(&cmd, o.Name); err != nil || got != want || cmd.Duplex != 1 {
				t.Errorf("speed %d duplex %d, %v; want %d", got, cmd.Duplex, err, want)
			}
		}
	})
}

func TestCloseEndsReading(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		ended := make(chan error, 1)
		q := d.Queues()[0]
		go func() {
			for {
				if _, err := q.ReadBatch(); err != nil {
					ended <- err
					return
				}
			}
		}()
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("reading ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("reader still waits")
		}
		if sent := q.WriteBatch([]vnet.Packet{{Buf: frame(60)}}); sent.Down != 1 {
			t.Errorf("write after close: %+v", sent)
		}
	})
}

func TestDeletedUnderReader(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		setUp(t, d)
		q := d.Queues()[0]
		ended := make(chan error, 1)
		go func() {
			for {
				if _, err := q.ReadBatch(); err != nil {
					ended <- err
					return
				}
			}
		}()
		if err := netlink.LinkDel(link(t, o.Name)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, tap.ErrGone) {
				t.Errorf("reading ended with %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("reader does not notice")
		}
		if sent := q.WriteBatch([]vnet.Packet{{Buf: frame(60)}, {Buf: frame(60)}}); sent.Down != 2 {
			t.Errorf("write to a deleted TAP: %+v", sent)
		}
	})
}

func TestDownIsWaitedOut(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		q := d.Queues()[0]
		if sent := q.WriteBatch([]vnet.Packet{{Buf: frame(60)}, {Buf: frame(60)}}); sent.Down != 2 || sent.Err != unix.EIO {
			t.Fatalf("write while down: %+v", sent)
		}
		fd := socket(t, d)
		setUp(t, d)
		if sent := q.WriteBatch([]vnet.Packet{{Buf: frame(60)}}); sent.OK != 1 {
			t.Fatalf("write after up: %+v", sent)
		}
		if err := netlink.LinkSetDown(link(t, o.Name)); err != nil {
			t.Fatal(err)
		}
		setUp(t, d)
		if _, err := unix.Write(fd, frame(60)[vnet.HdrLen:]); err != nil && !errors.Is(err, unix.ENETDOWN) {
			t.Fatal(err)
		}
		if _, err := unix.Write(fd, frame(60)[vnet.HdrLen:]); err != nil {
			t.Fatal(err)
		}
		next(t, q)
	})
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "sixteen-octets-x", "a/b", "a b", ".", "..", "bond%d"} {
		if _, err := tap.Open(tap.Options{Name: name}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestQueues(t *testing.T) {
	both(t, func(t *testing.T, o tap.Options) {
		o.Queues = 4
		if n := len(open(t, o).Queues()); n != 4 {
			t.Errorf("%d queues", n)
		}
	})
}

func TestQueueNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	both(t, func(t *testing.T, o tap.Options) {
		d := open(t, o)
		setUp(t, d)
		fd := socket(t, d)
		q := d.Queues()[0]
		pkts := []vnet.Packet{{Buf: frame(60)}, {Buf: frame(1514)}}
		if n := testing.AllocsPerRun(100, func() {
			if sent := q.WriteBatch(pkts); sent.OK != 2 {
				t.Fatalf("%+v", sent)
			}
		}); n != 0 {
			t.Errorf("WriteBatch allocates %v times", n)
		}
		out := frame(60)[vnet.HdrLen:]
		if n := testing.AllocsPerRun(100, func() {
			if _, err := unix.Write(fd, out); err != nil {
				t.Fatal(err)
			}
			next(t, q)
		}); n != 0 {
			t.Errorf("ReadBatch allocates %v times", n)
		}
	})
}
