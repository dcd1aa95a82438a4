package e2e

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
	"github.com/tapbond/tapbond/bond"
)

// TestFloodOnBalanced: ARP of 65,000 strangers, of liars, and of broken make, at a
// high rate. The tables and the memory stay as they are, the clients keep their
// slaves, what they send and are sent arrives, one that asks for the bond's
// address is answered, and few are told anything because of it. Every frame of
// the flood is accounted for.
func TestFloodOnBalanced(t *testing.T) {
	const talk, ask = 4, 4 // clients that have traffic, and the one that asks
	b := startBalanced(t, 3, 5, "mode balance-alb miimon 100")
	tap, err := b.lab.A.Handle.LinkByName("bond0")
	b.must(err)
	b.fixNeighbours()
	for i := range b.clients { // the liars lie to the bond's own host too, who would believe them
		b.must(b.lab.A.Neighbour("bond0", lab.MoreAddr(i).Addr(), lab.MoreMAC(i)))
	}
	f := newFlooder(b, tap.Attrs().HardwareAddr)
	rate := pick(20_000, 100_000)
	f.run(rate, pick(4*time.Second, 10*time.Second)) // until everything has its size

	slaves := func(st bond.State) map[string]string {
		m := map[string]string{}
		for _, c := range st.Balance.Clients {
			m[c.Client.String()] = c.Slave + " " + c.MAC
		}
		return m
	}
	before, counted, rss, began := b.drained(), b.onSlaves(), b.rss(), time.Now()
	var wg sync.WaitGroup
	count := uint64(200 * pick(3, 30))
	for i, c := range b.clients[:talk] {
		for _, way := range []traffic.FlowConfig{
			{From: c, To: b.lab.A, Src: lab.MoreAddr(i).Addr(), Dst: lab.AddrA4.Addr(), First: uint16(i)},
			{From: b.lab.A, To: c, Src: lab.AddrA4.Addr(), Dst: lab.MoreAddr(i).Addr(), First: uint16(100 + i)},
		} {
			wg.Go(func() {
				way.Size, way.Rate, way.Count = 400, 200, count
				r, err := traffic.Run(t.Context(), way)
				if total := r.Receive.Total(); err != nil || total.Lost > total.Sent/100 || total.Duplicated > 0 {
					t.Errorf("%v to %v: %v, %v", way.Src, way.Dst, r, err)
				}
			})
		}
	}
	wg.Go(func() { b.askAgain(ask, pick(10, 100)) })
	n := f.run(rate, pick(4*time.Second, 40*time.Second))
	wg.Wait()
	after, over := b.drained(), time.Since(began)
	drops := map[string]uint64{}
	for reason, n := range after.Drops {
		drops[reason] = n - before.Drops[reason]
	}
	t.Logf("%.0f frames/s; %d clients; %+v; dropped %v; memory grew by %d KiB", float64(n)/over.Seconds(), len(after.Balance.Clients), *after.Balance.Stats, drops, b.rss()-rss)
	if grown := b.rss() - rss; grown > 8<<10 {
		t.Errorf("memory grew by %d KiB", grown)
	}
	if len(after.Balance.Clients) > 1024 {
		t.Errorf("%d clients", len(after.Balance.Clients))
	}
	if told := after.Balance.Stats.Taught - before.Balance.Stats.Taught; float64(told) > 100*over.Seconds()+10 {
		t.Errorf("%d told in %v", told, over)
	}
	was, is := slaves(before), slaves(after)
	for i := range b.clients {
		ip := lab.MoreAddr(i).Addr().String()
		if was[ip] != is[ip] || !strings.HasSuffix(is[ip], lab.MoreMAC(i).String()) {
			t.Errorf("client %s was on %q, is on %q", ip, was[ip], is[ip])
		}
	}
	if after.Balance.Stats.Conflict == 0 || after.Balance.Stats.Unasked == 0 {
		t.Error("the liars were not noticed")
	}
	f.check(counted, before, after)
}

// askAgain has client i ask for the bond's address time and again, as a stack
// does that has forgotten it. It asks by itself: namespaces share the kernel's
// table of neighbours, and the bond's host has filled that.
func (b *balanced) askAgain(i, times int) {
	ask := make([]byte, 60)
	arpPacket(ask, broadcast, lab.MoreMAC(i), 1, lab.MoreAddr(i).Addr().As4(), lab.AddrA4.Addr().As4())
	err := b.clients[i].Do(func() error {
		fd, err := packetSocket("eth0", unix.ETH_P_ARP)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		buf := make([]byte, 100)
		for range times {
			if err := unix.Send(fd, ask, 0); err != nil {
				return err
			}
			for deadline := time.Now().Add(time.Second); ; {
				if time.Now().After(deadline) {
					return errors.New("no answer within a second")
				}
				poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				if n, err := unix.Poll(poll, 100); n == 0 || err == unix.EINTR {
					continue
				}
				n, _, err := unix.Recvfrom(fd, buf, 0)
				if err != nil {
					return err
				}
				if n >= 42 && buf[21] == 2 && [4]byte(buf[28:]) == lab.AddrA4.Addr().As4() {
					break
				}
			}
			pause(b.t, 300*time.Millisecond)
		}
		return nil
	})
	if err != nil {
		b.t.Errorf("client %d asks for the bond's address: %v", i, err)
	}
}

// packetSocket opens a packet socket in the caller's namespace; with protocol 0
// it sends only.
func packetSocket(ifname string, protocol uint16) (fd int, err error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return -1, err
	}
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	protocol = protocol<<8 | protocol>>8
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifi.Index, Protocol: protocol}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// flooder puts frames on the bond's links as a switch does that hears the
// flood: a broadcast on all of them, a frame to one host on the link that its
// address is on. The lab's own switch hears none of it: it would copy each frame
// to all clients, and they and the switch would use up the processors that the
// bond shares with them.
type flooder struct {
	b     *balanced
	bond  net.HardwareAddr
	ports []int    // packet sockets at the far ends of the links
	n     int      // frames so far, before they are copied
	sent  []uint64 // by link
}

func newFlooder(b *balanced, bond net.HardwareAddr) *flooder {
	b.t.Helper()
	f := &flooder{b: b, bond: bond, sent: make([]uint64, len(b.lab.Links()))}
	b.t.Cleanup(func() {
		for _, fd := range f.ports {
			unix.Close(fd)
		}
	})
	b.must(b.lab.Switch.Do(func() error {
		for i := range b.lab.Links() {
			fd, err := packetSocket(fmt.Sprintf("p%d", i), 0)
			if err != nil {
				return err
			}
			f.ports = append(f.ports, fd)
		}
		return nil
	}))
	return f
}

// run floods for a while and returns the number of frames.
func (f *flooder) run(rate int, d time.Duration) int {
	f.b.t.Helper()
	n := 0
	for began := time.Now(); ; pause(f.b.t, time.Millisecond) {
		past := time.Since(began)
		if past > d {
			return n
		}
		for ; n < int(past.Seconds()*float64(rate)); n++ {
			frame := hostileARP(f.n, f.bond)
			f.n++
			to := f.ports
			if frame[0]&1 == 0 {
				to = to[:1] // the bond's address is on the active slave
			}
			for i, fd := range to {
				err := unix.Send(fd, frame, unix.MSG_DONTWAIT)
				if err == nil {
					f.sent[i]++
				} else if err != unix.ENOBUFS && err != unix.EAGAIN {
					f.b.t.Fatal(err)
				}
			}
		}
	}
}

// drained waits until the bond is through with what its sockets hold of a flood that
// is over, and returns its state.
func (b *balanced) drained() bond.State {
	b.t.Helper()
	var last uint64
	for deadline := time.Now().Add(10 * time.Second); ; pause(b.t, 100*time.Millisecond) {
		st := b.state()
		n := received(st)
		if n-last < 50 || time.Now().After(deadline) {
			return st
		}
		last = n
	}
}

// received are the frames from the slaves that the bond has delivered or dropped.
func received(st bond.State) uint64 {
	n := st.Traffic.RxFrames
	for reason, dropped := range st.Drops {
		if strings.HasPrefix(reason, "rx_") {
			n += dropped
		}
	}
	for _, s := range st.Slaves {
		n += s.SocketDrops
	}
	return n
}

// onSlaves are the frames that have reached each slave's NIC.
func (b *balanced) onSlaves() []uint64 {
	b.t.Helper()
	var out []uint64
	for _, k := range b.lab.Links() {
		s, err := b.lab.A.Stats(k.Slave())
		b.must(err)
		out = append(out, s.RxFrames)
	}
	return out
}

// check closes the account of what reached the bond since counted and before:
// all of the flood has, and each frame was delivered or dropped for a reason
// that is no lack of room.
func (f *flooder) check(counted []uint64, before, after bond.State) {
	t := f.b.t
	t.Helper()
	var arrived uint64
	for i, n := range f.b.onSlaves() {
		arrived += n - counted[i]
		if n < f.sent[i] {
			t.Errorf("of %d frames of the flood %d have reached slave %d: the lab lost them", f.sent[i], n, i)
		}
	}
	gone := received(after) - received(before)
	room := arrived / 1000
	if busy := thisMachine.worst(); busy > 3 { // others take what the bond needs
		room = uint64(float64(arrived) * busy / 100)
	}
	for i, s := range after.Slaves {
		if n := s.SocketDrops - before.Slaves[i].SocketDrops; n > room {
			t.Errorf("%s had no room for %d frames", s.Name, n)
		}
	}
	// What was asked for at two times, while frames kept coming.
	if d := int64(arrived - gone); d < -200 || d > 200 {
		t.Errorf("%d frames arrived, %d are accounted for", arrived, gone)
	}
}

// hostileARP is frame n of the flood.
func hostileARP(n int, bond net.HardwareAddr) []byte {
	b := make([]byte, 60)
	liar := net.HardwareAddr{2, 0x66, 0, 0, byte(n >> 8), byte(n)}
	ours, client := lab.AddrA4.Addr().As4(), lab.MoreAddr(n%4).Addr().As4()
	arp := func(dst net.HardwareAddr, op uint16, sender, target [4]byte) {
		arpPacket(b, dst, liar, op, sender, target)
	}
	switch n % 8 {
	case 0:
		arp(broadcast, 2, ours, client) // "I have your address"
	case 1:
		arp(bond, 2, client, ours) // "I am your client"
	case 2:
		arp(bond, 2, ours, client)
	case 3:
		arp(broadcast, 1, [4]byte{10, 99, byte(n >> 11), byte(n >> 3)}, [4]byte{10, 99, 77, 77})
	default:
		arp(broadcast, 1, [4]byte{10, 98, byte(n >> 10), byte(n >> 2)}, ours)
	}
	switch n % 61 {
	case 7:
		b[18] = 128
	case 8:
		b[18], b[19] = 255, 255
	case 9:
		return b[:20]
	case 10:
		b[15] = 6
	}
	return b
}

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// arpPacket writes an ARP frame from src.
func arpPacket(b []byte, dst, src net.HardwareAddr, op uint16, sender, target [4]byte) {
	copy(b, dst)
	copy(b[6:], src)
	copy(b[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4})
	b[20], b[21] = byte(op>>8), byte(op)
	copy(b[22:], src)
	copy(b[28:], sender[:])
	if op == 2 {
		copy(b[32:], dst)
	}
	copy(b[38:], target[:])
}

// rss is the memory of the bond's process in KiB.
func (b *bed) rss() int {
	b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.proc.PID()))
	b.must(err)
	for line := range strings.Lines(string(text)) {
		var n int
		if k, _ := fmt.Sscanf(line, "VmRSS: %d kB", &n); k == 1 {
			return n
		}
	}
	b.t.Fatal("no VmRSS")
	return 0
}
