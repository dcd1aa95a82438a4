package ifup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

// Client is what is asked of the daemon; control.Client is one.
type Client interface {
	Bonds(ctx context.Context) ([]bond.State, error)
	Bond(ctx context.Context, name string) (bond.State, error)
	requests
}

// Look reads what there is in the network namespace of the calling thread.
func Look(ctx context.Context, c Client) (*ifcfg.World, error) {
	w := &ifcfg.World{DHCP: dhcpClient(false), DHCP6: dhcpClient(true)}
	bonds, err := c.Bonds(ctx)
	if err != nil && !errors.Is(err, control.ErrNoServer) {
		return nil, err
	}
	for i := range bonds {
		w.Bonds = append(w.Bonds, bondNow(&bonds[i]))
	}
	links, err := dump.Whole(netlink.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list of links: %w", err)
	}
	addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("list of addresses: %w", err)
	}
	w.Links = linksNow(links, addrs)
	w.Defaults, err = defaultsNow(links)
	return w, err
}

func bondNow(st *bond.State) ifcfg.BondNow {
	b := ifcfg.BondNow{Name: st.Name, Up: st.Up, Settings: st.Settings, Active: st.Active}
	for _, s := range st.Slaves {
		perm, _ := net.ParseMAC(s.PermMAC)
		b.Slaves = append(b.Slaves, ifcfg.SlaveNow{Name: s.Name, Perm: perm, QueueID: s.QueueID})
	}
	return b
}

func linksNow(links []netlink.Link, addrs []netlink.Addr) []ifcfg.Link {
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var out []ifcfg.Link
	for _, l := range links {
		a := l.Attrs()
		n := ifcfg.Link{
			Name: a.Name, AltNames: a.AltNames, MAC: a.HardwareAddr, MTU: a.MTU, Up: a.RawFlags&unix.IFF_UP != 0,
			Loopback: a.RawFlags&unix.IFF_LOOPBACK != 0, Kind: l.Type(), Master: names[a.MasterIndex],
		}
		if len(a.PermHWAddr) == 6 {
			n.Perm = a.PermHWAddr
		}
		if n.Kind == "device" { // the library's word for none
			n.Kind = ""
		}
		for _, addr := range addrs {
			if p, ok := prefixOf(addr.IPNet); ok && addr.LinkIndex == a.Index && !p.Addr().IsLinkLocalUnicast() {
				n.Addrs = append(n.Addrs, p)
				if addr.Flags&unix.IFA_F_PERMANENT == 0 {
					n.Passing = append(n.Passing, p)
				}
			}
		}
		out = append(out, n)
	}
	return out
}

func prefixOf(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	if !ok {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), ones), true
}

func defaultsNow(links []netlink.Link) ([]ifcfg.Route, error) {
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	var out []ifcfg.Route
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := defaultRoutes(family)
		if err != nil {
			return nil, err
		}
		for _, r := range routes {
			if gw, ok := netip.AddrFromSlice(r.Gw); ok {
				out = append(out, ifcfg.Route{Gateway: gw.Unmap(), Dev: names[r.LinkIndex]})
			}
		}
	}
	return out, nil
}
