package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/kernel/sample"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/policy"
)

func TestParseFlow(t *testing.T) {
	good := map[string]string{
		"tcp 10.0.0.1:4000 10.0.0.2:80":                     "tcp 10.0.0.1:4000 to 10.0.0.2:80",
		"udp [2001:db8::1]:53 [2001:db8::2]:5 vlan 7":       "udp [2001:db8::1]:53 to [2001:db8::2]:5, VLAN 7",
		"icmp 10.0.0.1 10.0.0.2 dst-mac 02:00:00:00:00:02":  "icmp 10.0.0.1 to 10.0.0.2",
		"89 10.0.0.1 10.0.0.2":                              "89 10.0.0.1 to 10.0.0.2",
		"6 10.0.0.1:1 10.0.0.2:2 src-mac 02:00:00:00:00:02": "tcp 10.0.0.1:1 to 10.0.0.2:2",
		"gre ::1 ::2": "gre ::1 to ::2",
		"sctp 10.0.0.1:1 10.0.0.2:2 vlan 4094 vlan 1":             "sctp 10.0.0.1:1 to 10.0.0.2:2, VLAN 1",
		"tcp [::ffff:10.0.0.1]:1 10.0.0.2:2":                      "tcp 10.0.0.1:1 to 10.0.0.2:2",
		"icmp6 fe80::1%eth0 fe80::2":                              "icmp6 fe80::1 to fe80::2",
		"esp 10.0.0.1 10.0.0.2 src-mac 02-00-00-00-00-02 vlan 12": "esp 10.0.0.1 to 10.0.0.2, VLAN 12",
	}
	for words, want := range good {
		f, err := ParseFlow(strings.Fields(words))
		if err != nil || f.String() != want {
			t.Errorf("%s: %q, %v", words, f.String(), err)
		}
		var frame policy.Frame
		if !frame.Decode(f.Frame()) {
			t.Errorf("%s: not a frame", words)
		}
	}
	bad := map[string]string{
		"":                                  "want PROTOCOL",
		"tcp 10.0.0.1:1":                    "want PROTOCOL",
		"tpc 10.0.0.1:1 10.0.0.2:2":         `protocol "tpc": want esp, gre`,
		"256 10.0.0.1 10.0.0.2":             `protocol "256"`,
		"tcp 10.0.0.1 10.0.0.2:2":           "port missing",
		"icmp 10.0.0.1:1 10.0.0.2":          "want an address without a port",
		"tcp ten:1 10.0.0.2:2":              "want ADDRESS",
		"tcp 10.0.0.1:1 [::1]:2":            "different families",
		"tcp 10.0.0.1:1 10.0.0.2:2 vlan 0":  "vlan 0",
		"tcp 10.0.0.1:1 10.0.0.2:2 vlan":    "value missing",
		"tcp 10.0.0.1:1 10.0.0.2:2 dst 1":   `"dst": after the destination come vlan N, src-mac M or dst-mac M`,
		"tcp 10.0.0.1:1 10.0.0.2:2 src-mac": "value missing",
		"tcp 10.0.0.1:1 10.0.0.2:2 bond0":   "a bond is named by --bond bond0",
	}
	for words, want := range bad {
		if _, err := ParseFlow(strings.Fields(words)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

// state is a bond of two slaves, both up.
// now is when everything in these tests happens.
var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func state(mode, hash string) *bond.State {
	return &bond.State{
		Name: "bond0", MAC: "02:00:00:00:00:01", Up: true, Mode: mode, Active: "eth0", ActiveAt: now, ActiveWhy: "slave added",
		Settings: map[string]string{"xmit_hash_policy": hash, "packets_per_slave": "1", "primary": "", "primary_reselect": "always", "updelay": "500", "downdelay": "300"},
		Slaves: []bond.SlaveState{
			{Name: "eth0", MIIStatus: "UP", Carries: true, Carrier: true, State: "ACTIVE", Since: now, Why: "carrier when enslaved"},
			{Name: "eth1", MIIStatus: "UP", Carries: mode != "active-backup", Carrier: true, State: "BACKUP", Since: now, Why: "carrier when enslaved"},
		},
	}
}

func TestChoose(t *testing.T) {
	flow, err := ParseFlow(strings.Fields("tcp 10.0.0.1:4000 10.0.0.2:80"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ mode, hash, slave, why string }{
		{"active-backup", "layer2", "eth0", "active slave"},
		{"balance-rr", "layer2", "", "each slave in turn"},
		{"broadcast", "layer2", "", "all usable"},
	} {
		got, err := Choose(state(c.mode, c.hash), flow)
		if err != nil || got.Slave != c.slave || !strings.Contains(got.Why, c.why) {
			t.Errorf("%s: %+v, %v", c.mode, got, err)
		}
	}
	// Where the hash decides it is the selector's own.
	for _, hash := range []string{"layer3+4", "encap3+4", "vlan+srcmac", "layer2"} {
		f := flow
		f.DstMAC = [6]byte{2, 0, 0, 0, 0, 7}
		st := state("balance-xor", hash)
		got, err := Choose(st, f)
		if err != nil {
			t.Errorf("%s: %v", hash, err)
			continue
		}
		f.SrcMAC = [6]byte{2, 0, 0, 0, 0, 1}
		var frame policy.Frame
		frame.Decode(f.Frame())
		p, _ := policy.ParseHashPolicy(hash)
		sel, _ := policy.New(policy.BalanceXOR)
		i, _ := sel.Select(&policy.Snapshot{Usable: []int{0, 1}, Hash: p, Slaves: make([]policy.Slave, 2)}, policy.NewQueue(1), &frame)
		if got.Slave != st.Slaves[i].Name || len(got.Policies) != 6 {
			t.Errorf("%s: %s, the selector takes %s", hash, got.Slave, st.Slaves[i].Name)
		}
		var text strings.Builder
		got.Write(&text)
		for _, want := range []string{"bond0: tcp 10.0.0.1:4000 to 10.0.0.2:80: " + got.Slave, "modulo 2 usable slaves", "with each policy"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: %q is missing in\n%s", hash, want, text.String())
			}
		}
	}
	if _, err := Choose(state("balance-xor", "layer2"), flow); err == nil || !strings.Contains(err.Error(), "dst-mac") {
		t.Errorf("layer2 without the destination's address: %v", err)
	}
	down := state("balance-xor", "layer3+4")
	down.Up = false
	if got, err := Choose(down, flow); err != nil || got.Slave != "" || !strings.Contains(got.Why, "bond is down") {
		t.Errorf("down: %+v %v", got, err)
	}
}

func TestOfSlave(t *testing.T) {
	change := func(fn func(*bond.State)) []bond.State {
		st := state("active-backup", "layer2")
		fn(st)
		return []bond.State{*st}
	}
	for _, c := range []struct {
		bonds       []bond.State
		slave, want string
	}{
		{change(func(*bond.State) {}), "eth0", "it is the active slave"},
		{change(func(*bond.State) {}), "eth1", "both have prio 0"},
		{change(func(s *bond.State) { s.Slaves[0].Prio = 9 }), "eth1", "higher prio, 9 against 0"},
		{change(func(s *bond.State) { s.Settings["primary"] = "eth0" }), "eth1", "eth0 is the primary"},
		{change(func(s *bond.State) { s.Settings["primary"], s.Settings["primary_reselect"] = "eth1", "failure" }), "eth1", "primary_reselect failure lets eth0 keep"},
		{change(func(s *bond.State) { s.Up = false }), "eth0", "administratively down"},
		{change(func(s *bond.State) { s.Slaves[1].MIIStatus, s.Slaves[1].Carrier = "DOWN", false }), "eth1", "there is no carrier"},
		{change(func(s *bond.State) { s.Slaves[1].MIIStatus = "GOING_BACK" }), "eth1", "updelay, 500 ms"},
		{change(func(s *bond.State) { s.Slaves[1].MIIStatus = "GOING_DOWN" }), "eth1", "downdelay, 300 ms"},
		{change(func(s *bond.State) {
			s.Slaves[1].MIIStatus, s.Slaves[1].Why = "GOING_BACK", "tried, since nothing is up"
			s.Settings["arp_interval"], s.Settings["ns_ip6_target"] = "100", "fd00::2"
		}), "eth1", "its link isn't up, since 0s: tried, since nothing is up"},
		{change(func(s *bond.State) {
			s.Slaves[1].VLANFilter = &bond.VLANFilterState{VLANs: "10, 20", By: "VLAN devices on it"}
		}), "eth1", "its NIC filters VLANs: VLANs 10, 20 pass by VLAN devices on it"},
		{change(func(s *bond.State) { s.Slaves[1].Failures = 3 }), "eth1", "failed 3 times"},
		{change(func(s *bond.State) {
			s.Slaves[1].MIIStatus = "DOWN"
			s.Settings["arp_interval"], s.Settings["arp_ip_target"], s.Settings["arp_validate"] = "100", "10.0.0.2", "all"
		}), "eth1", "hears nothing that counts (targets 10.0.0.2, arp_validate all)"},
	} {
		e, ok := OfSlave(c.bonds, c.slave, now)
		if !ok || !strings.Contains(strings.Join(e.Reasons, "\n"), c.want) {
			t.Errorf("want %q in %q", c.want, e.Reasons)
		}
	}
	if _, ok := OfSlave(change(func(*bond.State) {}), "eth9", now); ok {
		t.Error("eth9 is no slave")
	}
}

func TestOfSlaveLACP(t *testing.T) {
	s, err := sample.Load("pcap-lacp-churn", true)
	if err != nil {
		t.Fatal(err)
	}
	st := s.State
	st.Up = true
	p := &st.Slaves[1].AD.PortState
	p.Why, p.Reason, p.LastRx = lacp.WhyTwoPartners, "another partner than the active aggregator's", now.Add(-time.Second)
	e, ok := OfSlave([]bond.State{st}, "eth1", now)
	said := strings.Join(e.Reasons, "\n")
	if !ok || !strings.HasPrefix(said, "two_partners: another partner") {
		t.Errorf("the port's own diagnosis is not first: %q", said)
	}
	for _, want := range []string{
		"aggregator 2, but 1 is the active one (ad_select stable)", "from system 65535/02:00:00:00:01:01; the partner's port says: active,short_timeout,aggregating,in_sync",
		"it says: active,short_timeout,aggregating", "it churns",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("want %q in %q", want, said)
		}
	}
	st.Slaves[1].AD.Partner = lacp.Info{}
	e, _ = OfSlave([]bond.State{st}, "eth1", now)
	if said = strings.Join(e.Reasons, "\n"); !strings.Contains(said, "ago; that partner is given up") {
		t.Errorf("%q", said)
	}
	st.AD.Active, p.LastRx, p.Partner.State, p.Why = 0, time.Time{}, 0, lacp.WhyLinkDown
	e, _ = OfSlave([]bond.State{st}, "eth1", now)
	if said = strings.Join(e.Reasons, "\n"); !strings.Contains(said, "no aggregator is active\nit has heard no LACPDU") || strings.Contains(said, "link_down") {
		t.Errorf("%q", said)
	}
	p.Why, p.Counters.IllegalRx = lacp.WhyIllegal, 7
	e, _ = OfSlave([]bond.State{st}, "eth1", now)
	if said = strings.Join(e.Reasons, "\n"); !strings.Contains(said, "no LACPDU that is legal; it has dropped 7") || strings.Contains(said, "heard no") {
		t.Errorf("%q", said)
	}
}

func FuzzParseFlow(f *testing.F) {
	f.Add("tcp 10.0.0.1:4000 10.0.0.2:80 vlan 7")
	f.Add("58 fe80::1%1 ::2 src-mac 02:00:00:00:00:01")
	f.Fuzz(func(t *testing.T, line string) {
		flow, err := ParseFlow(strings.Fields(line))
		if err != nil {
			return
		}
		var frame policy.Frame
		if !frame.Decode(flow.Frame()) {
			t.Errorf("%s: no frame", line)
		}
	})
}
