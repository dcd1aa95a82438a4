package bond

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/link"
)

// The driver's ARP in balance-alb, recorded (Linux 6.1) on the wires of two
// slaves: the host, 10.1.0.9, asks for two addresses of one neighbour; then
// eth0 is cut. "eth1 > 2.00 …" left by eth1 2 s after the step began: twenty of
// the driver's ticks, which are 0.11 s long in the recording.
const recordedALB = `
ask 10.1.0.1
eth0 > 0.00 to all: who has 10.1.0.1, tell 10.1.0.9 at 00, from 00
ask 10.1.0.2
eth1 > 0.00 to all: who has 10.1.0.2, tell 10.1.0.9 at 00, from 01
eth0 > 2.00 to 02:00: 10.1.0.9 is at 00, to 10.1.0.1, twice
eth1 > 2.00 to 02:00: 10.1.0.9 is at 01, to 10.1.0.2, twice
cut eth0
eth1 > 0.00 to 02:00: 10.1.0.9 is at 00, to 10.1.0.2, twice
eth1 > 0.00 to 02:00: 10.1.0.9 is at 00, to 10.1.0.1, twice
`

// TestALBAsRecorded: the same frames by the same slaves. Only when a slave is
// lost clients are told at once, for which the driver took 2.2 s.
func TestALBAsRecorded(t *testing.T) {
	run(t, "mode balance-alb miimon 100", two, func(r *rig) {
		r.sys.mu.Lock()
		r.sys.addrs[r.tap.index] = []netip.Prefix{netip.MustParsePrefix("10.1.0.9/24")}
		r.sys.mu.Unlock()
		r.must(r.e.Sync(r.t.Context()))
		peer := [6]byte{2, 0, 0, 0, 2, 0}
		var got strings.Builder
		for line := range strings.Lines(strings.TrimSpace(recordedALB)) {
			verb, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
			if verb != "ask" && verb != "cut" {
				continue
			}
			fmt.Fprintln(&got, verb, arg)
			r.forgetSent()
			began, seen := time.Now(), map[string]int{"eth0": len(r.out("eth0", 0x0806)), "eth1": len(r.out("eth1", 0x0806))}
			if verb == "cut" {
				r.sys.plug(arg, false)
			} else {
				last := netip.MustParseAddr(arg).As4()[3]
				b := frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 08 06 00 01 08 00 06 04 00 01 02 00 00 00 00 00 0a 01 00 09 00 00 00 00 00 00 0a 01 00 00")
				b[41] = last
				r.transmit(b)
				a := frameOf("02 00 00 00 00 00 02 00 00 00 02 00 08 06 00 01 08 00 06 04 00 02 02 00 00 00 02 00 0a 01 00 00 02 00 00 00 00 00 0a 01 00 09")
				a[31] = last
				r.receive("eth0", a)
			}
			synctest.Wait()
			polls := 15 // the driver's next step came 1.5 s after the first
			if arg == "10.1.0.2" {
				polls = 25
			}
			for range polls {
				for _, s := range two {
					all := r.out(s, 0x0806)
					for _, f := range slices.Compact(describe(all[min(seen[s], len(all)):], peer)) {
						fmt.Fprintf(&got, "%s > %.2f %s\n", s, time.Since(began).Round(100*time.Millisecond).Seconds(), f)
					}
					seen[s] = len(all)
				}
				pass(100 * time.Millisecond)
			}
		}
		if diff := cmp.Diff(strings.TrimSpace(recordedALB), strings.TrimSpace(got.String())); diff != "" {
			t.Errorf("-recorded +ours:\n%s", diff)
		}
	})
}

// describe says in words what ARP frames say.
func describe(frames [][]byte, peer [6]byte) []string {
	var out []string
	for _, b := range frames {
		ip := func(at int) string { return netip.AddrFrom4([4]byte(b[at:])).String() }
		short := func(at int) string { return link.MACString([6]byte(b[at:]))[15:] }
		switch {
		case b[21] == 1:
			out = append(out, fmt.Sprintf("to all: who has %s, tell %s at %s, from %s", ip(38), ip(28), short(22), short(6)))
		case [6]byte(b) == peer && short(6) == short(22):
			out = append(out, fmt.Sprintf("to 02:00: %s is at %s, to %s, twice", ip(28), short(22), ip(38)))
		default:
			out = append(out, fmt.Sprintf("% x", b))
		}
	}
	return out
}
