package relations_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/internal/relations"
)

// host builds a Map from lines "NAME KIND [on NAME] [in MASTER] [word…]"; the index of
// a device is its line's number. Words: down, noarp, id N (VLAN), stag, filtering,
// vlans 1pu,10,20u (p: PVID, u: untagged), ns N.
func host(t *testing.T, lines string) (*relations.Map, func(string) relations.ID) {
	t.Helper()
	var devices []relations.Device
	ids := map[string]relations.ID{}
	id := func(name string) relations.ID {
		if _, ok := ids[name]; !ok {
			t.Fatalf("no device %s", name)
		}
		return ids[name]
	}
	var kept [][]string
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		f := strings.Fields(line)
		kept = append(kept, f)
		own := relations.Local(len(kept))
		if i := slices.Index(f, "ns"); i > 0 {
			var n int
			fmt.Sscan(f[i+1], &n)
			own.NetNS = relations.Other(n)
		}
		ids[f[0]] = own
	}
	for _, f := range kept {
		d := relations.Device{ID: id(f[0]), Name: f[0], Kind: strings.Trim(f[1], "-"), Up: true}
		for i := 2; i < len(f); i++ {
			arg := func() string { i++; return f[i] }
			switch f[i] {
			case "on":
				d.Link = id(arg())
			case "in":
				d.Master = id(arg())
			case "down":
				d.Up = false
			case "noarp":
				d.NoARP = true
			case "id":
				d.Tag.TPID = relations.CTag
				fmt.Sscan(arg(), &d.Tag.VID)
			case "stag":
				d.Tag.TPID = relations.STag
			case "filtering":
				d.Filtering = &relations.Filtering{TPID: relations.CTag}
			case "filtering-ad":
				d.Filtering = &relations.Filtering{TPID: relations.STag}
			case "ns":
				i++
			case "vlans":
				for _, w := range strings.Split(arg(), ",") {
					v := relations.VLAN{PVID: strings.Contains(w, "p"), Untagged: strings.Contains(w, "u")}
					fmt.Sscan(strings.Trim(w, "pu"), &v.VID)
					d.VLANs = append(d.VLANs, v)
				}
			default:
				t.Fatalf("word %q", f[i])
			}
		}
		devices = append(devices, d)
	}
	return relations.New(devices), id
}

func names(list []relations.Device) string {
	var out []string
	for _, d := range list {
		out = append(out, d.Name)
	}
	return strings.Join(out, " ")
}

func tagText(tags []relations.Tag) string {
	out := ""
	for _, t := range tags {
		out += fmt.Sprintf(" %x:%d", t.TPID, t.VID)
	}
	return out
}

func speakers(m *relations.Map, id relations.ID) []string {
	var out []string
	for _, u := range m.Speakers(id) {
		out = append(out, u.Name+tagText(u.Tags))
	}
	return out
}

// Only devices with an Ethernet header of their own on the bond speak through it.
func TestSpeakers(t *testing.T) {
	tests := []struct{ name, lines, want string }{
		{"VLANs", "b tun\nb.10 vlan on b id 10\nb.10.20 vlan on b.10 id 20\ns vlan on b id 7 stag", "b.10 8100:10, b.10.20 8100:10 8100:20, s 88a8:7"},
		{"down", "b tun\nb.10 vlan on b id 10 down\nb.10.20 vlan on b.10 id 20\nv vlan on b id 3", "v 8100:3"},
		{"on a macvlan", "b tun\nmv macvlan on b\nmv.5 vlan on mv id 5\nipv ipvlan on b\nl3 ipvlan on b noarp", "mv, mv.5 8100:5, ipv"},
		{"tunnels refer", "b tun\ng gre on b\ngt gretap on b\ni ipip on b\nx vxlan on b\nf flavour on b\nme macsec on b", ""},
		{"VRF", "b tun in red\nred vrf\nb.10 vlan on b id 10 in red", "b.10 8100:10"},
		{"tunnel in a bridge on the bond", "b tun in br\nbr bridge\ngt gretap on b in br", "br"},
		{"veth", "b veth on p\np veth on b\nmv macvlan on b", "mv"},
		{"plain bridge", "b tun in br\nbr bridge\nbr.9 vlan on br id 9\nmv macvlan on br\ntap tun in br", "br, br.9 8100:9, mv"},
		{"a bond above announces itself", "b tun in t\nt team\nt.4 vlan on t id 4", ""},
		{"VLAN in a bridge", "b tun\nb.10 vlan on b id 10 in br\nbr bridge", "b.10 8100:10, br 8100:10"},
		{"filtering, PVID tagged", "b tun in br vlans 10\nbr bridge filtering vlans 10pu", "br 8100:10"},
		{"filtering, PVID untagged", "b tun in br vlans 1pu,10\nbr bridge filtering vlans 1pu", "br"},
		{"filtering, several", "b tun in br vlans 1pu,10,20u\nbr bridge filtering vlans 1pu,10,20,30\nbr.10 vlan on br id 10\nbr.20 vlan on br id 20\nbr.30 vlan on br id 30", "br, br.10 8100:10, br.20"},
		{"filtering, not the port's", "b tun in br vlans 10\nbr bridge filtering vlans 1pu\nbr.10 vlan on br id 10", ""},
		{"filtering, no PVID", "b tun in br vlans 10\nbr bridge filtering vlans 10\nbr.10 vlan on br id 10", "br.10 8100:10"},
		{"filtering, priority tag", "b tun in br vlans 4\nbr bridge filtering vlans 4pu\nbr.0 vlan on br id 0", "br 8100:4, br.0 8100:4"},
		{"filtering by 802.1ad", "b tun in br vlans 7\nbr bridge filtering-ad vlans 7pu\nbr.10 vlan on br id 10", "br 88a8:7, br.10 88a8:7 8100:10"},
		{"filtering on a VLAN", "b tun\nb.3 vlan on b id 3 in br vlans 8\nbr bridge filtering vlans 8pu", "b.3 8100:3, br 8100:3 8100:8"},
		{"a cycle ends", "b tun in br\nbr bridge in b", "br"},
	}
	for _, tt := range tests {
		m, id := host(t, tt.lines)
		if got := strings.Join(speakers(m, id("b")), ", "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Tags that a slave's NIC must receive: the outermost ones of all that is above.
func TestVLANs(t *testing.T) {
	tests := []struct{ name, lines, want string }{
		{"none", "b tun\nmv macvlan on b", ""},
		{"one, down", "b tun\nb.10 vlan on b id 10 down", " 8100:10"},
		{"two tags", "b tun\nb.10 vlan on b id 10\nb.10.20 vlan on b.10 id 20\ns vlan on b id 7 stag\ns.1 vlan on s id 1", " 8100:10 88a8:7"},
		{"on macvlan, bridge and both", "b tun in br\nbr bridge\nbr.9 vlan on br id 9\nmv macvlan on br\nmv.5 vlan on mv id 5\nmw macvlan on b\nmw.9 vlan on mw id 9", " 8100:5 8100:9"},
		{"filtering", "b tun in br vlans 1pu,20,10\nbr bridge filtering vlans 1pu\nbr.30 vlan on br id 30", " 8100:1 8100:10 8100:20"},
		{"a bond on the bond", "b tun in t\nt team\nt.4 vlan on t id 4", " 8100:4"},
		{"another namespace", "b tun\nv vlan on b id 12 ns 3", " 8100:12"},
		{"tunnels", "b tun\nx vxlan on b\nx.6 vlan on x id 6", ""},
	}
	for _, tt := range tests {
		m, id := host(t, tt.lines)
		if got := tagText(m.VLANs(id("b"))); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestAboveAndLoops(t *testing.T) {
	m, id := host(t, `
		eth0 -
		eth1 -
		bond0 tun
		bond1 tun
		bond0.5 vlan on bond0 id 5
		br bridge
		mv macvlan on br
		x vxlan on bond1
		va veth on vb
		vb veth on va in br`)
	m.Enslave(id("eth0").Index, id("bond0").Index)
	m.Enslave(id("bond0.5").Index, id("bond1").Index)
	if got := names(m.Above(id("eth0"))); got != "bond0 bond0.5 bond1 x" {
		t.Error(got)
	}
	if d := m.Device(id("bond1")); d.Kind != "bond" {
		t.Error(d.Kind)
	}
	for _, c := range []struct {
		slave, bond string
		want        bool
	}{
		{"bond0", "bond0", true}, {"bond0.5", "bond0", true}, {"bond1", "bond0", true}, {"x", "bond0", true},
		{"eth1", "bond0", false}, {"eth0", "bond1", false}, {"bond0", "bond1", false}, {"mv", "bond0", false}, {"va", "bond0", false},
	} {
		if got := m.Loop(id(c.slave), id(c.bond)); got != c.want {
			t.Errorf("%s into %s: loop %v", c.slave, c.bond, got)
		}
	}
	if m.Named("br").ID != id("br") || m.Named("none") != nil || m.Device(relations.ID{}) != nil {
		t.Error("look-ups")
	}
}

func TestClaimants(t *testing.T) {
	m, id := host(t, `
		eth0 - in br
		eth1 -
		eth2 - in red
		eth3 -
		eth4 -
		br bridge
		red vrf
		bond0 tun
		mv macvlan on eth1
		ms macsec on eth3
		eth3.7 vlan on eth3 id 7
		ip6 ip6tnl on eth4`)
	m.Enslave(id("eth3").Index, id("bond0").Index)
	for dev, want := range map[string]string{"eth0": "br", "eth1": "mv", "eth2": "red", "eth3": "ms bond0", "eth4": ""} {
		if got := names(m.Claimants(id(dev))); got != want {
			t.Errorf("%s: claimed by %q, want %q", dev, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	if diff := cmp.Diff([]int{-1, 0, 7}, []int{relations.Here.Number(), relations.Other(0).Number(), relations.Other(7).Number()}); diff != "" {
		t.Error(diff)
	}
}
