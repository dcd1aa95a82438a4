package link

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
)

// AddressLists implements Host. The kernel shows a device's lists as the
// bridge's forwarding entries that are the device's own.
func (l *Linux) AddressLists(index int) (unicast, multicast [][6]byte, err error) {
	list, err := l.nl.NeighList(index, unix.AF_BRIDGE)
	if err != nil {
		return nil, nil, fmt.Errorf("address lists: %w", err)
	}
	self, err := l.LinkByIndex(index)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range list {
		if n.LinkIndex != index || n.Flags&netlink.NTF_SELF == 0 || len(n.HardwareAddr) != 6 {
			continue
		}
		mac := [6]byte(n.HardwareAddr)
		switch {
		case mac == self.MAC:
		case mac[0]&1 != 0:
			multicast = append(multicast, mac)
		default:
			unicast = append(unicast, mac)
		}
	}
	return unicast, multicast, nil
}

// maxDepth of a stack of devices, the kernel's own limit.
const maxDepth = 8

// Uppers implements Host.
func (l *Linux) Uppers(index int) ([]Upper, error) {
	all, err := dump.Whole(l.nl.LinkList)
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return uppers(all, index, nil, 0), nil
}

func uppers(all []netlink.Link, index int, tags []Tag, depth int) []Upper {
	if depth == maxDepth {
		return nil
	}
	var out []Upper
	master := 0
	for _, x := range all {
		if x.Attrs().Index == index {
			master = x.Attrs().MasterIndex
		}
	}
	for _, x := range all {
		a := x.Attrs()
		// A veth's "parent" is its peer.
		stacked := a.ParentIndex == index && x.Type() != "veth" && a.NetNsID < 0
		if !stacked && (master == 0 || a.Index != master) {
			continue
		}
		up := Upper{Info: info(x), Tags: tags}
		if vlan, ok := x.(*netlink.Vlan); ok {
			up.Tags = append(slices.Clone(tags), Tag{TPID: uint16(vlan.VlanProtocol), VID: uint16(vlan.VlanId)})
		}
		out = append(out, up)
		out = append(out, uppers(all, a.Index, up.Tags, depth+1)...)
	}
	return out
}
