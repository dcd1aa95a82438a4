package ifup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

func linkByName(name string) (netlink.Link, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// SetDown sets a link of the calling thread's network namespace down; without an
// undo if it was. Back up, it is given what the kernel took from it on the way:
// IPv6 addresses and routes.
func SetDown(name string) (Undo, error) {
	l, err := linkByName(name)
	if err != nil {
		return nil, err
	}
	if l.Attrs().RawFlags&unix.IFF_UP == 0 {
		return nil, nil
	}
	addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_V6) })
	if err != nil {
		return nil, fmt.Errorf("%s: list of addresses: %w", name, err)
	}
	routes, err := dump.Whole(func() ([]netlink.Route, error) { return netlink.RouteList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("%s: list of routes: %w", name, err)
	}
	if err := netlink.LinkSetDown(l); err != nil {
		return nil, fmt.Errorf("%s: set down: %w", name, err)
	}
	return func(context.Context) error {
		if err := netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("%s: set up: %w", name, err)
		}
		var errs []error
		for i := range addrs {
			if addrs[i].Flags&unix.IFA_F_PERMANENT != 0 && !addrs[i].IP.IsLinkLocalUnicast() {
				addrs[i].Flags = 0
				errs = append(errs, netlink.AddrReplace(l, &addrs[i]))
			}
		}
		for i := range routes {
			if routes[i].Protocol != unix.RTPROT_KERNEL && routes[i].Protocol != unix.RTPROT_RA {
				routes[i].Flags = 0 // those of the state: linkdown
				errs = append(errs, netlink.RouteReplace(&routes[i]))
			}
		}
		return errors.Join(errs...)
	}, nil
}

func setUp(name string) (Undo, error) {
	l, err := linkByName(name)
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return nil, fmt.Errorf("%s: set up: %w", name, err)
	}
	return func(context.Context) error { return gone(netlink.LinkSetDown(l)) }, nil
}

func setMTU(name string, mtu int) (Undo, error) {
	l, err := linkByName(name)
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetMTU(l, mtu); err != nil {
		return nil, fmt.Errorf("%s: mtu %d: %w", name, mtu, err)
	}
	return func(context.Context) error { return gone(netlink.LinkSetMTU(l, l.Attrs().MTU)) }, nil
}

func setMAC(name string, mac net.HardwareAddr) (Undo, error) {
	l, err := linkByName(name)
	if err != nil {
		return nil, err
	}
	if err := netlink.LinkSetHardwareAddr(l, mac); err != nil {
		return nil, fmt.Errorf("%s: address %s: %w", name, mac, err)
	}
	return func(context.Context) error { return gone(netlink.LinkSetHardwareAddr(l, l.Attrs().HardwareAddr)) }, nil
}

// scopes are the kernel's numbers for ip's words.
var scopes = map[string]int{"site": unix.RT_SCOPE_SITE, "link": unix.RT_SCOPE_LINK, "host": unix.RT_SCOPE_HOST}

// addAddress gives the bond an address, with the broadcast address of its
// network.
func addAddress(s ifcfg.Step) (Undo, error) {
	l, err := linkByName(s.Bond)
	if err != nil {
		return nil, err
	}
	p := s.Address.Prefix
	a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}, Label: s.Address.Label, Scope: scopes[s.Address.Scope]}
	if n, err := strconv.Atoi(s.Address.Scope); err == nil {
		a.Scope = n
	}
	if s.Address.Peer.IsValid() {
		a.Peer = &net.IPNet{IP: s.Address.Peer.AsSlice(), Mask: a.Mask}
	}
	if s.Address.Broadcast.IsValid() {
		a.Broadcast = s.Address.Broadcast.AsSlice()
	}
	err = netlink.AddrAdd(l, a)
	switch {
	case errors.Is(err, unix.EEXIST):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("address %s: %w", p, err)
	}
	return func(context.Context) error { return gone(netlink.AddrDel(l, a)) }, nil
}

// dropAddress takes an address from a link. Routes that need it go with it, and
// come back by the undo of the link's being set down, or not at all.
func dropAddress(s ifcfg.Step) (Undo, error) {
	l, err := linkByName(s.Link)
	if err != nil {
		return nil, err
	}
	addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("%s: list of addresses: %w", s.Link, err)
	}
	for i := range addrs {
		if p, ok := prefixOf(addrs[i].IPNet); !ok || p != s.Address.Prefix {
			continue
		}
		if err := netlink.AddrDel(l, &addrs[i]); err != nil {
			return nil, fmt.Errorf("%s: address %s: %w", s.Link, s.Address.Prefix, err)
		}
		addrs[i].Flags = 0 // those of the state
		return func(context.Context) error { return netlink.AddrReplace(l, &addrs[i]) }, nil
	}
	return nil, nil
}
