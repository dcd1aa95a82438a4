package main

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
)

func TestShowVLANFilters(t *testing.T) {
	devices := bond.VLANFilterState{VLANs: "10, 20", By: "VLAN devices on it"}
	off := bond.VLANFilterState{VLANs: "10", By: "rx-vlan-filter off"}
	st := bond.State{Slaves: []bond.SlaveState{
		{Name: "eth0", VLANFilter: &devices}, {Name: "eth1"}, {Name: "eth2", VLANFilter: &off}, {Name: "eth3", VLANFilter: &devices},
	}}
	var out bytes.Buffer
	showVLANFilters(&out, &st)
	want := `
  vlan filter   eth0, eth3: VLANs 10, 20 pass by VLAN devices on it

  vlan filter   eth2: VLAN 10 passes by rx-vlan-filter off
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}
