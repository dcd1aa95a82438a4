package probe

import (
	"net/netip"
	"slices"

	"github.com/tapbond/tapbond/internal/link"
)

// Target is what to ask for: an address, and the VLANs that it is said to be
// behind, none if the routing table tells.
type Target struct {
	Addr  netip.Addr
	VLANs []uint16 // outermost first
}

// Path is how a target is asked for.
type Path struct {
	Target netip.Addr
	// Source is unspecified (0.0.0.0 or ::) if no address of ours fits.
	Source netip.Addr
	Tags   []link.Tag
	// NoRoute: the target isn't on a link of ours. It is asked all the same, so
	// that something moves.
	NoRoute bool
	// Elsewhere is the device that leads to the target, if it is neither the bond
	// nor stacked on it: then nothing is sent.
	Elsewhere string
}

// Host is the part of link.Host that knows the ways.
type Host interface {
	LinkByIndex(index int) (link.Info, error)
	Uppers(index int) ([]link.Upper, error)
	Addresses(index int) ([]netip.Prefix, error)
	OnLink(to netip.Addr, w link.Way) (link.Hop, error)
	Ways(devices []link.Info, addrs []netip.Addr) ([]link.Way, error)
}

// Paths finds the way to each target, out of the bond's device or one that is
// stacked on it, and tells which addresses are on these devices. As with the
// driver, a route through a gateway is none.
func Paths(h Host, bond int, targets []Target) (paths []Path, own []netip.Addr, err error) {
	self, err := h.LinkByIndex(bond)
	if err != nil {
		return nil, nil, err
	}
	ups, err := h.Uppers(bond)
	if err != nil {
		return nil, nil, err
	}
	f := finder{Host: h, bond: bond, devs: append([]link.Upper{{Info: self}}, ups...)}
	for _, d := range f.devs {
		list, err := h.Addresses(d.Index)
		if err != nil {
			return nil, nil, err
		}
		f.addrs = append(f.addrs, list)
		for _, p := range list {
			own = append(own, p.Addr())
		}
	}
	f.own = own
	for _, t := range targets {
		p := f.find(t)
		if p.Source.IsValid() && !p.Source.IsUnspecified() && !slices.Contains(own, p.Source) {
			own = append(own, p.Source) // answers come to it
		}
		paths = append(paths, p)
	}
	return paths, own, nil
}

type finder struct {
	Host
	bond  int
	devs  []link.Upper     // the bond and what is stacked on it
	addrs [][]netip.Prefix // of each
	own   []netip.Addr     // all of these
	ways  []link.Way       // beside the plain look-up
	asked bool             // ways are known
}

func (f *finder) find(t Target) Path {
	p := Path{Target: t.Addr, Source: netip.IPv4Unspecified()}
	if t.Addr.Is6() {
		p.Source = netip.IPv6Unspecified()
	}
	if len(t.VLANs) > 0 {
		for _, id := range t.VLANs {
			p.Tags = append(p.Tags, link.Tag{TPID: typeVLAN, VID: id})
		}
		if i := slices.IndexFunc(f.devs, func(d link.Upper) bool { return slices.Equal(vids(d.Tags), t.VLANs) }); i >= 0 {
			p.Source = source(f.addrs[i], t.Addr, p.Source)
		} else if i, src := f.device(t.Addr, &p); i >= 0 {
			p.Source = source(f.addrs[i], t.Addr, src)
		}
		p.NoRoute, p.Elsewhere = false, "" // who says the VLAN knows the way
		return p
	}
	if i, src := f.device(t.Addr, &p); i >= 0 {
		p.Tags = f.devs[i].Tags
		p.Source = source(f.addrs[i], t.Addr, src)
	}
	return p
}

func vids(tags []link.Tag) []uint16 {
	var out []uint16
	for _, t := range tags {
		out = append(out, t.VID)
	}
	return out
}

// device finds the device of ours that leads to a target, -1 if none does, and the
// address that the host would ask from; p is told why not. Routes are looked up as
// the host does, then in the tables of the VRFs that devices of ours are in and of ip
// rules. An IPv6 target may have a better route elsewhere: the bond's counts. A
// link-local one is on the bond's own link.
func (f *finder) device(to netip.Addr, p *Path) (int, netip.Addr) {
	var plain link.Way
	if to.Is6() && to.IsLinkLocalUnicast() {
		plain.Out = f.bond
	}
	hop, err := f.OnLink(to, plain)
	if i := f.ours(hop.Index); err == nil && i >= 0 {
		return i, f.from(hop, p)
	}
	ways := f.further()
	if to.Is6() && plain.Out == 0 {
		ways = append([]link.Way{{Out: f.bond}}, ways...)
	}
	for _, w := range ways {
		if w.Src.IsValid() && w.Src.Is4() != to.Is4() {
			continue
		}
		if hop, err := f.OnLink(to, w); err == nil && f.ours(hop.Index) >= 0 {
			return f.ours(hop.Index), f.from(hop, p)
		}
	}
	if err != nil {
		p.NoRoute = true
		return -1, p.Source
	}
	p.Elsewhere = "another device"
	if info, err := f.LinkByIndex(hop.Index); err == nil {
		p.Elsewhere = info.Name
	}
	return -1, p.Source
}

// further returns the ways beside the plain look-up. They are asked for once, and only
// where that didn't lead anywhere.
func (f *finder) further() []link.Way {
	if !f.asked {
		f.asked = true
		var devices []link.Info
		for _, d := range f.devs {
			devices = append(devices, d.Info)
		}
		f.ways, _ = f.Ways(devices, f.own) // the plain one has an answer, if not a good one
	}
	return f.ways
}

// from is the address that a target is asked from if the device itself has none for it:
// the route's, where it tells.
func (f *finder) from(h link.Hop, p *Path) netip.Addr {
	if h.Src.IsValid() && h.Src.Is4() == p.Target.Is4() {
		return h.Src
	}
	return p.Source
}

func (f *finder) ours(index int) int {
	return slices.IndexFunc(f.devs, func(d link.Upper) bool { return d.Index == index })
}

// source picks the address that a target is asked from: of IPv4 the first one
// whose network has the target in it; of IPv6 one of the same scope, of those
// the one that has most in common with it (RFC 6724, rules 2 and 8).
func source(addrs []netip.Prefix, to, none netip.Addr) netip.Addr {
	best, most := none, -1
	for _, a := range addrs {
		switch ip := a.Addr(); {
		case ip.Is4() != to.Is4():
		case ip.Is4():
			if a.Contains(to) {
				return ip
			}
		default:
			n := common(ip, to)
			if ip.IsLinkLocalUnicast() == to.IsLinkLocalUnicast() {
				n += 128
			}
			if n > most {
				best, most = ip, n
			}
		}
	}
	return best
}

// common is the length of the prefix that two addresses share.
func common(a, b netip.Addr) int {
	n := a.BitLen()
	for ; n > 0; n-- {
		p, _ := a.Prefix(n)
		if p.Contains(b) {
			break
		}
	}
	return n
}
