package tap_test

import (
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/tap"
)

// fill is how many frames are put in a queue before they are read: it holds
// more.
const fill = 256

// BenchmarkQueue is a frame read from the TAP, and one written to it, the
// kernel's work included.
func BenchmarkQueue(b *testing.B) {
	for name, offload := range map[string]tap.Offload{"offload": tap.OffloadOn, "plain": tap.OffloadOff} {
		labtest.InNetns(b, func() {
			d, err := tap.Open(tap.Options{Name: "tbtap0", Offload: offload})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			link, err := netlink.LinkByName(d.Name())
			if err == nil {
				err = netlink.LinkSetUp(link)
			}
			if err != nil {
				b.Fatal(err)
			}
			// It hears nothing: what is written to the TAP, nobody takes.
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: d.Index()}); err != nil {
				b.Fatal(err)
			}
			b.Run("read/"+name, func(b *testing.B) { benchmarkRead(b, d.Queues()[0], fd) })
			b.Run("write/"+name, func(b *testing.B) { benchmarkWrite(b, d.Queues()[0]) })
		})
	}
}

func benchmarkRead(b *testing.B, q tap.Queue, fd int) {
	out := frame(60)[vnet.HdrLen:]
	b.ReportAllocs()
	for done := 0; done < b.N; {
		b.StopTimer()
		for range fill {
			if _, err := unix.Write(fd, out); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for n := 0; n < fill; {
			pkts, err := q.ReadBatch()
			if err != nil {
				b.Fatal(err)
			}
			n += len(pkts)
		}
		done += fill
	}
}

func benchmarkWrite(b *testing.B, q tap.Queue) {
	pkts := make([]vnet.Packet, 32)
	for i := range pkts {
		pkts[i] = vnet.Packet{Buf: frame(60)}
	}
	b.ReportAllocs()
	for done := 0; done < b.N; done += len(pkts) {
		if sent := q.WriteBatch(pkts); sent.OK != len(pkts) {
			b.Fatalf("%+v", sent)
		}
	}
}
