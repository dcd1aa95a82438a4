package ifcfg

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Limits of an MTU: what IPv4 needs at least (RFC 791), and a TAP's most.
const (
	minMTU = 68
	maxMTU = 65521
)

// yes reads a switch; otherwise is the answer where it isn't set.
func (f *File) yes(key string, otherwise bool) bool {
	s := f.Get(key)
	switch strings.ToLower(s.Value) {
	case "":
		return otherwise
	case "yes", "y", "true", "t", "on", "1":
		return true
	case "no", "n", "false", "f", "off", "0":
		return false
	}
	f.wrong(s.Pos, "%s=%s: accepted are yes and no", key, s.Value)
	return otherwise
}

// mac reads a hardware address by the first of its keys, nil if there is none.
func (f *File) mac(keys ...string) net.HardwareAddr {
	for _, key := range keys {
		s := f.Get(key)
		if s.Value == "" {
			continue
		}
		mac, err := net.ParseMAC(s.Value)
		if err != nil || len(mac) != 6 {
			f.wrong(s.Pos, "%s=%s: is no address like 00:11:22:33:44:55", key, s.Value)
			return nil
		}
		return mac
	}
	return nil
}

// mtu reads an MTU, 0 if there is none.
func (f *File) mtu() int {
	s := f.Get("MTU")
	if s.Value == "" {
		return 0
	}
	n, err := strconv.Atoi(s.Value)
	if err != nil || n < minMTU || n > maxMTU {
		f.wrong(s.Pos, "MTU=%s: accepted are %d to %d", s.Value, minMTU, maxMTU)
		return 0
	}
	return n
}

// Address is an address to be given to the bond.
type Address struct {
	Prefix netip.Prefix
	// Label is the name the address goes by in old tools, "bond0:1"; mostly empty.
	Label string
	// Peer is the other end of a point-to-point link, Broadcast an address that isn't
	// the network's last; invalid for none.
	Peer, Broadcast netip.Addr
	// Scope is a word of ip's, empty for the usual one.
	Scope string
	Pos
}

// addresses4 reads IPADDR, IPADDR0, IPADDR_1 … with their masks.
func (f *File) addresses4() []Address {
	var out []Address
	for _, s := range f.last() {
		if family(s.Key) != "IPADDR" || s.Value == "" {
			continue
		}
		number := strings.TrimPrefix(s.Key, "IPADDR")
		if p, ok := f.prefix4(s, number); ok {
			out = append(out, f.further(Address{Prefix: p, Pos: s.Pos}, number))
		}
	}
	return out
}

// further reads what else there is to an address.
func (f *File) further(a Address, number string) Address {
	if s := f.Get("BROADCAST" + number); s.Value != "" && s.Value != "+" {
		b, err := netip.ParseAddr(s.Value)
		switch {
		case err != nil || !b.Is4():
			f.wrong(s.Pos, "%s=%s: is no IPv4 address", s.Key, s.Value)
		case b != LastOf(a.Prefix):
			a.Broadcast = b
		}
	}
	if s := f.Get("NETWORK" + number); s.Value != "" && s.Value != a.Prefix.Masked().Addr().String() {
		f.note(s.Pos, "%s=%s: the network is %s, by its address and mask", s.Key, s.Value, a.Prefix.Masked())
	}
	if s := f.Get("REMOTE_IPADDR" + number); s.Value != "" {
		text, _, _ := strings.Cut(s.Value, "/")
		peer, err := netip.ParseAddr(text)
		if err != nil || !peer.Is4() {
			f.wrong(s.Pos, "%s=%s: is no IPv4 address", s.Key, s.Value)
			return a
		}
		a.Peer, a.Prefix = peer, netip.PrefixFrom(a.Prefix.Addr(), 32)
	}
	if s := f.Get("SCOPE" + number); s.Value != "" {
		word := strings.TrimPrefix(s.Value, "scope ")
		switch {
		case word == "global":
		case word == "link" || word == "host" || word == "site":
			a.Scope = word
		case strings.HasPrefix(word, "peer "): // as a much copied recipe for a /32 has it
			if peer, err := netip.ParseAddr(strings.TrimSpace(strings.TrimPrefix(word, "peer "))); err == nil && peer.Is4() {
				a.Peer, a.Prefix = peer, netip.PrefixFrom(a.Prefix.Addr(), 32)
				break
			}
			fallthrough
		default:
			f.wrong(s.Pos, "%s=%s: accepted are global, link, host, site and peer ADDRESS", s.Key, s.Value)
		}
	}
	return a
}

// LastOf is the last address of a network, its usual broadcast address.
func LastOf(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < len(b)*8; bit++ {
		b[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// last are the settings that count, in the order they stand.
func (f *File) last() []Setting {
	at := map[string]int{}
	for i, s := range f.Settings {
		at[s.Key] = i
	}
	var out []Setting
	for i, s := range f.Settings {
		if at[s.Key] == i {
			out = append(out, s)
		}
	}
	return out
}

// prefix4 joins an address with its mask, or the prefix behind its slash. With
// neither the address's class decides, as it does for the old scripts.
func (f *File) prefix4(s Setting, number string) (netip.Prefix, bool) {
	text, length, slash := strings.Cut(s.Value, "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() || addr.IsUnspecified() || addr.IsMulticast() {
		f.wrong(s.Pos, "%s=%s: is no IPv4 address of a host", s.Key, s.Value)
		return netip.Prefix{}, false
	}
	bits := -1
	if slash {
		if bits = atoi(length); bits < 1 || bits > 32 {
			f.wrong(s.Pos, "%s=%s: prefixes are 1 to 32 bits long", s.Key, s.Value)
			return netip.Prefix{}, false
		}
	}
	for _, key := range []string{"PREFIX" + number, "PREFIXLEN" + number} {
		p := f.Get(key)
		if p.Value == "" || bits > 0 {
			continue
		}
		if bits = atoi(p.Value); bits < 1 || bits > 32 {
			f.wrong(p.Pos, "%s=%s: prefixes are 1 to 32 bits long", key, p.Value)
			return netip.Prefix{}, false
		}
	}
	if m := f.Get("NETMASK" + number); m.Value != "" {
		by := maskBits(m.Value)
		switch {
		case by < 0:
			f.wrong(m.Pos, "NETMASK%s=%s: is no mask like 255.255.255.0", number, m.Value)
			return netip.Prefix{}, false
		case bits > 0 && bits != by:
			f.note(m.Pos, "NETMASK%s=%s: the prefix /%d counts", number, m.Value, bits)
		case bits < 0:
			bits = by
		}
	}
	if bits < 0 {
		bits = classBits(addr)
		f.note(s.Pos, "%s=%s: has no NETMASK or PREFIX: /%d, by its class", s.Key, s.Value, bits)
	}
	return netip.PrefixFrom(addr, bits), true
}

// atoi returns -1 for what is no number.
func atoi(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// maskBits returns the length of a mask, -1 if it is none.
func maskBits(text string) int {
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() {
		return -1
	}
	b := a.As4()
	ones, size := net.IPMask(b[:]).Size()
	if size == 0 || ones == 0 {
		return -1
	}
	return ones
}

// classBits is the mask by the address's class, of the time before masks.
func classBits(a netip.Addr) int {
	switch first := a.As4()[0]; {
	case first < 128:
		return 8
	case first < 192:
		return 16
	}
	return 24
}

// addresses6 reads IPV6ADDR and IPV6ADDR_SECONDARIES.
func (f *File) addresses6() []Address {
	var out []Address
	for _, key := range []string{"IPV6ADDR", "IPV6ADDR_SECONDARIES"} {
		s := f.Get(key)
		for _, text := range strings.Fields(s.Value) {
			if !strings.Contains(text, "/") {
				text += "/64"
			}
			p, err := netip.ParsePrefix(text)
			if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() || p.Addr().IsMulticast() || p.Addr().IsUnspecified() {
				f.wrong(s.Pos, "%s=%s: is no IPv6 address with its prefix, like 2001:db8::1/64", key, s.Value)
				continue
			}
			out = append(out, Address{Prefix: p, Pos: s.Pos})
		}
	}
	if len(out) > 0 && !f.yes("IPV6INIT", true) {
		f.note(f.Get("IPV6INIT").Pos, "IPV6INIT=no: IPV6ADDR is without effect")
		return nil
	}
	return out
}

// Gateway is the way to everywhere else.
type Gateway struct {
	Addr   netip.Addr // invalid for none
	OnLink bool       // it is in none of the bond's networks, and reached all the same
	Metric int        // 0: the kernel's
	Pos
}

// gateway reads GATEWAY, or GATEWAY0; it must be within reach.
func (f *File) gateway4(device string, addrs []Address) Gateway {
	s := f.Get("GATEWAY")
	if s.Value == "" {
		s = f.Get("GATEWAY0")
	}
	if s.Value == "" || !f.routes(s, device) {
		return Gateway{}
	}
	a, err := netip.ParseAddr(s.Value)
	if err != nil || !a.Is4() {
		f.wrong(s.Pos, "%s=%s: is no IPv4 address", s.Key, s.Value)
		return Gateway{}
	}
	return f.reachable(s, a, addrs)
}

// gateway6 reads IPV6_DEFAULTGW, "fe80::1%bond0".
func (f *File) gateway6(device string, addrs []Address) Gateway {
	s := f.Get("IPV6_DEFAULTGW")
	if s.Value == "" || !f.yes("IPV6INIT", true) {
		return Gateway{}
	}
	text, dev, _ := strings.Cut(s.Value, "%")
	a, err := netip.ParseAddr(text)
	switch {
	case err != nil || !a.Is6():
		f.wrong(s.Pos, "IPV6_DEFAULTGW=%s: is no IPv6 address", s.Value)
		return Gateway{}
	case dev != "" && dev != device:
		f.note(s.Pos, "IPV6_DEFAULTGW is on %s, not set here", dev)
		return Gateway{}
	case a.IsLinkLocalUnicast():
		return Gateway{Addr: a, Pos: s.Pos}
	}
	return f.reachable(s, a, addrs)
}

// routes reports whether the default route is this device's to have.
func (f *File) routes(s Setting, device string) bool {
	if !f.yes("DEFROUTE", true) {
		f.note(s.Pos, "%s: not set, by DEFROUTE=no", s.Key)
		return false
	}
	if dev := f.Get("GATEWAYDEV"); dev.Value != "" && dev.Value != device {
		f.note(s.Pos, "%s: not set, by GATEWAYDEV=%s", s.Key, dev.Value)
		return false
	}
	return true
}

func (f *File) reachable(s Setting, a netip.Addr, addrs []Address) Gateway {
	narrow := false
	for _, has := range addrs {
		narrow = narrow || has.Prefix.IsSingleIP()
		if has.Peer == a {
			return Gateway{Addr: a, Pos: s.Pos}
		}
		if has.Prefix.Addr() == a {
			f.wrong(s.Pos, "%s=%s: is the bond's own address", s.Key, s.Value)
			return Gateway{}
		}
		if has.Prefix.Contains(a) {
			return Gateway{Addr: a, Pos: s.Pos}
		}
	}
	if len(addrs) == 0 {
		f.note(s.Pos, "%s: not set, there is no address", s.Key)
		return Gateway{}
	}
	if narrow { // an address alone: its gateway is nowhere else
		return Gateway{Addr: a, OnLink: true, Pos: s.Pos}
	}
	f.wrong(s.Pos, "%s=%s: is in none of the bond's networks", s.Key, s.Value)
	return Gateway{}
}
