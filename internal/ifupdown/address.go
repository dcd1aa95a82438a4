package ifupdown

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// addressing reads how a stanza gives the bond its address.
func (s *stanza) addressing(b *ifcfg.Bond) {
	switch {
	case s.family == "inet" && s.method == "dhcp":
		b.SetDHCP(s.Pos)
	case s.method == "static" && (s.family == "inet" || s.family == "inet6"):
		if p, ok := s.static(b); ok {
			b.Addrs = append(b.Addrs, ifcfg.Address{Prefix: p, Pos: s.get("address").Pos})
			s.gateway(b, p)
		}
	case s.method == "manual":
	case s.family == "inet6" && s.method == "auto":
		b.Note(s.Pos, "inet6 auto: left to the kernel")
	default:
		b.Wrong(s.Pos, fmt.Sprintf("%s %s: accepted are inet static, inet dhcp, inet manual, inet6 static, inet6 auto and inet6 manual", s.family, s.method))
	}
}

// static joins address and netmask.
func (s *stanza) static(b *ifcfg.Bond) (netip.Prefix, bool) {
	at := s.get("address")
	if at.words == nil {
		b.Wrong(s.Pos, "static without address")
		return netip.Prefix{}, false
	}
	text, length, slash := strings.Cut(at.words[1], "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Is4() != (s.family == "inet") || addr.IsUnspecified() || addr.IsMulticast() || addr.Is4In6() {
		b.Wrong(at.Pos, fmt.Sprintf("address %s: is no address of a host in family %s", at.value(), s.family))
		return netip.Prefix{}, false
	}
	mask := s.get("netmask")
	if !slash && mask.words == nil {
		b.Wrong(at.Pos, fmt.Sprintf("address %s: netmask is missing", at.value()))
		return netip.Prefix{}, false
	}
	if !slash {
		length, at = mask.words[1], mask
	}
	bits, err := strconv.Atoi(length)
	if m, isMask := netip.ParseAddr(length); isMask == nil && m.Is4() && addr.Is4() {
		bits, err = ones(m)
	}
	if err != nil || bits < 1 || bits > addr.BitLen() {
		b.Wrong(at.Pos, fmt.Sprintf("%s %s: is neither a mask like 255.255.255.0 nor a length from 1 to %d", at.words[0], at.value(), addr.BitLen()))
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, bits), true
}

func ones(mask netip.Addr) (int, error) {
	b := mask.As4()
	n, size := net.IPMask(b[:]).Size()
	if size == 0 {
		return 0, strconv.ErrRange
	}
	return n, nil
}

func (s *stanza) gateway(b *ifcfg.Bond, p netip.Prefix) {
	g := s.get("gateway")
	if g.words == nil {
		return
	}
	a, err := netip.ParseAddr(g.words[1])
	switch {
	case err != nil || a.Is4() != p.Addr().Is4():
		b.Wrong(g.Pos, fmt.Sprintf("gateway %s: is no address in family %s", g.value(), s.family))
	case a == p.Addr():
		b.Wrong(g.Pos, fmt.Sprintf("gateway %s: is the bond's own address", g.value()))
	case !p.Contains(a) && !a.IsLinkLocalUnicast():
		b.Wrong(g.Pos, fmt.Sprintf("gateway %s: is not in the network %s", g.value(), p.Masked()))
	case a.Is4():
		b.Gateway = ifcfg.Gateway{Addr: a, Pos: g.Pos}
	default:
		b.Router = ifcfg.Gateway{Addr: a, Pos: g.Pos}
	}
}
