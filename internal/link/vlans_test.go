package link

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/relations"
)

func TestPlanVLANs(t *testing.T) {
	const c, s = relations.CTag, relations.STag
	on := filterState{active: true}
	can := filterState{active: true, can: true}
	off := filterState{can: true, wasOn: true}
	tags := func(tpid uint16, vids ...uint16) []Tag {
		var out []Tag
		for _, v := range vids {
			out = append(out, Tag{TPID: tpid, VID: v})
		}
		return out
	}
	trunk := make([]uint16, maxVLANDevices+1)
	for i := range trunk {
		trunk[i] = uint16(i + 1)
	}
	ours := func(vid uint16) relations.Device {
		return relations.Device{ID: relations.Local(int(100 + vid)), Kind: "vlan", Name: "any", Alias: VLANAlias + "VLAN", Link: relations.Local(5), Tag: Tag{TPID: c, VID: vid}}
	}
	young := ours(10) // made a moment ago: no alias yet
	young.Alias, young.Name = "", "tb5.10"
	theirs := ours(20)
	theirs.Alias = "storage"
	tests := []struct {
		name    string
		c, s    filterState
		devices []relations.Device
		want    []Tag
		plan    string
	}{
		{"no filter", filterState{}, filterState{}, nil, tags(c, 10), ``},
		{"nothing wanted", on, on, nil, nil, ``},
		{"fixed", on, filterState{}, nil, tags(c, 10, 11), `add 10,11 by "VLAN devices on it"`},
		{"one more, one less", on, filterState{}, []relations.Device{ours(10), ours(11)}, tags(c, 11, 12), `add 12 remove 110 by "VLAN devices on it"`},
		{"no more", on, filterState{}, []relations.Device{ours(10), young}, nil, `remove 110 110`},
		{"without an alias yet", on, filterState{}, []relations.Device{young}, tags(c, 10), `by "VLAN devices on it"`},
		{"somebody else's", on, filterState{}, []relations.Device{theirs}, tags(c, 20), `by "VLAN devices on it"`},
		{"somebody else's stay", on, filterState{}, []relations.Device{theirs}, nil, ``},
		{"to be switched", can, filterState{}, nil, tags(c, 10), `off rx-vlan-filter by "rx-vlan-filter off"`},
		{"switched already", off, filterState{}, nil, tags(c, 10, 11), `by "rx-vlan-filter off"`},
		{"switched, no more", off, filterState{}, nil, nil, `on rx-vlan-filter`},
		{"off by somebody else", filterState{can: true}, filterState{}, nil, nil, ``},
		{"switching failed", filterState{active: true, can: true, disabled: true}, filterState{}, nil, tags(c, 10), `add 10 by "VLAN devices on it"`},
		{"an S-tag, no filter for it", on, filterState{}, nil, tags(s, 7), ``},
		{"both", on, can, []relations.Device{ours(3)}, append(tags(c, 10), tags(s, 7)...), `off rx-vlan-stag-filter add 10 remove 103 by "VLAN devices on it, rx-vlan-stag-filter off"`},
		{"very many", on, filterState{}, []relations.Device{ours(10), theirs}, tags(c, trunk...), `remove 110 by "promiscuous mode" promisc`},
		{"very many, to be switched", can, filterState{}, nil, tags(c, trunk...), `off rx-vlan-filter by "rx-vlan-filter off"`},
	}
	for _, tt := range tests {
		p := planVLANs(map[uint16]filterState{c: tt.c, s: tt.s}, tt.devices, tt.want)
		var out []string
		word := func(name string, args ...any) {
			if text := strings.Trim(fmt.Sprint(args...), "[]"); text != "" && text != `""` {
				out = append(out, name+" "+text)
			}
		}
		word("off", p.off)
		word("on", p.on)
		var add []string
		for _, tag := range p.add {
			add = append(add, TagText(tag))
		}
		word("add", strings.Join(add, ","))
		word("remove", p.remove)
		if p.pass.By != "" {
			out = append(out, fmt.Sprintf("by %q", p.pass.By))
		}
		if p.pass.Promisc {
			out = append(out, "promisc")
		}
		if got := strings.Join(out, " "); got != tt.plan {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.plan)
		}
	}
}

func TestVLANNames(t *testing.T) {
	longest := vlanName(1<<31-1, Tag{TPID: relations.STag, VID: 4094})
	if len(longest) > 15 || !slices.Equal([]string{vlanName(7, Tag{TPID: relations.CTag, VID: 10}), vlanName(7, Tag{TPID: relations.STag, VID: 10})}, []string{"tb7.10", "tb7s10"}) {
		t.Error(longest)
	}
	if got := TagText(Tag{TPID: relations.STag, VID: 7}) + TagText(Tag{TPID: 0x9100, VID: 8}); got != "7 (802.1ad)8 (0x9100)" {
		t.Error(got)
	}
}
