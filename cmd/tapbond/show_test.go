package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
)

func TestShow(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	st := bond.State{
		Name: "bond0", MAC: "02:00:00:00:00:01", MTU: 1500, Up: true, Carrier: true, Offload: true, Queues: 1, Mode: "active-backup",
		Verdict: bond.Verdict{Word: bond.WordDegraded, Severity: bond.SeverityDegraded, Summary: "1 of 2 slaves up", Causes: []bond.Cause{
			{Word: bond.WordDegraded, Slave: "eth0", Text: "eth0 is down: no carrier", Advice: "look at the cable and the switch's port"},
		}},
		Active: "eth1", ActiveAt: now.Add(-90 * time.Second), ActiveWhy: "active slave lost its link", Failovers: 1,
		Settings: map[string]string{"miimon": "100", "updelay": "200", "downdelay": "0", "num_grat_arp": "3", "xmit_hash_policy": "layer2"},
		Traffic:  bond.Traffic{TxFrames: 12, TxOctets: 1234, RxFrames: 1, RxOctets: 999},
		Drops:    map[string]uint64{"tx_full": 2, "rx_inactive": 7},
		Slaves: []bond.SlaveState{
			{Name: "eth0", State: "BACKUP", MIIStatus: "DOWN", Failures: 1, Since: now.Add(-26 * time.Hour), Why: "no carrier"},
			{Name: "eth1", State: "ACTIVE", MIIStatus: "UP", Carries: true, Speed: 10000, Duplex: "full", Since: now.Add(-1500 * time.Millisecond),
				Why: "carrier", Traffic: bond.Traffic{TxOctets: 2_500_000}, SocketDrops: 4},
		},
	}
	var out bytes.Buffer
	(&screen{w: &out, st: &st, now: now}).show()
	want := `bond0: active-backup, DEGRADED: 1 of 2 slaves up
  cause         eth0 is down: no carrier
  advice        look at the cable and the switch's port
  active slave  eth1 for 90 s (active slave lost its link), 1 failover
  link          02:00:00:00:00:01, mtu 1500, offloads on, 1 queue
  monitor       carrier, miimon 100 ms, updelay 200 ms
  options       num_grat_arp 3
  traffic       tx 12 frames 1.2KB, rx 1 frame 999B

  SLAVE  STATE   LINK  SPEED  SENDS  FAILS  TX     RX  SINCE
  eth0   BACKUP  DOWN  ?      no     1      0B     0B  26 h
  eth1   ACTIVE  UP    10G    yes    0      2.5MB  0B  1.5 s

  dropped       rx_inactive 7, tx_full 2, eth1 socket 4
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMonitorText(t *testing.T) {
	opt := map[string]string{"miimon": "0", "arp_interval": "100", "arp_missed_max": "2", "arp_validate": "all", "arp_all_targets": "any"}
	for _, c := range []struct{ ip4, ip6, want string }{
		{"", "", "carrier (arp_interval 100 ms, but there is no target)"},
		{"10.1.0.1,10.1.0.2", "", "probes of 10.1.0.1, 10.1.0.2 every 100 ms, 2 may be missed, arp_validate all, arp_all_targets any; carrier"},
		{"10.1.0.1[10]", "fd00::1", "probes of 10.1.0.1[10], fd00::1 every 100 ms, 2 may be missed, arp_validate all, arp_all_targets any; carrier"},
	} {
		opt["arp_ip_target"], opt["ns_ip6_target"] = c.ip4, c.ip6
		if got := monitorText(&bond.State{Settings: opt}); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}
