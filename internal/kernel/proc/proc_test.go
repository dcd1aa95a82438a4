package proc

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
)

// state is a bond with eth0 and eth1, both up, whose options differ from the
// defaults as words say.
func state(t *testing.T, words, active string) *bond.State {
	t.Helper()
	assigns, _, err := option.ParseWords(strings.Fields(words))
	if err != nil {
		t.Fatal(err)
	}
	v := option.Defaults()
	res, err := v.Apply(option.Env{Bond: "bond0", AllowUnsupported: true}, assigns)
	if err != nil {
		t.Fatal(err)
	}
	st := &bond.State{Name: "bond0", Carrier: true, Active: active, Settings: map[string]string{}}
	for _, o := range option.All() {
		if o.Scope == option.ScopeBond {
			st.Settings[o.Name] = res.Values.Word(o.ID, &option.Runtime{Slaves: []option.Slave{{Name: "eth0"}, {Name: "eth1"}}})
		}
	}
	st.Mode = st.Settings["mode"]
	for _, n := range []string{"0", "1"} {
		st.Slaves = append(st.Slaves, bond.SlaveState{Name: "eth" + n, MIIStatus: "UP", Speed: 10000, Duplex: "full", PermMAC: "02:00:00:00:00:0" + n})
	}
	return st
}

// The texts are the kernel's (Linux 6.1.176), of situations that the whole
// program can't be brought into yet, or that show a state of passage.
func TestText(t *testing.T) {
	down := func(i int, status string, failures uint32) func(*bond.State) {
		return func(st *bond.State) { st.Slaves[i].MIIStatus, st.Slaves[i].Failures = status, failures }
	}
	for _, c := range []struct {
		name, options, active string
		change                func(*bond.State)
	}{
		{"ab-arp-up", "mode active-backup arp_interval 200 arp_ip_target 10.1.0.1,10.1.0.2 arp_missed_max 3", "eth1", down(0, "UP", 1)},
		{"xor-arp-up", "mode balance-xor arp_interval 200 arp_ip_target 10.1.0.1 xmit_hash_policy layer2+3", "", down(0, "UP", 1)},
		{"ab-ns6-up", "mode active-backup arp_interval 200 ns_ip6_target fd00::1", "eth0", nil},
		{"ab-fom-active-eth1-down", "mode active-backup miimon 100 fail_over_mac active", "eth0", down(1, "DOWN", 1)},
		{"tlb-up", "mode balance-tlb miimon 100", "eth0", nil},
		{"ab-delay-going-back", "mode active-backup miimon 100 updelay 5000 downdelay 5000", "eth1", down(0, "GOING_BACK", 1)},
	} {
		want, err := os.ReadFile("testdata/" + c.name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		st := state(t, c.options, c.active)
		if c.change != nil {
			c.change(st)
		}
		if d := cmp.Diff(string(want), Text(st, "6.1.176")); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestUnknownSpeedAndPrimary(t *testing.T) {
	st := state(t, "mode active-backup primary eth1 primary_reselect better", "")
	st.Slaves[0].Speed, st.Slaves[0].Duplex = 0, "unknown"
	text := Text(st, "x")
	for _, want := range []string{"Speed: Unknown\nDuplex: Unknown\n", "Primary Slave: eth1 (primary_reselect better)\nCurrently Active Slave: None\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	st.Slaves = st.Slaves[:1] // the primary is a name that no slave has
	if text := Text(st, "x"); !strings.Contains(text, "Primary Slave: None\n") {
		t.Errorf("%s", text)
	}
}
