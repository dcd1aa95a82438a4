package link

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// AddressLists implements Host. The kernel shows a device's lists as the
// bridge's forwarding entries that are the device's own.
func (l *Linux) AddressLists(index int) (unicast, multicast [][6]byte, err error) {
	// The kernel lists those of all devices, whichever is asked for.
	list, err := l.entries.Whole(func() ([]netlink.Neigh, error) { return l.nl.NeighList(0, unix.AF_BRIDGE) })
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
