package ifcfg

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Stacked is an interface on top of a bond: a VLAN or a bridge. It isn't made
// here; the commands that make it are noted.
type Stacked struct {
	Name string
	// VLAN is the tag, and Below the interface that it is of; "" for a bridge.
	VLAN, Below string
	// Ports are a bridge's, Options its words for `ip link add … type bridge`.
	Ports, Options []string
	Addrs          []string // with their prefix lengths
	Gateways       []string
	DHCP           bool
	Further        bool // it is there by the commands of another note
	// Rest are the names of lines that the commands don't follow.
	Rest []string
}

// Commands returns a line of shell that makes it.
func (s *Stacked) Commands() string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case s.Further:
	case s.Below != "":
		add("ip link add link %s name %s type vlan id %s", s.Below, s.Name, s.VLAN)
	default:
		add("%s", strings.Join(append([]string{"ip link add", s.Name, "type bridge"}, s.Options...), " "))
		for _, p := range s.Ports {
			add("ip link set %s master %s", p, s.Name)
		}
	}
	for _, a := range s.Addrs {
		add("ip addr add %s dev %s", a, s.Name)
	}
	if !s.Further {
		add("ip link set %s up", s.Name)
	}
	for _, g := range s.Gateways {
		add("ip route add default via %s dev %s", g, s.Name)
	}
	if s.DHCP {
		add("dhclient %s", s.Name)
	}
	return strings.Join(out, " && ")
}

// NoteStacked notes an interface on top of a bond.
func (b *Bond) NoteStacked(at Pos, s *Stacked) {
	rest := ""
	if len(s.Rest) > 0 {
		rest = " (which leaves out " + strings.Join(s.Rest, ", ") + ")"
	}
	if s.Commands() == "" {
		b.note(at, "%s on %s is not made here%s", s.Name, b.Name, rest)
		return
	}
	b.note(at, "%s on %s is not made here; this makes it: `%s`%s", s.Name, b.Name, s.Commands(), rest)
}

// onTop notes VLANs and bridges on a bond, which are not made here.
func (s *Set) onTop() {
	under := map[string]*Bond{} // what is stacked, and on which bond
	for _, b := range s.Bonds {
		under[b.Name] = b
	}
	for more := true; more; {
		more = false
		for _, f := range s.others {
			if under[f.device()] != nil {
				continue
			}
			up := f.stacked()
			var b *Bond
			if up.Below != "" {
				b = under[up.Below]
			}
			for _, p := range s.portsOf(f.device()) {
				if at := under[p]; at != nil {
					b = at
					up.Ports = append(up.Ports, p)
				}
			}
			if b == nil || up.Below == "" && len(up.Ports) == 0 {
				continue
			}
			more, under[f.device()] = true, b
			b.NoteStacked(Pos{File: f.Path}, up)
			for _, l := range f.lines {
				l.Fate = Noted
			}
		}
	}
}

// portsOf are the interfaces whose files, or whose bridge's, put them into a bridge.
func (s *Set) portsOf(bridge string) []string {
	var out []string
	for _, f := range s.files {
		if f.Get("BRIDGE").Value == bridge {
			out = append(out, f.device())
		}
		if f.device() == bridge && isYes(f.Get("BRIDGE").Value) { // SUSE's way
			out = append(out, strings.Fields(f.Get("BRIDGE_PORTS").Value)...)
		}
	}
	return out
}

// ofStacked are the keys that the commands for such a file follow.
var ofStacked = []string{
	"DEVICE", "TYPE", "VLAN", "PHYSDEV", "VLAN_ID", "BOOTPROTO", "ONBOOT", "STARTMODE", "IPADDR", "NETMASK", "PREFIX", "PREFIXLEN", "NETWORK", "IPV6ADDR",
	"IPV6ADDR_SECONDARIES", "GATEWAY", "IPV6_DEFAULTGW", "IPV6INIT", "STP", "BRIDGE", "BRIDGE_PORTS", "BRIDGE_STP", "NM_CONTROLLED", "USERCTL", "DEFROUTE",
}

// stacked reads a file as one of an interface on top of another.
func (f *File) stacked() *Stacked {
	up := &Stacked{Name: f.device(), DHCP: strings.HasPrefix(strings.ToLower(f.Get("BOOTPROTO").Value), "dhcp")}
	below, number, dot := strings.Cut(up.Name, ".")
	for _, key := range []string{"PHYSDEV", "ETHERDEVICE"} {
		if v := f.Get(key).Value; v != "" {
			below, dot = v, true
		}
	}
	if v := f.Get("VLAN_ID").Value; v != "" {
		number = v
	}
	if number == "" {
		number = strings.TrimLeft(up.Name, "abcdefghijklmnopqrstuvwxyz")
	}
	if dot && number != "" {
		up.Below, up.VLAN = below, number
	}
	probe := &File{Path: f.Path, Name: f.Name, Settings: f.Settings} // whose remarks are nobody's
	for _, a := range append(probe.addresses4(), probe.addresses6()...) {
		up.Addrs = append(up.Addrs, a.Prefix.String())
	}
	for _, key := range []string{"GATEWAY", "IPV6_DEFAULTGW"} {
		if v := f.Get(key).Value; v != "" {
			up.Gateways = append(up.Gateways, v)
		}
	}
	for _, set := range f.last() {
		k := family(set.Key)
		if set.Value != "" && !slices.Contains(silent, k) && !slices.Contains(ofStacked, k) {
			up.Rest = append(up.Rest, set.Key)
		}
	}
	if strings.EqualFold(f.Get("STP").Value, "on") || isYes(f.Get("STP").Value) || strings.EqualFold(f.Get("BRIDGE_STP").Value, "on") {
		up.Options = append(up.Options, "stp_state", "1")
	}
	return up
}

// Lines returns every line that was read, with its fate.
func (s *Set) Lines() []*Line {
	lines := slices.Clone(s.lines)
	for _, f := range s.files {
		lines = append(append(lines, f.lines...), f.broken...)
	}
	return lines
}

// foreign marks what is left of files of other interfaces, and warns of a slip in
// those that may have been meant for a slave.
func (s *Set) foreign() {
	for _, f := range s.others {
		s.mentioned(f)
		for i, set := range f.Settings {
			if near := nearest(set.Key); (near == "MASTER" || near == "SLAVE") && near != set.Key {
				s.warn(set.Pos, "unknown key %s, without effect; did you mean %s? %s is no slave", set.Key, near, f.device())
				f.lines[i].Fate = Noted
			}
			if f.lines[i].Fate == Open {
				f.lines[i].Fate = Foreign
			}
		}
	}
	for _, f := range s.strays {
		for _, l := range f.lines {
			if l.Fate == Open {
				l.Fate = Refused // with its file
			}
		}
	}
}

// rangeFile is RHEL's way to give an interface many addresses.
var rangeFile = regexp.MustCompile(`^(.+)-range\d+$`)

// mentioned notes a file that has to do with a bond in another way: a range of
// addresses, or an interface of a kind that isn't known here.
func (s *Set) mentioned(f *File) {
	var b *Bond
	text := fmt.Sprintf("%s has to do with the bond and is not made here", f.device())
	if m := rangeFile.FindStringSubmatch(f.Name); m != nil {
		b = s.Bond(m[1])
		text = fmt.Sprintf("is not acted on: the addresses from %s to %s; IPADDR1, IPADDR2 … give a bond more than one", f.Get("IPADDR_START").Value, f.Get("IPADDR_END").Value)
	}
	for _, set := range f.Settings {
		for _, word := range strings.Fields(set.Value) {
			if at := s.Bond(word); b == nil && at != nil && !slices.Contains(silent, set.Key) && nearest(set.Key) != "MASTER" {
				b = at
			}
		}
	}
	if b == nil || len(f.lines) == 0 || f.lines[0].Fate != Open {
		return
	}
	b.note(Pos{File: f.Path}, "%s", text)
	for _, l := range f.lines {
		l.Fate = Noted
	}
}

// suseRoutes takes the default route from SUSE's file of routes where a bond
// reaches its gateway, and notes what else is in it.
func (s *Set) suseRoutes(name string, data []byte) {
	for i, text := range strings.Split(string(data), "\n") {
		words := strings.Fields(text)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		at := Pos{File: path.Join(s.Dir, name), Line: i + 1}
		l := &Line{Pos: at, Text: text}
		s.lines = append(s.lines, l)
		for _, b := range s.Bonds {
			if words[0] == "default" && b.gatewayAt(words[1], at) {
				l.Fate = Applied
			}
		}
		if l.Fate == Open && len(s.Bonds) > 0 {
			s.note(at, "is not acted on: %s; `ip route add` sets it", strings.TrimSpace(text))
			l.Fate = Noted
		}
		if l.Fate == Open {
			l.Fate = Foreign
		}
	}
}
