package lab

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTopologyValidate(t *testing.T) {
	tests := []struct {
		name string
		plan Topology
		want string // part of the error, "" for none
	}{
		{"least", Topology{Name: "x", Slaves: 1}, ""},
		{"most", Topology{Name: strings.Repeat("a", 40), Slaves: MaxSlaves, MTU: 65535}, ""},
		{"no name", Topology{Slaves: 1}, "lab name"},
		{"long name", Topology{Name: strings.Repeat("a", 41), Slaves: 1}, "lab name"},
		{"path", Topology{Name: "../x", Slaves: 1}, "lab name"},
		{"dot", Topology{Name: "a.b", Slaves: 1}, "lab name"},
		{"dash at the end", Topology{Name: "a-", Slaves: 1}, "lab name"},
		{"no slaves", Topology{Name: "x"}, "0 slaves"},
		{"too many", Topology{Name: "x", Slaves: MaxSlaves + 1}, "33 slaves"},
		{"small mtu", Topology{Name: "x", Slaves: 1, MTU: 67}, "mtu 67"},
		{"large mtu", Topology{Name: "x", Slaves: 1, MTU: 65536}, "mtu 65536"},
		{"unknown switch", Topology{Name: "x", Slaves: 1, Switch: 9}, "switch kind 9"},
		{"stp in the air", Topology{Name: "x", Slaves: 1, Switch: NoSwitch, STP: true}, "stp"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.plan.Validate()
			if tt.want == "" && err != nil {
				t.Fatal(err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("error %v: want %q", err, tt.want)
			}
		})
	}
}

// The plan is kept in an interface alias, whose room is limited.
func TestTopologyFitsAlias(t *testing.T) {
	plan := Topology{
		Name: strings.Repeat("a", 40), Slaves: MaxSlaves, MTU: 65535,
		NICLike: true, Wire: true, Switch: PerSlaveSwitch, STP: true, PeerOffloads: true, SlavesUp: true,
	}
	const aliasRoom = 255
	if b, err := json.Marshal(plan); err != nil || len(b) > aliasRoom {
		t.Errorf("plan of %d octets (%v): want at most %d: %s", len(b), err, aliasRoom, b)
	}
}

func TestMACsDiffer(t *testing.T) {
	seen := map[string]bool{HostMAC().String(): true, trunkMAC(2, 0).String(): true}
	for i := range MaxSlaves {
		for _, m := range []string{
			SlaveMAC(i).String(), PortMAC(i).String(), bridgeMAC(i).String(),
			wireMAC(0, i).String(), wireMAC(1, i).String(), trunkMAC(0, i).String(), trunkMAC(1, i).String(),
		} {
			if seen[m] && !(i == 0 && m == trunkMAC(0, 0).String()) {
				t.Errorf("%s is given twice", m)
			}
			seen[m] = true
		}
	}
	if got := SlaveMAC(0).String(); got != "02:00:00:00:00:01" {
		t.Errorf("first slave has %s", got)
	}
}
