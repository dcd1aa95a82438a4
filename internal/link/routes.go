package link

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
)

// Way is how a route is looked up: the zero Way is the plain look-up, others are those
// that ip rules and VRFs provide for.
type Way struct {
	// Out is the device that a packet is to leave by; a device in a VRF has the
	// VRF's table.
	Out  int
	Mark uint32
	Src  netip.Addr
}

// Hop is where a look-up leads.
type Hop struct {
	Index int
	// Src is the address that the host would send from, if the route tells.
	Src netip.Addr
}

// OnLink implements Host.
func (l *Linux) OnLink(to netip.Addr, w Way) (Hop, error) {
	// With a device the kernel takes what no route matches for on-link; the matching
	// route itself is asked for.
	o := netlink.RouteGetOptions{OifIndex: w.Out, Mark: w.Mark, FIBMatch: w.Out != 0}
	if w.Src.IsValid() {
		o.SrcAddr = w.Src.AsSlice()
	}
	routes, err := l.nl.RouteGetWithOptions(to.AsSlice(), &o)
	if err != nil {
		return Hop{}, fmt.Errorf("route to %s: %w", to, err)
	}
	for _, r := range routes {
		if r.LinkIndex != 0 && r.Gw == nil && r.Via == nil {
			return Hop{Index: r.LinkIndex, Src: l.source(to, w, r)}, nil
		}
	}
	return Hop{}, fmt.Errorf("route to %s: %w", to, unix.ENETUNREACH)
}

// source is the address that the host would send from by a route that was looked up.
// The matching route itself doesn't have it, unless it was set there.
func (l *Linux) source(to netip.Addr, w Way, r netlink.Route) netip.Addr {
	if w.Src.IsValid() {
		return w.Src
	}
	if src, ok := netip.AddrFromSlice(r.Src); ok || w.Out == 0 {
		return src.Unmap()
	}
	routes, err := l.nl.RouteGetWithOptions(to.AsSlice(), &netlink.RouteGetOptions{OifIndex: w.Out, Mark: w.Mark})
	if err != nil || len(routes) == 0 {
		return netip.Addr{}
	}
	src, _ := netip.AddrFromSlice(routes[0].Src)
	return src.Unmap()
}

// Ways implements Host.
func (l *Linux) Ways(devices []Info, addrs []netip.Addr) ([]Way, error) {
	var out []Way
	add := func(w Way) {
		if !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	for _, d := range devices {
		if d.MasterIndex == 0 {
			continue
		}
		if m, err := l.LinkByIndex(d.MasterIndex); err == nil && m.Kind == "vrf" {
			add(Way{Out: d.Index})
		}
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		rules, err := dump.Whole(func() ([]netlink.Rule, error) { return l.nl.RuleList(family) })
		if err != nil {
			return nil, fmt.Errorf("ip rules: %w", err)
		}
		for _, r := range rules {
			for _, w := range waysOf(r, devices, addrs) {
				add(w)
			}
		}
	}
	return out, nil
}

// waysOf returns the ways of looking up that an ip rule is for.
func waysOf(r netlink.Rule, devices []Info, addrs []netip.Addr) []Way {
	if r.Invert || r.Dst != nil && r.Dst.IP == nil {
		return nil
	}
	w := Way{Mark: r.Mark}
	if r.OifName != "" {
		i := slices.IndexFunc(devices, func(d Info) bool { return d.Name == r.OifName })
		if i < 0 {
			return nil
		}
		w.Out = devices[i].Index
	}
	if r.Src == nil {
		if w == (Way{}) {
			return nil // the plain look-up
		}
		return []Way{w}
	}
	var out []Way
	for _, a := range addrs {
		if r.Src.Contains(a.AsSlice()) {
			w.Src = a
			out = append(out, w)
		}
	}
	return out
}
