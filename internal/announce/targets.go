package announce

import (
	"net/netip"

	"github.com/tapbond/tapbond/internal/link"
)

// Target is one address and the frame that announces it.
type Target struct {
	Addr  netip.Addr
	Frame []byte
	MAC   [6]byte    // of its device
	Tags  []link.Tag // likewise, outermost first
}

// Source is the part of link.Host that knows addresses.
type Source interface {
	LinkByIndex(index int) (link.Info, error)
	Uppers(index int) ([]link.Upper, error)
	Addresses(index int) ([]netip.Prefix, error)
	IPv6Router(name string) bool
}

// Targets collects every address on the link and on the devices stacked on it:
// per device IPv4 first, then IPv6, each in the kernel's order.
func Targets(src Source, index int) ([]Target, error) {
	self, err := src.LinkByIndex(index)
	if err != nil {
		return nil, err
	}
	ups, err := src.Uppers(index)
	if err != nil {
		return nil, err
	}
	var out []Target
	for _, dev := range append([]link.Upper{{Info: self}}, ups...) {
		list, err := src.Addresses(dev.Index)
		if err != nil {
			return nil, err
		}
		for _, want4 := range []bool{true, false} {
			for _, p := range list {
				ip := p.Addr()
				if ip.Is4() != want4 {
					continue
				}
				var f []byte
				if want4 {
					f, err = ARP(dev.MAC, ip, dev.Tags)
				} else {
					f, err = NA(dev.MAC, ip, src.IPv6Router(dev.Name), dev.Tags)
				}
				if err != nil {
					return nil, err
				}
				out = append(out, Target{Addr: ip, Frame: f, MAC: dev.MAC, Tags: dev.Tags})
			}
		}
	}
	return out, nil
}
