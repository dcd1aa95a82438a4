package traffic

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/labtest"
)

var loopbacks = map[string]netip.Addr{
	"IPv4": netip.MustParseAddr("127.0.0.1"),
	"IPv6": netip.MustParseAddr("::1"),
}

func TestRunLoopback(t *testing.T) {
	for name, addr := range loopbacks {
		t.Run(name, func(t *testing.T) {
			labtest.InNetns(t, func() {
				const n = 10_000
				r, err := Run(t.Context(), FlowConfig{
					From: Here{}, To: Here{}, Src: addr, Dst: addr, Flows: 7, First: 100, Rate: 100_000, Count: n, Log: n, Size: 100,
				})
				if err != nil {
					t.Fatal(err)
				}
				if total := r.Receive.Total(); total.Sent != n || total.Received != n || total.Lost+total.Duplicated+total.Reordered+r.Receive.Corrupted != 0 {
					t.Errorf("%s", r)
				}
				for i, f := range r.Receive.Flows {
					if f.Flow != uint16(100+i) || f.Sent == 0 || f.Received != f.Sent || f.First > f.Last {
						t.Errorf("flow %+v", f)
					}
				}
				if rate := r.Send.Rate(); rate > 102_000 {
					t.Errorf("%.0f frames a second: want at most 100000", rate)
				}
			})
		})
	}
}

// The times that the kernel gives lie between sending and now.
func TestArrivalTimes(t *testing.T) {
	labtest.InNetns(t, func() {
		addr := loopbacks["IPv4"]
		r, err := NewReceiver(ReceiverConfig{At: Here{}, Addr: netip.AddrPortFrom(addr, 0), Log: 500})
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSender(SenderConfig{From: Here{}, Dst: r.Addr(), Rate: 50_000, Count: 1000})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		rep, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.Settle(t.Context(), 1000, time.Second)
		if _, err := r.Stop(rep.Sent); err != nil {
			t.Fatal(err)
		}
		end := Now()
		if len(r.Arrivals()) != 500 {
			t.Fatalf("%d arrivals kept: want 500", len(r.Arrivals()))
		}
		// The two clocks are read one after the other: a little apart.
		const slack = 100 * time.Microsecond
		for i, a := range r.Arrivals() {
			if a.Seq != uint64(i) || a.Sent < rep.Began || a.At.Sub(a.Sent) < -slack || a.At > end {
				t.Fatalf("arrival %d: %+v, began %d, now %d", i, a, rep.Began, end)
			}
		}
		if !r.Seen(0, 999) || r.Seen(0, 1000) || r.Seen(1, 0) {
			t.Error("seen: want number 999 of flow 0 and nothing beyond")
		}
	})
}

// What comes twice, late, damaged or from elsewhere is told apart.
func TestReceiverVerdicts(t *testing.T) {
	labtest.InNetns(t, func() {
		r, err := NewReceiver(ReceiverConfig{
			At: Here{}, Addr: netip.AddrPortFrom(loopbacks["IPv4"], 0), FirstFlow: 5, Flows: 2, MaxSize: 100,
		})
		if err != nil {
			t.Fatal(err)
		}
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		n := uint64(0)
		send := func(size int, h Header, damage int) {
			b := make([]byte, size)
			PutPayload(b, h)
			if damage >= 0 {
				b[damage] ^= 1
			}
			if _, err := conn.Write(b); err != nil {
				t.Fatal(err)
			}
			n++
		}
		for _, seq := range []uint64{0, 1, 4, 3, 3, 5} { // 2 is lost, 3 late and twice
			send(64, Header{Flow: 5, Seq: seq}, -1)
		}
		send(64, Header{Flow: 6, Seq: 1}, -1)
		send(64, Header{Flow: 5, Seq: 2}, 40)
		send(64, Header{Flow: 7, Seq: 0}, -1)       // not ours
		send(101, Header{Flow: 5, Seq: 2}, -1)      // too long
		send(64, Header{Flow: 5, Seq: 1 << 40}, -1) // out of reach
		if _, err := conn.Write(nil); err != nil {
			t.Fatal(err)
		}
		r.Settle(t.Context(), n+1, time.Second)
		rep, err := r.Stop([]uint64{6, 2})
		if err != nil {
			t.Fatal(err)
		}
		if f := rep.Flows[0]; f.Received != 5 || f.Lost != 1 || f.Duplicated != 1 || f.Reordered != 1 {
			t.Errorf("flow 5: %+v", f)
		}
		if f := rep.Flows[1]; f.Received != 1 || f.Lost != 1 || f.Duplicated+f.Reordered != 0 {
			t.Errorf("flow 6: %+v", f)
		}
		if rep.Corrupted != 5 {
			t.Errorf("%d corrupted: want 5", rep.Corrupted)
		}
		if _, err := r.Stop([]uint64{1}); err == nil {
			t.Error("a count for one flow of two accepted")
		}
	})
}

func TestSocketDrops(t *testing.T) {
	labtest.InNetns(t, func() {
		f, err := openIn(Here{}, "small", unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
				return err
			}
			return unix.Bind(fd, &unix.SockaddrInet4{Addr: loopbacks["IPv4"].As4()})
		})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fd, err := number(f)
		if err != nil {
			t.Fatal(err)
		}
		sa, err := unix.Getsockname(int(fd))
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSender(SenderConfig{From: Here{}, Dst: fromSockaddr(sa), Count: 100})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		b := newBatch(100, 2048, 0)
		taken, errno := b.receive(fd)
		if errno != 0 {
			t.Fatal(errno)
		}
		if drops, err := socketDrops(f); err != nil || drops != uint64(100-taken) || drops == 0 {
			t.Errorf("%d taken and %d dropped of 100, %v", taken, drops, err)
		}
	})
}

func TestSenderEndsWithContext(t *testing.T) {
	labtest.InNetns(t, func() {
		for _, rate := range []int{0, 1, 50_000} {
			s, err := NewSender(SenderConfig{From: Here{}, Dst: netip.AddrPortFrom(loopbacks["IPv4"], 9), Rate: rate})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			began := time.Now()
			if _, err := s.Run(ctx); err != nil {
				t.Error(err)
			}
			cancel()
			s.Close()
			if took := time.Since(began); took < 20*time.Millisecond || took > time.Second {
				t.Errorf("rate %d: ended after %s", rate, took)
			}
		}
	})
}

// Frames that the kernel refuses use up no number and no end of time.
func TestSenderRefused(t *testing.T) {
	labtest.InNetns(t, func() {
		if _, err := NewSender(SenderConfig{From: Here{}, Dst: netip.MustParseAddrPort("192.0.2.1:9"), Count: 1}); err == nil {
			t.Error("no route, and no error")
		}
		s, err := NewSender(SenderConfig{From: Here{}, Dst: netip.AddrPortFrom(loopbacks["IPv4"], 9), Rate: 1000})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		// Nobody listens at the port: the kernel says so at the next send.
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		r, err := s.Run(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r.Errors == 0 || r.Err == nil || r.Total() == 0 {
			t.Errorf("%d sent, %d errors, last %v: want some of both", r.Total(), r.Errors, r.Err)
		}
	})
}

func TestConfigRanges(t *testing.T) {
	dst := netip.MustParseAddrPort("127.0.0.1:9")
	for _, c := range []SenderConfig{
		{Dst: dst, Size: MinPayload - 1}, {Dst: dst, Size: MaxPayload + 1}, {Dst: dst, Flows: -1},
		{Dst: dst, FirstFlow: 65535, Flows: 2}, {Dst: dst, Rate: -1},
	} {
		c.From = Here{}
		if _, err := NewSender(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
	for _, c := range []ReceiverConfig{{Flows: -1}, {FirstFlow: 65535, Flows: 2}, {Log: -1}, {MaxSize: -1}} {
		c.At, c.Addr = Here{}, dst
		if _, err := NewReceiver(c); err == nil {
			t.Errorf("%+v accepted", c)
		}
	}
}
