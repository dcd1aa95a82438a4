package ifupdown

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// addressing reads how a stanza gives the bond its address; label is what its
// addresses are called in old tools.
func (c *collector) addressing(b *bond, s *stanza, label string) {
	lines := s.all("address")
	useDHCP := slices.ContainsFunc(s.all("use"), func(l line) bool { return l.words[1] == "dhcp" })
	switch {
	case s.method == "dhcp" && s.family == "inet6":
		b.SetDHCP6(s.head.Pos)
	case s.method == "dhcp" || useDHCP && s.method == "":
		b.SetDHCP(s.head.Pos)
	case s.method == "static", s.method == "":
		if s.method == "static" && len(lines) == 0 {
			b.Warn(s.head.Pos, "static without address: none is set")
		}
		for _, a := range s.addresses(b) {
			a.Label = label
			if len(label) > 15 || a.Prefix.Addr().Is6() {
				a.Label = ""
			}
			b.Addrs = append(b.Addrs, a)
		}
		s.gateway(b)
		return
	case s.method == "manual":
	case s.method == "auto" && s.family == "inet6":
		b.Minor(s.head.Pos, "inet6 auto: left to the kernel")
	default:
		b.Wrong(s.head.Pos, fmt.Sprintf("%s %s: accepted are inet static, inet dhcp, inet manual, inet6 static, inet6 auto, inet6 dhcp and inet6 manual", s.family, s.method))
	}
	for _, l := range s.lines {
		if slices.Contains(addressKeys, l.key()) {
			b.Note(l.Pos, fmt.Sprintf("%s: without effect with method %s", l.words[0], s.method))
		}
	}
}

// addresses are all that a stanza has, of either family.
func (s *stanza) addresses(b *bond) []ifcfg.Address {
	lines := s.all("address")
	var out []ifcfg.Address
	for _, l := range lines {
		for _, w := range l.words[1:] {
			if p, ok := s.prefix(b, l, w, len(lines) == 1 && len(l.words) == 2); ok {
				l.Fate = ifcfg.Applied
				out = append(out, ifcfg.Address{Prefix: p, Pos: l.Pos})
			}
		}
	}
	s.further(b, out)
	return out
}

// prefix joins an address with its mask. Behind a slash it is the address's own;
// a netmask line counts for all others, and for a single address all the same.
func (s *stanza) prefix(b *bond, l line, text string, single bool) (netip.Prefix, bool) {
	host, length, slash := strings.Cut(text, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.Is4In6() || addr.Zone() != "" {
		b.Wrong(l.Pos, fmt.Sprintf("address %s: is no address of a host", text))
		return netip.Prefix{}, false
	}
	at := l
	masks := s.masksOf(l)
	if addr.Is6() && s.family != "inet6" && s.hasIPv4() {
		masks = nil // theirs
	}
	for _, m := range masks {
		bits := maskBits(m.words[1], addr)
		if bits < 0 && !fitsOther(m.words[1], addr) {
			b.Wrong(m.Pos, fmt.Sprintf("netmask %s: is neither a mask like 255.255.255.0 nor a length from 1 to %d", m.value(), addr.BitLen()))
			return netip.Prefix{}, false
		}
		m.Fate = ifcfg.Applied
		switch {
		case bits < 0: // that of the other family's
		case !slash || single:
			if slash && maskBits(length, addr) != bits {
				b.Note(m.Pos, fmt.Sprintf("netmask %s: counts, not the /%s of the address", m.value(), length))
			}
			length, slash, at = m.words[1], true, m
		case maskBits(length, addr) != bits:
			b.Note(m.Pos, fmt.Sprintf("netmask %s: without effect on %s", m.value(), text))
		}
	}
	if !slash {
		bits := byClass(addr)
		b.Note(l.Pos, fmt.Sprintf("address %s: has no netmask: /%d", text, bits))
		return netip.PrefixFrom(addr, bits), true
	}
	bits := maskBits(length, addr)
	if bits < 0 {
		b.Wrong(at.Pos, fmt.Sprintf("%s %s: is neither a mask like 255.255.255.0 nor a length from 1 to %d", at.words[0], at.value(), addr.BitLen()))
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(addr, bits), true
}

// masksOf are the netmask lines that count for an address line: the one that follows
// it before the next address, and where there is only one in the stanza that.
func (s *stanza) masksOf(address line) []line {
	masks := s.all("netmask")
	if len(masks) < 2 {
		return masks
	}
	behind := false
	for _, l := range s.lines {
		switch {
		case l.Line == address.Line:
			behind = true
		case behind && l.key() == "address":
			return nil
		case behind && l.key() == "netmask" && len(l.words) > 1:
			return []line{l}
		}
	}
	return nil
}

// hasIPv4 reports whether the stanza has an IPv4 address.
func (s *stanza) hasIPv4() bool {
	return slices.ContainsFunc(s.all("address"), func(l line) bool { return !strings.Contains(l.words[1], ":") })
}

// maskBits is a mask's length, -1 if it is none of the address's family.
func maskBits(text string, addr netip.Addr) int {
	bits, err := strconv.Atoi(text)
	if m, isMask := netip.ParseAddr(text); isMask == nil && m.Is4() && addr.Is4() {
		four := m.As4()
		n, size := net.IPMask(four[:]).Size()
		if bits, err = n, nil; size == 0 {
			return -1
		}
	}
	if err != nil || bits < 1 || bits > addr.BitLen() {
		return -1
	}
	return bits
}

// fitsOther reports whether a mask is right for the other family, as in a stanza
// with addresses of both.
func fitsOther(text string, addr netip.Addr) bool {
	if addr.Is4() {
		return maskBits(text, netip.IPv6LinkLocalAllNodes()) > 32
	}
	return strings.Contains(text, ".") && maskBits(text, netip.AddrFrom4([4]byte{10})) > 0
}

// byClass is the length that tools give an address without a mask.
func byClass(a netip.Addr) int {
	switch {
	case a.Is6():
		return 128
	case a.As4()[0] < 128:
		return 8
	case a.As4()[0] < 192:
		return 16
	}
	return 24
}

// further reads what else a stanza says of its addresses.
func (s *stanza) further(b *bond, addrs []ifcfg.Address) {
	four := slices.IndexFunc(addrs, func(a ifcfg.Address) bool { return a.Prefix.Addr().Is4() })
	for _, l := range s.lines {
		key := l.key()
		if key == "address" { // what follows is about this one
			if i := slices.IndexFunc(addrs, func(a ifcfg.Address) bool { return a.Pos == l.Pos && a.Prefix.Addr().Is4() }); i >= 0 {
				four = i
			}
		}
		if !slices.Contains([]string{"network", "broadcast", "pointopoint", "scope", "label"}, key) || len(l.words) < 2 {
			continue
		}
		l.Fate = ifcfg.Applied
		a, err := netip.ParseAddr(l.words[1])
		isAddr := err == nil && a.Is4()
		switch {
		case len(addrs) == 0:
			b.Note(l.Pos, fmt.Sprintf("%s: without effect, there is no address", key))
		case key == "scope":
			s.scope(b, l, addrs)
		case key == "label":
			b.Note(l.Pos, "label: without effect here")
		case four < 0:
			b.Note(l.Pos, fmt.Sprintf("%s: without effect, there is no IPv4 address", key))
		case key == "broadcast" && l.words[1] == "+":
			l.Fate = ifcfg.Implied
		case key == "broadcast" && l.words[1] == "-":
			addrs[four].Broadcast = addrs[four].Prefix.Masked().Addr()
		case !isAddr:
			b.Wrong(l.Pos, fmt.Sprintf("%s %s: is no IPv4 address", key, l.value()))
		case key == "network":
			if l.Fate = ifcfg.Implied; a != addrs[four].Prefix.Masked().Addr() {
				b.Note(l.Pos, fmt.Sprintf("network %s: it is %s, by its address and mask", l.value(), addrs[four].Prefix.Masked()))
			}
		case key == "broadcast":
			if l.Fate = ifcfg.Implied; a != ifcfg.LastOf(addrs[four].Prefix) {
				addrs[four].Broadcast, l.Fate = a, ifcfg.Applied
			}
		default:
			addrs[four].Peer = a
			addrs[four].Prefix = netip.PrefixFrom(addrs[four].Prefix.Addr(), 32)
		}
	}
}

func (s *stanza) scope(b *bond, l line, addrs []ifcfg.Address) {
	word := l.words[1]
	if n, err := strconv.Atoi(word); (err != nil || n < 0 || n > 255) && !slices.Contains([]string{"global", "link", "host", "site"}, word) {
		b.Wrong(l.Pos, fmt.Sprintf("scope %s: accepted are global, link, host, site and numbers to 255", l.value()))
		return
	}
	for i := range addrs {
		if word != "global" {
			addrs[i].Scope = word
		}
	}
}

// alias reads a stanza like bond0:1, whose addresses are the bond's.
func (c *collector) alias(b *bond, s *stanza) {
	if c.brought(b.Name) && !c.brought(s.name) {
		b.Note(s.head.Pos, fmt.Sprintf("%s: not brought up: there is no auto line for it", s.name))
		for _, l := range s.lines {
			l.Fate = ifcfg.Noted
		}
		return
	}
	for _, l := range s.lines {
		if up, after := l.isCommand(); up {
			c.command(b, s, l, after)
		}
	}
	c.addressing(b, s, s.name)
}
