package link_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/relations"
)

// The kernel's devices in one Map: a macvlan in another namespace, moved there and
// made there, is above its device here; a veth's peer and a tunnel are not.
func TestRelations(t *testing.T) {
	inHost(t, func(l *link.Linux, index int) {
		runtime.LockOSThread() // as InNetns does: the other namespace is entered here
		here, err := netns.Get()
		must(t, err)
		there, err := netns.New()
		must(t, err)
		defer there.Close()
		must(t, netns.Set(here))
		macvlan := func(name string, in any) {
			mv := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: index, Namespace: in}, Mode: netlink.MACVLAN_MODE_BRIDGE}
			must(t, netlink.LinkAdd(mv))
		}
		macvlan("moved", nil)
		moved, err := netlink.LinkByName("moved")
		must(t, err)
		must(t, netlink.LinkSetNsFd(moved, int(there)))
		macvlan("made", netlink.NsFd(there))
		macvlan("own", nil)
		must(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}))
		br, err := netlink.LinkByName("br0")
		must(t, err)
		vb, err := netlink.LinkByName("vb")
		must(t, err)
		must(t, netlink.LinkSetMaster(vb, br))

		m, err := l.Relations()
		must(t, err)
		names := func(list []relations.Device) string {
			var out []string
			for _, d := range list {
				if d.NetNS != relations.Here {
					d.Name += " there"
				}
				out = append(out, d.Name)
			}
			return strings.Join(out, ", ")
		}
		if got := names(m.Above(relations.Local(index))); got != "own, made there, moved there" && got != "own, moved there, made there" {
			t.Errorf("above va: %s", got)
		}
		if got := names(m.Claimants(relations.Local(vb.Attrs().Index))); got != "br0" {
			t.Errorf("vb is claimed by %s", got)
		}
		if d := m.Named("va"); d == nil || d.Index != index || d.Kind != "veth" || d.MAC != [6]byte{2, 0, 0, 0, 0, 1} {
			t.Errorf("va: %+v", d)
		}
	})
}
