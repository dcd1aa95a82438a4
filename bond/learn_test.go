package bond

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/internal/link"
)

// What is stacked on the bond is learned too, as with the kernel: a VLAN behind
// every slave, with the slave's address; other addresses behind the active one,
// in balance-alb only when that is another one.
func TestLearningOfUppers(t *testing.T) {
	for mode, always := range map[string]bool{"balance-tlb": true, "balance-alb": false} {
		balanced(t, "mode "+mode, func(r *rig) {
			seven := []link.Tag{{TPID: 0x8100, VID: 7}}
			upper := func(index, parent int, kind string, mac [6]byte, tags []link.Tag) link.Upper {
				return link.Upper{Info: link.Info{Index: index, ParentIndex: parent, Kind: kind, MAC: mac}, Tags: tags}
			}
			r.sys.mu.Lock()
			r.sys.uppers = []link.Upper{
				upper(901, r.tap.index, "vlan", mac0, seven),
				upper(902, r.tap.index, "macvlan", [6]byte{2, 0, 0, 0, 9, 1}, nil),
				upper(903, 901, "macvlan", [6]byte{2, 0, 0, 0, 9, 2}, seven),
			}
			r.sys.mu.Unlock()
			r.must(r.e.Sync(r.t.Context()))
			pass(time.Second)
			learned := func(slave string) string {
				seen := map[string]bool{}
				for typ, at := range map[uint16]int{0x9000: 12, 0x8100: 16} {
					for _, b := range r.out(slave, typ) {
						if b[at] != 0x90 || len(b) != 60+at-12 || [6]byte(b) != [6]byte(b[6:]) {
							t.Errorf("%s: % x", slave, b)
						}
						seen[fmt.Sprintf("%x.%d", b[10:12], int(b[at-1])*(at-12)/4)] = true
					}
				}
				return strings.Join(slices.Sorted(maps.Keys(seen)), " ")
			}
			r.forgetSent()
			pass(time.Second)
			more := ""
			if always {
				more = " 0901.0 0902.7"
			}
			for slave, want := range map[string]string{"eth0": "0000.0 0000.7" + more, "eth1": "0001.0 0001.7", "eth2": "0002.0 0002.7"} {
				expect(t, mode+": "+slave, learned(slave), want)
			}
			r.forgetSent()
			r.sys.plug("eth2", false)
			pass(time.Second)
			want := "0000.0 0000.7" + more
			if !always {
				want += " 0002.0 0002.7"
			}
			expect(t, mode+": eth0 without eth2", learned("eth0"), want)
			r.forgetSent()
			r.sys.plug("eth0", false)
			synctest.Wait()
			want = "0000.0 0000.7 0901.0 0902.7"
			if !always {
				want = "0000.0 0000.7 0001.0 0001.7 0002.0 0002.7 0901.0 0902.7"
			}
			expect(t, mode+": the new active slave", learned("eth1"), want)
		})
	}
}

func TestLearningFrames(t *testing.T) {
	balanced(t, "mode balance-alb lp_interval 2", func(r *rig) {
		pass(time.Second)
		r.forgetSent()
		pass(10 * time.Second)
		for i, s := range three {
			got := r.out(s, 0x9000)
			if len(got) != 5 || got[0][5] != byte(i) || got[0][11] != byte(i) || len(got[0]) != 60 {
				t.Errorf("%s sent %d learning frames: % x", s, len(got), got)
			}
		}
		r.forgetSent()
		r.sys.plug("eth1", false)
		synctest.Wait()
		got := r.out("eth0", 0x9000)
		if len(got) != 2 || got[1][5] != 1 {
			t.Errorf("the address of the lost slave isn't learned on the active one: % x", got)
		}
		r.forgetSent()
		r.sys.plug("eth0", false)
		synctest.Wait()
		var learned []byte
		for _, b := range r.out("eth2", 0x9000) {
			learned = append(learned, b[11])
		}
		slices.Sort(learned)
		if got := slices.Compact(learned); !slices.Equal(got, []byte{0, 1, 2}) {
			t.Errorf("the last slave speaks for %v", got)
		}
	})
}

// A switch sees a carrier come back when we do, and takes nothing in until it has
// opened its port: the bond's address is learned there again and again, first
// while the old slave still delivers.
func TestLearningOnAPortThatOpensLate(t *testing.T) {
	for _, mode := range []string{"balance-tlb", "balance-alb"} {
		balanced(t, "mode "+mode+" primary eth1 lp_interval 60", func(r *rig) {
			r.sys.plug("eth1", false)
			pass(10 * time.Second)
			expect(t, "active", r.state().Active, "eth0")
			r.forgetSent()
			back := time.Now()
			r.sys.plug("eth1", true)
			pass(50 * time.Second)
			expect(t, "active", r.state().Active, "eth1")
			var learned []string
			r.sys.mu.Lock()
			for _, a := range r.sys.sent {
				if a.slave == r.sys.indexLocked("eth1") && a.frame[12] == 0x90 {
					want := mac0
					if len(learned) == 0 {
						want = mac1 // its own, before it has the role
					}
					expect(t, "address", macAt(a.frame, 6), link.MACString(want))
					learned = append(learned, a.at.Sub(back).String())
				}
			}
			r.sys.mu.Unlock()
			expect(t, mode, strings.Join(learned, " "), "0s 10ms 20ms 40ms 80ms 160ms 320ms 640ms")
		})
	}
}
