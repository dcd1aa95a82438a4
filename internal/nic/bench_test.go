package nic_test

import (
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

// fill is how many frames are put in a socket before they are read: it has
// room for more.
const fill = 256

// BenchmarkPort is a frame read from a slave, and one written to it, the
// kernel's work included: a veth's write is the other end's receiving too.
func BenchmarkPort(b *testing.B) {
	for name, offload := range map[string]bool{"offload": true, "plain": false} {
		labtest.InNetns(b, func() {
			p, wire, err := benchPort(offload)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			defer unix.Close(wire)
			b.Run("read/"+name, func(b *testing.B) { benchmarkRead(b, p, wire) })
			b.Run("write/"+name, func(b *testing.B) { benchmarkWrite(b, p) })
		})
	}
}

// benchPort is a port on one end of a veth pair, and a socket on the other.
func benchPort(offload bool) (p nic.Port, wire int, err error) {
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "va", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}, PeerName: "vb"}
	if err := netlink.LinkAdd(veth); err != nil {
		return nil, 0, err
	}
	far := 0
	for _, name := range []string{"va", "vb"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return nil, 0, err
		}
		far = link.Attrs().Index
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/disable_ipv6", []byte("1"), 0); err != nil {
			return nil, 0, err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return nil, 0, err
		}
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if link, err := netlink.LinkByName("va"); err != nil || link.Attrs().OperState == netlink.OperUp {
			break
		}
	}
	ifi, err := net.InterfaceByName("va")
	if err != nil {
		return nil, 0, err
	}
	if p, err = nic.Open(ifi, nic.Options{Offload: offload}); err != nil {
		return nil, 0, err
	}
	wire, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	return p, wire, unix.Bind(wire, &unix.SockaddrLinklayer{Ifindex: far})
}

func benchmarkRead(b *testing.B, p nic.Port, wire int) {
	out := frame(60)
	b.ReportAllocs()
	for done := 0; done < b.N; {
		b.StopTimer()
		for range fill {
			if _, err := unix.Write(wire, out); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for n := 0; n < fill; {
			pkts, err := p.ReadBatch()
			if err != nil {
				b.Fatal(err)
			}
			n += len(pkts)
		}
		done += fill
	}
}

func benchmarkWrite(b *testing.B, p nic.Port) {
	w := p.Writer()
	pkts := make([]vnet.Packet, 32)
	for i := range pkts {
		pkts[i] = packetOf(frame(60))
	}
	b.ReportAllocs()
	for done := 0; done < b.N; done += len(pkts) {
		if sent := w.WriteBatch(pkts); sent.OK != len(pkts) {
			b.Fatalf("%+v", sent)
		}
	}
}
