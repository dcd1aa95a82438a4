package tree

import (
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
)

// What the express lane carried and the bond dropped is in all counters of the
// bond, and in no other device's.
func TestCounters(t *testing.T) {
	d, tr := planted(t)
	d.states[0].Express = &bond.ExpressState{Traffic: bond.Traffic{RxFrames: 100, RxOctets: 99_000_000_000, TxFrames: 3, TxOctets: 1000}}
	d.states[0].Drops = map[string]uint64{"tx_full": 4, "tx_no_slave": 1, "rx_inactive": 50}
	for path, want := range map[string]string{
		"virtual/net/bond0/statistics/rx_packets":          "107\n",
		"virtual/net/bond0/statistics/tx_dropped":          "7\n",
		"pci0/0000:00:01.0/net/eth0/statistics/rx_packets": "7\n",
		"pci0/0000:00:01.0/net/eth0/statistics/tx_dropped": "2\n",
	} {
		if got, err := tr.Read(t.Context(), "sys/devices/"+path, &Entry{}, Reader{}); got != want || err != nil {
			t.Errorf("%s reads %q %v, want %q", path, got, err, want)
		}
	}
	lines := strings.SplitAfter(netDevText, "\n")
	lines[3] = " bond0: 99005000000    4100    0    1    0     0          0         0     1700      10    0    7    0     0       0          0\n"
	want := strings.Join(lines, "")
	if got, err := tr.Read(t.Context(), "proc/net/dev", &Entry{}, Reader{}); got != want || err != nil {
		t.Errorf("net/dev reads %v\n%s\nwant\n%s", err, got, want)
	}
	d.gone = true // the TAP is what there is
	if got, err := tr.Read(t.Context(), "proc/net/dev", &Entry{}, Reader{}); got != netDevText || err != nil {
		t.Errorf("without a daemon net/dev reads %v\n%s", err, got)
	}
}
