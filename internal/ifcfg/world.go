package ifcfg

import (
	"bytes"
	"net"
	"net/netip"
	"slices"
)

// World is what is there when a plan is made.
type World struct {
	Links []Link
	Bonds []BondNow
	// Defaults are the default routes.
	Defaults []Route
	// DHCP is the client that is installed, DHCP6 that for IPv6; nil if there is none.
	DHCP, DHCP6 *DHCP
}

// Link is an interface of the machine.
type Link struct {
	Name string
	// AltNames are its alternative names.
	AltNames []string
	// MAC is the address it has, Perm the one it was made with (nil: unknown).
	MAC, Perm net.HardwareAddr
	MTU       int
	Up        bool // administratively
	Loopback  bool
	Kind      string // "veth", "vlan", "tun" …; empty for hardware
	Master    string // the device it is enslaved to, as the kernel has it
	Addrs     []netip.Prefix
	// Passing are those of Addrs that somebody gave for a time: DHCP, a router.
	Passing []netip.Prefix
}

// BondNow is a bond that is running.
type BondNow struct {
	Name     string
	Up       bool
	Settings map[string]string // words by the driver's names
	Active   string
	Slaves   []SlaveNow
}

// SlaveNow is one of its slaves.
type SlaveNow struct {
	Name    string
	Perm    net.HardwareAddr
	QueueID uint16
}

// Route is a default route.
type Route struct {
	Gateway netip.Addr
	Dev     string
}

// DHCP is a client for it.
type DHCP struct {
	// Start is the command that asks for an address and stays to keep it.
	Start func(dev string) []string
	// Runs reports whether one was started for the device, Stop is the command
	// that ends it.
	Runs func(dev string) bool
	Stop func(dev string) []string
}

func (w *World) link(name string) *Link {
	for i := range w.Links {
		if w.Links[i].Name == name || slices.Contains(w.Links[i].AltNames, name) {
			return &w.Links[i]
		}
	}
	return nil
}

func (w *World) bond(name string) *BondNow {
	for i := range w.Bonds {
		if w.Bonds[i].Name == name {
			return &w.Bonds[i]
		}
	}
	return nil
}

// HasBond reports whether a bond of that name is running.
func (w *World) HasBond(name string) bool { return w.bond(name) != nil }

// HasSlave reports whether a bond has a slave of that name.
func (w *World) HasSlave(name string) bool { return w.bondOf(name) != nil }

// bondOf returns the bond that has the slave, nil for none.
func (w *World) bondOf(slave string) *BondNow {
	for i := range w.Bonds {
		if w.Bonds[i].slave(slave) != nil {
			return &w.Bonds[i]
		}
	}
	return nil
}

func (b *BondNow) slave(name string) *SlaveNow {
	if b == nil {
		return nil
	}
	for i := range b.Slaves {
		if b.Slaves[i].Name == name {
			return &b.Slaves[i]
		}
	}
	return nil
}

// stacked are the kinds that borrow the address of the device below.
var stacked = map[string]bool{"vlan": true, "macvlan": true, "ipvlan": true, "bridge": true, "bond": true, "team": true, "tun": true, "dsa": true}

// byAddress returns the NICs whose own address it is, not one that a bond gave
// them.
func (w *World) byAddress(mac net.HardwareAddr) []*Link {
	var out []*Link
	for i := range w.Links {
		l := &w.Links[i]
		if !stacked[l.Kind] && bytes.Equal(w.own(l), mac) {
			out = append(out, l)
		}
	}
	return out
}

func (w *World) own(l *Link) net.HardwareAddr {
	if l.Perm != nil {
		return l.Perm
	}
	if b := w.bondOf(l.Name); b != nil {
		return b.slave(l.Name).Perm
	}
	return l.MAC
}
