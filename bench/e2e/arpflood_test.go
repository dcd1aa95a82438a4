package e2e

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bond"
)

// TestFloodOnBalanced: ARP of 65,000 strangers, of liars, and of broken make, at a
// high rate. The tables and the memory stay as they are, the clients keep their
// slaves, what they send arrives, and few are told anything because of it.
func TestFloodOnBalanced(t *testing.T) {
	b := startBalanced(t, 3, 4, "mode balance-alb miimon 100")
	more, err := b.lab.A.Handle.LinkByName("bond0")
	b.must(err)
	mac := more.Attrs().HardwareAddr
	b.fixNeighbours() // the liars lie to the clients too, who would believe them
	rate := pick(20_000, 100_000)

	flood := func(d time.Duration) int {
		n := 0
		b.must(b.lab.B.Do(func() error {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			ifi, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: ifi.Index}); err != nil {
				return err
			}
			for began := time.Now(); ; {
				past := time.Since(began)
				if past > d {
					return nil
				}
				for ; n < int(past.Seconds()*float64(rate)); n++ {
					if err := unix.Send(fd, hostileARP(n, mac), unix.MSG_DONTWAIT); err != nil && err != unix.ENOBUFS && err != unix.EAGAIN {
						return err
					}
				}
				pause(t, time.Millisecond)
			}
		}))
		return n
	}
	flood(pick(4*time.Second, 10*time.Second)) // until everything has its size
	slaves := func(st bond.State) map[string]string {
		m := map[string]string{}
		for _, c := range st.Balance.Clients {
			m[c.Client.String()] = c.Slave + " " + c.MAC
		}
		return m
	}
	before, rss, began := b.state(), b.rss(), time.Now()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, r := range b.send(200, uint64(200*pick(3, 30))) {
			if r.Lost > r.Sent/100 || r.Duplicated > 0 {
				t.Errorf("client %d: lost %d of %d, duplicated %d", i, r.Lost, r.Sent, r.Duplicated)
			}
		}
	})
	n := flood(pick(4*time.Second, 40*time.Second))
	wg.Wait()
	after, over := b.state(), time.Since(began)
	t.Logf("%.0f frames/s; %d clients; %+v; memory grew by %d KiB", float64(n)/over.Seconds(), len(after.Balance.Clients), *after.Balance.Stats, b.rss()-rss)
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
}

// hostileARP is frame n of the flood.
func hostileARP(n int, bond net.HardwareAddr) []byte {
	b := make([]byte, 60)
	all := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	liar := []byte{2, 0x66, 0, 0, byte(n >> 8), byte(n)}
	ours, client := lab.AddrA4.Addr().As4(), lab.MoreAddr(n%4).Addr().As4()
	arp := func(dst []byte, op uint16, sender [4]byte, target [4]byte) {
		copy(b, dst)
		copy(b[6:], liar)
		copy(b[12:], []byte{8, 6, 0, 1, 8, 0, 6, 4})
		b[20], b[21] = byte(op>>8), byte(op)
		copy(b[22:], liar)
		copy(b[28:], sender[:])
		if op == 2 {
			copy(b[32:], dst)
		}
		copy(b[38:], target[:])
	}
	switch n % 8 {
	case 0:
		arp(all, 2, ours, client) // "I have your address"
	case 1:
		arp(bond, 2, client, ours) // "I am your client"
	case 2:
		arp(bond, 2, ours, client)
	case 3:
		arp(all, 1, [4]byte{10, 99, byte(n >> 11), byte(n >> 3)}, [4]byte{10, 99, 77, 77})
	default:
		arp(all, 1, [4]byte{10, 98, byte(n >> 10), byte(n >> 2)}, ours)
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
