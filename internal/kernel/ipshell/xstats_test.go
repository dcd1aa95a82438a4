package ipshell

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/lacp"
)

func TestXstats(t *testing.T) {
	counted := func(rx, tx uint64) *bond.ADPort {
		return &bond.ADPort{PortState: lacp.PortState{Counters: lacp.Counters{LACPDUsRx: rx, LACPDUsTx: tx, IllegalRx: 1}}}
	}
	f := oneBond()
	f.bonds[0].Slaves[0].AD = counted(6, 7)
	f.bonds[0].Slaves = append(f.bonds[0].Slaves, bond.SlaveState{Name: "eth1", AD: counted(5, 6)})
	const names = "LACPDU Rx,LACPDU Tx,LACPDU Unknown type Rx,LACPDU Illegal Rx,Marker Rx,Marker Tx,Marker response Rx,Marker response Tx,Marker unknown type Rx"
	block := func(name string, numbers ...string) string {
		out := name + strings.Repeat(" ", 16-len(name)) + "\n"
		for i, n := range strings.Split(names, ",") {
			out += strings.Repeat(" ", 20) + n + " " + numbers[i] + "\n"
		}
		return out
	}
	labtest.InNetns(t, func() {
		links(t)
		for args, want := range map[string]string{
			"link xstats type bond dev bond0":         block("bond0", "11", "13", "0", "2", "0", "0", "0", "0", "0"),
			"link xstats type bond 802.3ad":           block("bond0", "11", "13", "0", "2", "0", "0", "0", "0", "0"),
			"link xstats type bond_slave dev eth1":    block("eth1", "5", "6", "0", "1", "0", "0", "0", "0", "0"),
			"link xstats type bond_slave dev bond0":   "",
			"-j link xstats type bond_slave dev eth0": `[{"ifname":"eth0","802.3ad":{"lacpdu_rx":6,"lacpdu_tx":7,"lacpdu_unknown_rx":0,"lacpdu_illegal_rx":1,"marker_rx":0,"marker_tx":0,"marker_response_rx":0,"marker_response_tx":0,"marker_unknown_rx":0}}]` + "\n",
		} {
			status, got := f.run(t, strings.Fields(args)...)
			if diff := cmp.Diff(want, got); diff != "" || status != 0 {
				t.Errorf("ip %s: status %d, %s", args, status, diff)
			}
		}
		for args, status := range map[string]int{
			"link xstats type bond dev nix": 1, "link xstats type bond bogus": 255, "link xstats type bond dev": 255, "link xstats": 1,
		} {
			if got, out := f.run(t, strings.Fields(args)...); got != status {
				t.Errorf("ip %s: status %d, want %d\n%s", args, got, status, out)
			}
		}
	})
}
