package link

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// As a little-endian machine shows them; group addresses there are in its order.
const (
	procIGMP = `Idx	Device    : Count Querier	Group    Users Timer	Reporter
1	lo        :     1      V3
				010000E0     1 0:00000000		0
7	bond0     :     4      V2
				FB0000E0     1 0:00000000		1
				050505E8     2 0:00000000		0
				060505EF     1 0:00000000		0
				010000E0     1 0:00000000		0
`
	procFilter = `Idx Device        MCA        SRC    INC    EXC
  7  bond0 0xe8050505 0x0a000001      1      0
  7  bond0 0xe8050505 0x0a000002      1      0
  7  bond0 0xef050506 0x0a000003      0      1
  9   eth9 0xe00000fb 0x0a000009      1      0
`
	procIGMP6 = `7    bond0           ff02000000000000000000000000006a     1 00000004 0
7    bond0           ff0200000000000000000001ff000000     1 00000004 0
7    bond0           ff020000000000000000000000000001     1 0000000C 0
7    bond0           ff010000000000000000000000000001     1 00000008 0
1    lo              ff020000000000000000000000000077     1 0000000C 0
`
	procFilter6 = `Idx Device                Multicast Address                   Source Address    INC    EXC
  7  bond0 ff02000000000000000000000000006a fd000000000000000000000000000005      1      0
`
)

func TestParseGroups(t *testing.T) {
	addr := netip.MustParseAddr
	got := parseGroups(7, procIGMP, procFilter, procIGMP6, procFilter6)
	want := Groups{IGMP: 2, V4: []Group{
		{Addr: addr("224.0.0.251")},
		{Addr: addr("232.5.5.5"), Include: true, Sources: []netip.Addr{addr("10.0.0.1"), addr("10.0.0.2")}},
		{Addr: addr("239.5.5.6")},
	}, V6: []Group{
		{Addr: addr("ff02::6a"), Include: true, Sources: []netip.Addr{addr("fd00::5")}},
		{Addr: addr("ff02::1:ff00:0")},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if got := parseGroups(1, procIGMP, "", procIGMP6, ""); got.IGMP != 3 || len(got.V4) != 0 || len(got.V6) != 1 {
		t.Errorf("lo: %+v", got)
	}
	if left := withoutLocal(want.V4); len(left) != 2 {
		t.Errorf("without 224.0.0.0/24: %v", left)
	}
}
