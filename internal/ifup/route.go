package ifup

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

// metric6 is the kernel's for IPv6 routes that name none.
const metric6 = 1024

func defaultRoutes(family int) ([]netlink.Route, error) {
	list, err := dump.Whole(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN, Dst: nil}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
	})
	if err != nil {
		return nil, fmt.Errorf("list of routes: %w", err)
	}
	return list, nil
}

// setDefault makes the gateway the default route in place of what has its
// metric, which undo puts back.
func setDefault(s ifcfg.Step) (Undo, error) {
	l, err := linkByName(s.Bond)
	if err != nil {
		return nil, err
	}
	family, metric, all := netlink.FAMILY_V4, 0, net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
	if s.Gateway.Addr.Is6() {
		family, metric, all = netlink.FAMILY_V6, metric6, net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	}
	if s.Gateway.Metric != 0 {
		metric = s.Gateway.Metric
	}
	before, err := defaultRoutes(family)
	if err != nil {
		return nil, err
	}
	ours := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: &all, Gw: s.Gateway.Addr.AsSlice(), Protocol: unix.RTPROT_BOOT, Priority: metric}
	if s.Gateway.OnLink {
		ours.Flags = int(netlink.FLAG_ONLINK)
	}
	if err := netlink.RouteReplace(ours); err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	return func(context.Context) error {
		errs := []error{gone(netlink.RouteDel(ours))}
		for i := range before {
			if before[i].Priority == metric {
				errs = append(errs, netlink.RouteReplace(&before[i]))
			}
		}
		return errors.Join(errs...)
	}, nil
}

// gone takes the answer that something isn't there for its removal.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil
	}
	return err
}
