package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/kernel/sample"
	"github.com/tapbond/tapbond/lacp"
)

// lag is a recorded bond, one of whose partner's ports fell silent, with the
// times and words that recordings don't have.
func lag(t *testing.T, now time.Time) *bond.State {
	t.Helper()
	s, err := sample.Load("pcap-lacp-timeout-9", true)
	if err != nil {
		t.Fatal(err)
	}
	st := &s.State
	st.Up, st.MAC, st.MTU, st.Queues = true, "02:00:00:00:00:00", 1500, 1
	st.Verdict = bond.Verdict{Word: bond.WordDegraded, Severity: bond.SeverityDegraded, Summary: "1 of 2 slaves carrying traffic"}
	st.Drops = map[string]uint64{"rx_slow_proto": 90}
	st.AD.Aggregators[0].Slaves = []string{"eth0"}
	st.AD.Aggregators[0].Distributing, st.AD.Aggregators[0].Mbps = 1, 10000
	st.AD.Aggregators = append(st.AD.Aggregators, bond.ADAggregator{AggregatorState: lacp.AggregatorState{ID: 2, ActorKey: 15}, Slaves: []string{"eth1"}})
	at := func(s float64) time.Time { return now.Add(-time.Duration(s * float64(time.Second))) }
	for i := range st.Slaves {
		st.Slaves[i].Since, st.Slaves[i].Why = at(70), "carrier when enslaved"
	}
	st.Slaves[0].Carries = true
	p := &st.Slaves[0].AD.PortState
	p.Collecting, p.Distributing, p.Why, p.Reason = true, true, lacp.WhyOK, "in sync with its partner"
	p.Selected, p.Mux, p.Since, p.Receive, p.ReceiveSince = "selected", "collecting_distributing", at(68), "current", at(70)
	p.LastRx, p.LastTx, p.ExpiresAt = at(0.25), at(0.5), at(-2.75)
	p.Counters.LACPDUsRx, p.Counters.LACPDUsTx = 71, 72
	p = &st.Slaves[1].AD.PortState
	p.Why, p.Reason = lacp.WhyNoPDU, "no LACPDU for 9.0 s"
	p.Selected, p.Mux, p.Since, p.Receive, p.ReceiveSince = "selected", "attached", at(6), "defaulted", at(3)
	p.LastRx, p.LastTx = at(9), at(0.5)
	p.Counters.LACPDUsRx, p.Counters.LACPDUsTx, p.Counters.OwnEchoRx = 62, 74, 3
	st.Slaves[1].AD.Illegal = map[string]uint64{"short": 1}
	return st
}

func TestShowLAG(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	st := lag(t, now)
	var out bytes.Buffer
	(&screen{w: &out, st: st, now: now}).show()
	want := `bond0: 802.3ad, DEGRADED: 1 of 2 slaves carrying traffic
  link          02:00:00:00:00:00, mtu 1500, plain frames, 1 queue
  monitor       carrier, miimon 100 ms
  options       lacp_rate fast
  traffic       tx 0 frames 0B, rx 0 frames 0B

  SLAVE  STATE   LINK  SPEED  SENDS  FAILS  TX  RX  SINCE
  eth0   ACTIVE  UP    10G    yes    0      0B  0B  70 s
  eth1   BACKUP  UP    10G    no     0      0B  0B  70 s

  LACP          system 65535/02:00:00:00:00:00, active, lacp_rate fast (1 s)
  aggregator 1  ACTIVE, key 15, partner 0/02:00:00:00:02:00 key 15: eth0; 1 of 1
                port distributing, 10000 Mb/s
  aggregator 2  idle, key 15, no partner: eth1; 0 of 1 port distributing, 0 Mb/s

  PORT  AGG  DIAGNOSIS  RECEIVE    LACPDU  PARTNER
  eth0  1    ok         current    250 ms  1
  eth1  2    no_pdu     defaulted  9.0 s   -
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	(&screen{w: &out, st: st, now: now, verbose: true}).show()
	_, ports, _ := strings.Cut(out.String(), "PARTNER\n")
	if diff := cmp.Diff(`  eth0  1    ok         current    250 ms  1
  eth1  2    no_pdu     defaulted  9.0 s   -

  eth0: carries traffic, ok: in sync with its partner
    actor    active short_timeout aggregating in_sync collecting distributing
             (63), port 1 prio 255 key 15
             last LACPDU sent 500 ms ago, 72 in all
    partner  active short_timeout aggregating in_sync collecting distributing
             (63), port 1 prio 255 key 15 of 65535/02:00:00:00:02:00
             last LACPDU received 250 ms ago, 71 in all, expires in 2.7 s
    machines selected, mux collecting_distributing for 68 s, receive current for
             70 s, churn none/none

  eth1: carries no traffic, no_pdu: no LACPDU for 9.0 s
    actor    active short_timeout aggregating defaulted (71), port 2 prio 255
             key 15
             last LACPDU sent 500 ms ago, 74 in all
    partner  nothing set (0), port 1 prio 255 key 1 of 65535/00:00:00:00:00:00
             last LACPDU received 9.0 s ago, 62 in all
    machines selected, mux attached for 6.0 s, receive defaulted for 3.0 s,
             churn monitoring/monitoring
    dropped  short 1, own echo 3
`, ports); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
