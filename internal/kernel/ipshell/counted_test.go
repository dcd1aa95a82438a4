package ipshell

import (
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
)

// What ip would print if the TAP had counted it, columns and all.
func TestUncountedIsAdded(t *testing.T) {
	st := &bond.State{Name: "bond0", Express: &bond.ExpressState{Traffic: bond.Traffic{TxFrames: 9, TxOctets: 900, RxFrames: 1234567, RxOctets: 1000000000}}, Drops: map[string]uint64{"tx_full": 2, "tx_down": 1, "rx_inactive": 9}}
	w := &weaver{picture: &picture{bonds: []bond.State{*st}}, keep: func(string) bool { return true }}
	const in = `4: bond0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 7e:ba:db:b4:c0:15 brd ff:ff:ff:ff:ff:ff
    RX:  bytes packets errors dropped  missed   mcast           
            84       2      0       0       0       0 
    TX:  bytes packets errors dropped carrier collsns           
           670       9      0       0       0       0 
`
	const want = `4: bond0: <BROADCAST,MULTICAST,MASTER,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default qlen 1000
    link/ether 7e:ba:db:b4:c0:15 brd ff:ff:ff:ff:ff:ff
    RX:      bytes packets errors dropped  missed   mcast           
        1000000084 1234569      0       0       0       0 
    TX:  bytes packets errors dropped carrier collsns           
          1570      18      0       3       0       0 
`
	if got := w.text(in); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	line := func(s string) string { return strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", `\`) + "\n" }
	if got := w.text(line(in)); got != line(want) {
		t.Errorf("in one line, got\n%s\nwant\n%s", got, line(want))
	}
	got, err := w.json([]byte(`[{"ifname":"bond0","stats64":{"rx":{"bytes":84,"packets":2,"errors":0},"tx":{"bytes":670,"packets":9,"errors":0}}},{"ifname":"eth7","stats64":{"rx":{"bytes":1,"packets":1},"tx":{"bytes":1,"packets":1}}}]`), false, false)
	const tree = `[{"ifname":"bond0","stats64":{"rx":{"bytes":1000000084,"packets":1234569,"errors":0},"tx":{"bytes":1570,"packets":18,"errors":0}}},{"ifname":"eth7","stats64":{"rx":{"bytes":1,"packets":1},"tx":{"bytes":1,"packets":1}}}]` + "\n"
	if err != nil || got != tree {
		t.Errorf("%v\ngot  %swant %s", err, got, tree)
	}
}
