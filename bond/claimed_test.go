package bond

import (
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
)

// A slave that somebody else takes while it is one is reported, until it is over.
func TestClaimedSlave(t *testing.T) {
	run(t, "mode active-backup", two, func(r *rig) {
		eth1 := r.sys.index("eth1")
		claimed := func(about, want string) {
			t.Helper()
			st := r.state()
			expect(t, about, st.Slaves[1].Claimed, want)
			word := WordHealthy
			if want != "" {
				word = WordDegraded
			}
			expect(t, about+": verdict", st.Verdict.Word, word)
		}
		br0 := r.sys.addLink("br0", [6]byte{2, 0, 0, 0, 0, 9})
		r.must(r.sys.change("outside", br0, func(l *link.Info) { l.Kind = "bridge" }))
		under := func(master int) {
			r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.MasterIndex = master }))
			r.e.dispatch(monitor.WatchEvent{Link: &monitor.LinkEvent{Index: eth1, Name: "eth1", MTU: 1500, MAC: r.link(eth1).MAC, MasterIndex: master}})
		}
		claimed("at first", "")
		under(br0)
		claimed("in a bridge", "br0 (bridge)")
		under(0)
		claimed("out again", "")
		for _, kind := range []string{"macvlan", "ipvlan", "macsec"} {
			up := r.sys.addLink("up0", [6]byte{2, 0, 0, 0, 0, 8})
			r.must(r.sys.change("outside", up, func(l *link.Info) { l.Kind, l.ParentIndex = kind, eth1 }))
			ev := monitor.LinkEvent{Index: up, Name: "up0", Kind: kind, ParentIndex: eth1}
			r.e.dispatch(monitor.WatchEvent{Link: &ev})
			claimed("a "+kind+" on it", "up0 ("+kind+")")
			r.unplugNIC(up)
			ev.Deleted = true
			r.e.dispatch(monitor.WatchEvent{Link: &ev})
			claimed("without the "+kind, "")
		}
		under(br0)
		claimed("in a bridge again", "br0 (bridge)")
		r.must(r.sys.change("outside", eth1, func(l *link.Info) { l.MasterIndex = 0 }))
		pass(2 * housekeepEvery) // without an event
		claimed("out without an event", "")
		text := strings.Join(r.log(), "\n")
		expect(t, "told", strings.Count(text, "is used by"), 5)
		expect(t, "told that it is over", strings.Count(text, "belongs to the bond alone again"), 5)
	})
}
