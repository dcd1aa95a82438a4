package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/traffic"
)

// hearing writes down what a bond's host says of its own accord on each of its
// links, phase by phase: learning frames, and ARP. Addresses have names: m0 is
// that of slave 0 at first, and the bond's.
type hearing struct {
	t    *testing.T
	lab  *lab.Lab
	more []*lab.Host
	macs []string // of the slaves, at some times
	vlan bool     // there is one

	mu     sync.Mutex
	phases []phase
}

type phase struct {
	name  string
	began time.Time
	heard []saying
}

// saying is a frame: when, since the phase began, and what.
type saying struct {
	at   time.Duration
	what string
}

func newHearing(t *testing.T) *hearing {
	t.Helper()
	h := &hearing{t: t, lab: benchtest.Build(t, lab.Topology{Slaves: 3})}
	var err error
	if h.more, err = h.lab.AddHosts(askers + 1); err != nil {
		t.Fatal(err)
	}
	for _, c := range h.more { // they don't ask again by themselves
		out, err := c.Command(t.Context(), "sysctl", "-qw", "net.ipv4.neigh.eth0.delay_first_probe_time=3600").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for i := range h.lab.Links() {
		c, err := traffic.ListenFrames(h.lab.Switch, fmt.Sprintf("p%d", i), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		go h.listen(i, c)
	}
	return h
}

func (h *hearing) listen(port int, c *traffic.FrameConn) {
	for {
		frame, _, err := c.Receive()
		if err != nil {
			return // closed
		}
		now, what := time.Now(), describe(frame)
		h.mu.Lock()
		if n := len(h.phases); n > 0 && what != "" {
			p := &h.phases[n-1]
			p.heard = append(p.heard, saying{now.Sub(p.began), fmt.Sprintf("p%d %s", port, what)})
		}
		h.mu.Unlock()
	}
}

// phase notes what is said from what fn does on, for so long, and until so many
// slaves have learning frames sent and so many frames told clients something, for
// a guest that has little of the processor.
func (h *hearing) phase(name string, d time.Duration, slaves, telling int, fn func()) {
	h.mu.Lock()
	h.phases = append(h.phases, phase{name: name, began: time.Now()})
	h.mu.Unlock()
	fn()
	pause(h.t, d)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && !h.heard(slaves, telling); {
		pause(h.t, 300*time.Millisecond)
	}
}

// heard: since a moment after the phase began, so many slaves have sent learning
// frames, and so many frames told clients.
func (h *hearing) heard(slaves, telling int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	on := map[string]bool{}
	for _, s := range h.phases[len(h.phases)-1].heard {
		switch {
		case strings.Contains(s.what, told):
			telling--
		case strings.Contains(s.what, learned) && s.at > 300*time.Millisecond:
			on[s.what[:2]] = true
		}
	}
	return len(on) >= slaves && telling <= 0
}

// Parts of descriptions.
const (
	told    = "arp reply" // a client is told
	learned = "learning frame"
)

// describe is what a frame says; empty for data.
func describe(b []byte) string {
	var tags []alb.Tag
	at := 12
	if b[12] == 0x81 && b[13] == 0 {
		tags = append(tags, alb.Tag{TPID: 0x8100, VID: uint16(b[14])<<8 | uint16(b[15])})
		at = 16
	}
	head := fmt.Sprintf("%s>%s %v", nameOf(b[6:12]), nameOf(b[:6]), tags)
	switch typ := int(b[at])<<8 | int(b[at+1]); {
	case typ == 0x0800 || typ == 0x86dd:
		return ""
	case typ == 0x0806 && len(b) >= at+30:
		p := b[at+2:]
		what := fmt.Sprintf("arp % x", p[:8])
		if bytes.Equal(p[:8], []byte{0, 1, 8, 0, 6, 4, 0, 2}) {
			what = told
		} else if bytes.Equal(p[:8], []byte{0, 1, 8, 0, 6, 4, 0, 1}) {
			what = "arp request"
		}
		return fmt.Sprintf("%s %s: %s at %s, to %s at %s, %d octets", head, what,
			hostOf(p[14:]), nameOf(p[8:14]), hostOf(p[24:]), nameOf(p[18:24]), len(b))
	case bytes.Equal(b, alb.Learning([6]byte(b[6:]), tags...)):
		return head + " " + learned
	default:
		return fmt.Sprintf("%s type %04x, % x", head, typ, b)
	}
}

func nameOf(m []byte) string {
	for i := range 3 {
		if bytes.Equal(m[:6], lab.SlaveMAC(i)) {
			return fmt.Sprintf("m%d", i)
		}
	}
	switch s := net.HardwareAddr(m[:6]).String(); {
	case strings.HasPrefix(s, lab.MoreMAC(0).String()[:15]):
		return "client"
	case s == "ff:ff:ff:ff:ff:ff":
		return "all"
	case s == "00:00:00:00:00:00":
		return "0"
	default:
		return s
	}
}

func hostOf(ip []byte) string {
	switch a := netip.AddrFrom4([4]byte(ip)); {
	case a == lab.AddrA4.Addr():
		return "host"
	case lab.AddrA4.Contains(a):
		return "client"
	default:
		return a.String()
	}
}

// ask has client i ask for the host's address, as a stack does.
func (h *hearing) ask(i int) {
	ask := make([]byte, 60)
	arpPacket(ask, broadcast, lab.MoreMAC(i), 1, lab.MoreAddr(i).Addr().As4(), lab.AddrA4.Addr().As4())
	err := h.more[i].Do(func() error {
		fd, err := packetSocket("eth0", 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Send(fd, ask, 0)
	})
	if err != nil {
		h.t.Error(err)
	}
}

// frames are the times of each frame that was said.
func (p *phase) frames() map[string][]time.Duration {
	m := map[string][]time.Duration{}
	for _, s := range p.heard {
		m[s.what] = append(m[s.what], s.at)
	}
	return m
}

// rounds are the tellings of clients, at most a second apart each.
func (p *phase) rounds() [][]time.Duration {
	var out [][]time.Duration
	var last time.Duration
	for _, s := range p.heard {
		if !strings.Contains(s.what, told) {
			continue
		}
		if out == nil || s.at-last > time.Second {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s.at)
		last = s.at
	}
	return out
}

// String is all of it, for a failed test.
func (h *hearing) String() string {
	var b strings.Builder
	for _, p := range h.phases {
		fmt.Fprintf(&b, "  %s\n", p.name)
		for _, s := range p.heard {
			fmt.Fprintf(&b, "  %7.3f %s\n", s.at.Seconds(), s.what)
		}
	}
	fmt.Fprintf(&b, "  addresses: %q", slices.Clone(h.macs))
	return b.String()
}
