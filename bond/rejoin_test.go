package bond

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/internal/link"
)

// join has the host be in a group on the bond.
func (r *rig) join(group string) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	r.sys.groups = map[int]link.Groups{r.tap.index: {IGMP: 3, V4: []link.Group{{Addr: netip.MustParseAddr(group)}}}}
}

// reports is how many IGMP frames each slave has sent.
func (r *rig) reports() (eth0, eth1 int) {
	synctest.Wait()
	i := r.sys.index("eth0")
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	for _, s := range r.sys.sent {
		switch {
		case s.frame[0] != 1 || s.frame[23] != 2:
		case s.slave == i:
			eth0++
		default:
			eth1++
		}
	}
	return eth0, eth1
}

func TestGroupsAreReportedAfterAFailover(t *testing.T) {
	for _, mode := range []string{"active-backup", "balance-rr"} {
		run(t, "mode "+mode+" miimon 100 resend_igmp 3 num_grat_arp 2", two, func(r *rig) {
			r.join("239.0.0.1")
			pass(time.Second)
			if a, b := r.reports(); a+b != 0 {
				t.Errorf("%s: %d reports before any failover", mode, a+b)
			}
			r.sys.plug("eth0", false)
			for i, after := range []time.Duration{0, 199 * time.Millisecond, 2 * time.Millisecond, 198 * time.Millisecond, 2 * time.Millisecond, time.Second} {
				pass(after)
				if a, b := r.reports(); a != 0 || b != 1+i/2 && i < 5 || i == 5 && b != 3 {
					t.Errorf("%s: step %d: %d and %d reports", mode, i, a, b)
				}
			}
			expect(t, mode+": counted", r.state().Rejoined, 3)
			// One that is under way begins anew with the next.
			r.sys.plug("eth0", true)
			r.sys.plug("eth1", false)
			pass(250 * time.Millisecond)
			r.sys.plug("eth1", true)
			r.sys.plug("eth0", false)
			pass(time.Second)
			if a, b := r.reports(); a != 2 || b != 6 {
				t.Errorf("%s: %d and %d reports after a failover and one more", mode, a, b)
			}
			r.must(r.set("resend_igmp 0"))
			r.sys.plug("eth0", true)
			r.sys.plug("eth1", false)
			pass(time.Second)
			if a, b := r.reports(); a != 2 || b != 6 {
				t.Errorf("%s: %d and %d reports with resend_igmp 0", mode, a, b)
			}
		})
	}
	run(t, "mode balance-xor miimon 100 resend_igmp 3", two, func(r *rig) {
		r.join("239.0.0.1")
		r.sys.plug("eth0", false)
		pass(time.Second)
		if a, b := r.reports(); a+b != 0 {
			t.Errorf("balance-xor reports %d", a+b)
		}
	})
}
