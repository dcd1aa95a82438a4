package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/guest"
	"github.com/tapbond/tapbond/bench/lab"
)

// What the kernel's driver says on the network in balance-tlb and balance-alb,
// and what we say, in equal networks and through the same events: the frames,
// by whom, to whom, on which slave; how many, and when.

// TestSaysWhatTheKernelSays: the frames are the same ones. Where the timing or
// the number differs on purpose, which docs/deviations.md tells, it is bounded by
// the kernel's.
func TestSaysWhatTheKernelSays(t *testing.T) {
	needGuest(t)
	for _, mode := range []string{"balance-tlb", "balance-alb"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			var kernel, own *hearing
			t.Run("both", func(t *testing.T) { // at the same time
				t.Run("kernel", func(t *testing.T) {
					t.Parallel()
					kernel = newHearing(t)
					kernel.through(&kernelSayer{hearing: kernel}, mode)
				})
				t.Run("own", func(t *testing.T) {
					t.Parallel()
					own = newHearing(t)
					own.through(&ownSayer{hearing: own, bed: &bed{t: t, lab: own.lab, host: own.lab.A, macs: lab.SlaveMAC}}, mode)
				})
			})
			if t.Failed() {
				return
			}
			for i := range len(own.phases) - 1 {
				if i == len(own.phases)-2 && !own.vlan {
					t.Log("no VLAN devices here") // what we say of them is tested with the engine
					for j := range 3 {
						has := false
						for what := range kernel.phases[i].frames() {
							has = has || strings.HasPrefix(what, fmt.Sprintf("p%d m", j)) && strings.Contains(what, "[{33024 7}] "+learned)
						}
						if !has {
							t.Errorf("the kernel doesn't say where VLAN 7 is on slave %d", j)
						}
					}
					break
				}
				compare(t, kernel.phases[max(i-1, 0):i+1], own.phases[max(i-1, 0):i+1])
			}
			if mode == "balance-alb" && !slices.Equal(own.macs, kernel.macs) {
				t.Errorf("the slaves' addresses are %q, the kernel's %q", own.macs, kernel.macs)
			}
			if t.Failed() {
				t.Logf("the kernel's driver:\n%s", kernel)
				t.Logf("ours:\n%s", own)
			}
		})
	}
}

// through is what both go through. Clients 0 to 4 ask for the host, who asks for
// client 5.
func (h *hearing) through(s sayer, mode string) {
	defer s.end()
	defer h.phase("end", 0, 0, 0, func() {})
	// How many frames tell clients at least, two to each: a lost slave has two
	// clients. One may be lost.
	asked, asks, cut := 0, 0, 0
	if mode == "balance-alb" {
		asked, asks, cut = 3*askers-1, 7, 3
	}
	long := pick(3*time.Second, 12*time.Second)
	h.phase("begin", 1500*time.Millisecond, 3, 0, func() { s.begin(mode) })
	h.phase("asked", 3500*time.Millisecond, 3, asked, func() {
		for i := range askers {
			h.ask(i)
			pause(h.t, 100*time.Millisecond)
		}
	})
	h.phase("asks", 3500*time.Millisecond, 3, asks, func() { s.run("ping -c1 -W1 " + lab.MoreAddr(askers).Addr().String()) })
	if soak {
		h.phase("asks one it knows", 4*time.Second, 3, asks, func() {
			s.run("ip neigh flush dev bond0 && ping -c1 -W1 " + lab.MoreAddr(0).Addr().String())
		})
		h.phase("idle", 10*time.Second, 3, 0, func() {})
	}
	h.phase("another slave is cut", long, 2, cut, func() { s.cable(1, false) })
	h.phase("it is back", long, 3, 0, func() { s.cable(1, true) })
	h.phase("the active slave is cut", long, 2, cut, func() { s.cable(0, false) })
	h.macs = append(h.macs, s.macs())
	h.phase("that is back", long, 3, 0, func() { s.cable(0, true) })
	h.macs = append(h.macs, s.macs())
	h.phase("asks nobody, and has a VLAN", 3*time.Second, 3, 0, func() { h.vlan = s.addVLAN() })
}

// askers is how many clients ask for the host, or are asked: two for each slave.
const askers = 5

// sayer is a host with a bond over the lab's links, whoever makes it.
type sayer interface {
	// begin makes bond0 in a mode, with an address, and a macvlan on it.
	begin(mode string)
	// run runs a line of the shell in the host.
	run(line string) string
	// cable takes a slave's carrier or gives it back.
	cable(i int, up bool)
	// macs are the slaves' addresses.
	macs() string
	// addVLAN puts VLAN 7 on the bond, if the host's kernel can.
	addVLAN() bool
	end()
}

const (
	addMacvlan = "ip link add link bond0 name mv address 02:00:00:00:09:01 type macvlan mode bridge && sysctl -qw net.ipv4.conf.mv.arp_ignore=8 && ip link set mv up"
	addVLAN    = "ip link add link bond0 name v7 type vlan id 7 && ip link set v7 up"
	// What is known stays known: nobody asks but when told to.
	keepNeighbours = "sysctl -qw net.ipv4.neigh.bond0.base_reachable_time_ms=3600000 net.ipv4.neigh.bond0.delay_first_probe_time=3600"
)

type kernelSayer struct {
	*hearing
	g *guest.Guest
}

func (s *kernelSayer) begin(mode string) {
	cfg := guest.Config{Host: s.lab.A}
	for i, k := range s.lab.Links() {
		cfg.NICs = append(cfg.NICs, guest.NIC{MAC: lab.SlaveMAC(i).String(), Interface: k.Slave()})
	}
	g, err := guest.Start(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.g = g
	s.run("modprobe bonding max_bonds=0 && sysctl -qw net.ipv6.conf.default.disable_ipv6=1 && ip link add bond0 type bond mode " + mode + " miimon 100")
	for i := range cfg.NICs {
		s.run(fmt.Sprintf("ip link set eth%d master bond0", i))
	}
	s.run("ip addr add " + lab.AddrA4.String() + " dev bond0 && ip link set bond0 up && " + keepNeighbours + " && " + addMacvlan)
}

func (s *kernelSayer) run(line string) string {
	out, err := s.g.Run(s.t.Context(), "%s", line)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *kernelSayer) cable(i int, up bool) {
	if err := s.g.Cable(i, up); err != nil {
		s.t.Fatal(err)
	}
}

func (s *kernelSayer) macs() string { return s.run("cat /sys/class/net/eth[0-2]/address") }

func (s *kernelSayer) addVLAN() bool { s.run(addVLAN); return true }

func (s *kernelSayer) end() {
	if s.g != nil {
		if err := s.g.Stop(); err != nil {
			s.t.Error(err)
		}
	}
}

type ownSayer struct {
	*hearing
	bed *bed
}

func (s *ownSayer) begin(mode string) {
	s.bed.launch("mode " + mode + " miimon 100")
	s.bed.must(s.lab.A.Assign("bond0", lab.AddrA4))
	s.run(keepNeighbours + " && " + addMacvlan)
}

func (s *ownSayer) run(line string) string {
	out, err := s.lab.A.Command(s.t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil {
		s.t.Errorf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

func (s *ownSayer) cable(i int, up bool) {
	_, err := s.lab.Link(i).Carrier(up)
	if err != nil {
		s.t.Error(err)
	}
}

func (s *ownSayer) macs() string {
	var all strings.Builder
	for _, k := range s.lab.Links() {
		l, err := s.lab.A.Handle.LinkByName(k.Slave())
		s.bed.must(err)
		fmt.Fprintln(&all, l.Attrs().HardwareAddr)
	}
	return all.String()
}

func (s *ownSayer) addVLAN() bool {
	out, err := s.lab.A.Command(s.t.Context(), "sh", "-c", addVLAN).CombinedOutput()
	if err != nil && !strings.Contains(string(out), "Unknown device type") {
		s.t.Errorf("%v: %s", err, out)
	}
	return err == nil
}

func (s *ownSayer) end() { s.run("ip link del mv") }

// compare holds what we said in the last of the phases against what the kernel
// said. Its guest can lose a frame of a burst on the way, so numbers may be one
// off.
func compare(t *testing.T, kernels, owns []phase) {
	t.Helper()
	kernel, own := &kernels[len(kernels)-1], &owns[len(owns)-1]
	late := pick(time.Second, 300*time.Millisecond) + hold() // beside other tests, and alone with four guests
	theirs, ours := kernel.frames(), own.frames()
	back := strings.HasSuffix(own.name, "back")
	for what := range theirs {
		// The kernel deals all clients out anew when a slave comes; we tell only those
		// that move to it. It also tells who is on the active slave and was asked, and so
		// has heard the address in the question.
		again := strings.Contains(what, told) && (back || own.name == "asks one it knows" && strings.HasPrefix(what, "p0"))
		if ours[what] == nil && !again && !leftOver(kernels, what) {
			t.Errorf("%s: only the kernel says: %s", own.name, what)
		}
	}
	for what, when := range ours {
		was := theirs[what]
		if was == nil {
			if !leftOver(owns, what) {
				t.Errorf("%s: only we say: %s", own.name, what)
			}
			continue
		}
		if strings.Contains(what, learned) && own.name != "begin" {
			compareLearning(t, own.name+": "+what, was, when, late)
		}
		if when[0] > was[0]+late && !back && !strings.Contains(what, learned) {
			t.Errorf("%s: %s: first after %v, the kernel after %v", own.name, what, when[0], was[0])
		}
	}
	kr, or := kernel.rounds(), own.rounds()
	switch {
	case len(or) == 0 && len(kr) == 0 || back:
	case own.name == "asked": // each client by itself, the kernel in rounds 2 s apart
		if n, m := count(or), count(kr); n != m && n != m+1 {
			t.Errorf("asked: %d frames tell clients, of the kernel %d", n, m)
		}
	case len(or) == 0 || len(kr) == 0:
		t.Errorf("%s: clients told in %d rounds, by the kernel in %d", own.name, len(or), len(kr))
	default:
		// Of the lost slave's clients there are two; the kernel may still have others
		// to tell from before.
		n, m := len(or[0]), len(kr[0])
		if own.name == "asks one it knows" {
			n += 2 // to the one that was asked, see above
		}
		if n > m+1 || n < 4 || n != m && n != m+1 && own.name != "the active slave is cut" {
			t.Errorf("%s: %d frames tell clients at first, of the kernel %d", own.name, n, m)
		}
		if soak && len(or) != len(kr) {
			t.Errorf("%s: clients told in %d rounds, by the kernel in %d", own.name, len(or), len(kr))
		}
		for i := 1; i < len(or); i++ {
			if gap := or[i][0] - or[i-1][0]; gap < 1900*time.Millisecond || gap > 2*time.Second+late {
				t.Errorf("%s: the next round comes %v after the last", own.name, gap)
			}
		}
	}
}

// leftOver: said at the very beginning of the last phase alone, and before: the
// phase's event had not happened yet.
func leftOver(phases []phase, what string) bool {
	if len(phases) < 2 || phases[0].frames()[what] == nil {
		return false
	}
	when := phases[1].frames()[what]
	return when[len(when)-1] < 150*time.Millisecond
}

// compareLearning: once every lp_interval, that is a second; the kernel looks
// once in 100 ms or a bit more, ten times. After a change we say it again, soon.
func compareLearning(t *testing.T, what string, was, when []time.Duration, late time.Duration) {
	t.Helper()
	theirs, ours := gaps(was), gaps(when)
	often := 0
	for _, gap := range ours {
		if gap > time.Second+late {
			t.Errorf("%s: again after %v", what, gap)
		}
		if gap < 900*time.Millisecond {
			often++
		}
	}
	if often > 8 {
		t.Errorf("%s: %d times sooner than after a second", what, often)
	}
	steady := strings.HasPrefix(what, "ask") || strings.HasPrefix(what, "idle")
	if !steady || len(ours) < 2 || len(theirs) < 2 {
		return
	}
	if m, k := ours[len(ours)/2], theirs[len(theirs)/2]; m < 900*time.Millisecond || m > max(k, time.Second)+100*time.Millisecond {
		t.Errorf("%s: every %v, the kernel every %v", what, m, k)
	}
}

// gaps are the times between frames, sorted.
func gaps(at []time.Duration) (out []time.Duration) {
	for i := 1; i < len(at); i++ {
		out = append(out, at[i]-at[i-1])
	}
	slices.Sort(out)
	return out
}

func count(rounds [][]time.Duration) (n int) {
	for _, r := range rounds {
		n += len(r)
	}
	return n
}
