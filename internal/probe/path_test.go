package probe

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tapbond/tapbond/internal/link"
)

// The bond, or its VLAN, is in a VRF, or ip rules have tables for it: what the plain
// look-up doesn't find, or finds elsewhere, is found there.
func TestPathsByVRFAndRules(t *testing.T) {
	h := &fakeHost{
		routes: map[string]int{
			"10.1.0.1 on bond0": 2, "10.2.0.1 on bond0.10": 3, "10.2.0.1": 9, "10.3.0.1 mark 7": 2,
			"10.4.0.1 from 10.4.0.9": 3, "fd01::1 on bond0.10": 3, "10.9.0.1 on bond0": 9, "10.9.0.1": 9,
		},
		ways: []link.Way{{Out: 2}, {Out: 3}, {Mark: 7}, {Src: ip("fd01::9")}, {Src: ip("10.4.0.9")}},
		addrs: map[int][]netip.Prefix{
			2: {netip.MustParsePrefix("10.1.0.9/24"), netip.MustParsePrefix("10.3.0.9/24")},
			3: {netip.MustParsePrefix("10.2.0.9/24"), netip.MustParsePrefix("10.4.0.9/24"), netip.MustParsePrefix("fd01::9/64")},
		},
	}
	tag := []link.Tag{{TPID: 0x8100, VID: 10}}
	want := []Path{
		{Target: ip("10.1.0.1"), Source: ip("10.1.0.9")},
		{Target: ip("10.2.0.1"), Source: ip("10.2.0.9"), Tags: tag},
		{Target: ip("10.3.0.1"), Source: ip("10.3.0.9")},
		{Target: ip("10.4.0.1"), Source: ip("10.4.0.9"), Tags: tag},
		{Target: ip("fd01::1"), Source: ip("fd01::9"), Tags: tag},
		{Target: ip("10.9.0.1"), Source: netip.IPv4Unspecified(), Elsewhere: "eth9"},
		{Target: ip("10.8.0.1"), Source: netip.IPv4Unspecified(), NoRoute: true},
	}
	var targets []Target
	for _, p := range want {
		targets = append(targets, Target{Addr: p.Target})
	}
	got, _, err := Paths(h, 2, targets)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
