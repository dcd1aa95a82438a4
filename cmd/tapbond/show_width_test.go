package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

func lines(out *bytes.Buffer) []string {
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// fits checks that every line has room on the screen.
func fits(t *testing.T, what string, out *bytes.Buffer) {
	t.Helper()
	for _, line := range lines(out) {
		if width(line) > screenWidth {
			t.Errorf("%s: %d columns: %s", what, width(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("%s: blanks at the end of %q", what, line)
		}
	}
}

// crowded is a bond of eight slaves about which there is much to say.
func crowded(t *testing.T, now time.Time) *bond.State {
	st := lag(t, now)
	first := st.Slaves[0]
	st.Slaves = nil
	for i := range 8 {
		s := first
		ad := *first.AD
		s.AD = &ad
		s.Name = fmt.Sprintf("enp%ds0f%dnp1", 100+i, i%2)
		s.State, s.Speed, s.Failures = "BACKUP", 100000, 12345
		s.MIIStatus = []string{"UP", "DOWN", "GOING_DOWN", "GOING_BACK"}[i%4]
		s.Traffic = bond.Traffic{TxOctets: 999_900_000_000, RxOctets: 123_400_000}
		s.AD.Why, s.AD.Receive = lacp.WhyPartnerNotC, "port_disabled"
		s.Outages = []bond.Outage{{Since: now.Add(-time.Hour), Why: strings.Repeat("no carrier, and more of it ", 4)}}
		s.Addresses = []string{"2001:db8:1111:2222:3333:4444:5555:6666/64", "192.168.100.100/24"}
		st.Slaves = append(st.Slaves, s)
		st.AD.Aggregators[0].Slaves = append(st.AD.Aggregators[0].Slaves, s.Name)
		st.Verdict.Causes = append(st.Verdict.Causes, bond.Cause{
			Word: bond.WordDegraded, Slave: s.Name, Text: s.Name + ": partner_not_collecting: " + strings.Repeat("the partner doesn't collect ", 4),
			Advice: fmt.Sprintf("look at the switch's log, at the port that %s is connected to", s.Name),
		})
	}
	st.Settings["arp_interval"], st.Settings["arp_ip_target"] = "100", "192.168.100.101,192.168.100.102,192.168.100.103,192.168.100.104"
	st.Settings["arp_missed_max"], st.Settings["arp_validate"], st.Settings["arp_all_targets"] = "2", "filter_backup", "any"
	st.Settings["primary"], st.Settings["xmit_hash_policy"], st.Settings["lacp_fallback_delay"] = "enp100s0f0np1", "vlan+srcmac", "12345"
	st.Express = &bond.ExpressState{Why: "xmit_hash_policy vlan+srcmac looks at more than it can"}
	st.Offload, st.Queues = true, 16
	st.Drops = map[string]uint64{"rx_inactive": 123456789, "rx_own_source": 123456789, "rx_tap_full": 123456789, "tx_full": 123456789, "tx_down": 9}
	st.Balance = &bond.BalanceState{Next: now.Add(time.Second), Stats: &alb.Stats{Taught: 1, Full: 1, Evicted: 2, Unasked: 3, Conflict: 4}}
	for i := range 40 {
		st.Balance.Buckets = append(st.Balance.Buckets, bond.BucketState{Bucket: i, Slave: st.Slaves[i%8].Name, Octets: 123_400_000_000, Rate: 9_900_000_000})
		st.Balance.Clients = append(st.Balance.Clients, bond.ClientState{
			Client: netip.AddrFrom4([4]byte{192, 168, 100, 100 + byte(i)}), VLAN: 4094, MAC: "02:00:00:00:02:00", Slave: st.Slaves[i%8].Name, Seen: now, Pending: true,
		})
	}
	return st
}

// The screen of a crowded bond fits a terminal of 80 columns; details do as far as
// they are sentences.
func TestShowFits(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	st := crowded(t, now)
	var out bytes.Buffer
	(&screen{w: &out, st: st, now: now}).show()
	fits(t, "show", &out)
	for _, want := range []string{"and 2 more: tapbond show -v bond0", "and 24 more: tapbond show -v bond0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "partner_not_collecting  port_disabled"); n != 8 {
		t.Errorf("%d rows of ports", n)
	}
	out.Reset()
	st.Balance = nil
	(&screen{w: &out, st: st, now: now, verbose: true}).show()
	fits(t, "show -v", &out)
}

func TestShowBrief(t *testing.T) {
	var states []bond.State
	for i := range 16 {
		st := bond.State{Name: fmt.Sprintf("bond%d", i), Mode: "active-backup", Slaves: []bond.SlaveState{{Carries: true}, {}}}
		st.Verdict = bond.Verdict{Word: bond.WordHealthy, Summary: "2 of 2 slaves up"}
		states = append(states, st)
	}
	states[3].Mode, states[3].Verdict = "802.3ad", bond.Verdict{Word: bond.WordFlapping, Summary: "enp100s0f0np1 failed at least 16 times in 5 min, last 0.3 ms ago: no carrier"}
	var out bytes.Buffer
	showBrief(&out, states)
	fits(t, "show -b", &out)
	got := lines(&out)
	if len(got) != 17 {
		t.Fatalf("%d lines for 16 bonds", len(got))
	}
	want := []string{
		"BOND    MODE           SENDS   VERDICT",
		"bond0   active-backup  1/2     healthy: 2 of 2 slaves up",
		"bond3   802.3ad        1/2     FLAPPING: enp100s0f0np1 failed at least 16 times…",
	}
	if diff := cmp.Diff(want, slices.Concat(got[:2], got[4:5])); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
