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
	OnLink(to netip.Addr, out int) (index int, err error)
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
	for _, t := range targets {
		paths = append(paths, f.find(t))
	}
	return paths, own, nil
}

type finder struct {
	Host
	bond  int
	devs  []link.Upper     // the bond and what is stacked on it
	addrs [][]netip.Prefix // of each
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
		} else if i := f.device(t.Addr, &p); i >= 0 {
			p.Source = source(f.addrs[i], t.Addr, p.Source)
		}
		p.NoRoute, p.Elsewhere = false, "" // who says the VLAN knows the way
		return p
	}
	if i := f.device(t.Addr, &p); i >= 0 {
		p.Tags = f.devs[i].Tags
		p.Source = source(f.addrs[i], t.Addr, p.Source)
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

// device finds the device of ours that leads to a target, -1 if none does; p
// is told why not. An IPv6 target may have a better route elsewhere: the bond's
// counts. A link-local one is on the bond's own link.
func (f *finder) device(to netip.Addr, p *Path) int {
	out := 0
	if to.Is6() && to.IsLinkLocalUnicast() {
		out = f.bond
	}
	index, err := f.OnLink(to, out)
	if i := f.ours(index); err == nil && i >= 0 {
		return i
	}
	if to.Is6() && out == 0 {
		if on, err := f.OnLink(to, f.bond); err == nil && f.ours(on) >= 0 {
			return f.ours(on)
		}
	}
	if err != nil {
		p.NoRoute = true
		return -1
	}
	p.Elsewhere = "another device"
	if info, err := f.LinkByIndex(index); err == nil {
		p.Elsewhere = info.Name
	}
	return -1
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
