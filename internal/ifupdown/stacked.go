package ifupdown

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// ofOther reads the stanza of an interface that is neither bond nor slave: what is
// stacked on a bond is noted with the commands that make it; words about bonding
// count wherever they stand.
func (c *collector) ofOther(s *stanza) {
	b, known := c.lower[s.name]
	if !known {
		b = c.under(s.name, map[string]bool{})
		c.lower[s.name] = b
	}
	if b != nil {
		up := c.stacked(s)
		up.Further = c.made[s.name]
		c.made[s.name] = true
		b.NoteStacked(s.head.Pos, up)
	} else if b = c.mentioned(s); b != nil {
		b.Note(s.head.Pos, fmt.Sprintf("%s has to do with %s and is not made here", s.name, b.Name))
	}
	fate := ifcfg.Foreign
	if b != nil {
		fate = ifcfg.Noted
	}
	s.head.Fate = fate
	for _, l := range s.lines {
		l.Fate = fate
		_, isOption := l.option()
		up, after := l.isCommand()
		switch {
		case up && !after:
			c.elsewhere(s, l, b)
		case isOption || l.key() == "slaves":
			l.Fate = ifcfg.Open
			c.warnings = append(c.warnings, ifcfg.Remark{Pos: l.Pos, Text: fmt.Sprintf("%s: without effect: %s is neither a bond nor a slave of one", l.words[0], s.name)})
		}
	}
}

// elsewhere reads a command about bonds in the stanza of another interface.
func (c *collector) elsewhere(s *stanza, l line, b *bond) {
	o := c.commands(s, l)
	if o.unclear != "" {
		c.wrong = append(c.wrong, ifcfg.Remark{Pos: l.Pos, Text: fmt.Sprintf("%s: %s", l.words[0], o.unclear)})
		return
	}
	for _, e := range o.effects {
		to := c.bonds[e.bond]
		if to == nil {
			to = b
		}
		if to == nil && len(c.order) > 0 {
			to = c.order[0]
		}
		if to != nil && (len(e.opts) > 0 || c.bonds[e.bond] != nil) {
			c.apply(to, e, l)
		}
	}
	if b != nil && len(o.rest) > 0 {
		b.Note(l.Pos, fmt.Sprintf("%s: commands are not run: `%s`", l.words[0], strings.Join(o.rest, "; ")))
	}
}

// under is the bond that an interface is stacked on, nil if it isn't. seen are those
// looked at on the way.
func (c *collector) under(name string, seen map[string]bool) *bond {
	if b := c.bonds[name]; b != nil && len(seen) > 0 {
		return b
	}
	if seen[name] {
		return nil
	}
	seen[name] = true
	below, _ := c.vlan(name)
	for _, p := range append(c.bridgePorts(name), below) {
		if p == "" {
			continue
		}
		if b := c.under(p, seen); b != nil {
			return b
		}
	}
	return nil
}

var digits = regexp.MustCompile(`\d+$`)

// vlan is what a VLAN is of, and its tag; "" for another kind of interface.
func (c *collector) vlan(name string) (below, tag string) {
	base, _, _ := strings.Cut(name, ":")
	for _, s := range c.named[name] {
		if l := s.get("vlan_raw_device"); l.words != nil {
			below = l.words[1]
		}
		if l := s.get("vlan_id"); l.words != nil {
			tag = l.words[1]
		}
	}
	if parent, number, dot := cutLast(base, "."); dot {
		if below == "" {
			below = parent
		}
		if tag == "" {
			tag = number
		}
	}
	if tag == "" {
		tag = digits.FindString(base)
	}
	return below, strings.TrimLeft(tag, "0")
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// bridgePorts are those of all stanzas of a bridge.
func (c *collector) bridgePorts(name string) []string {
	var out []string
	for _, s := range c.named[name] {
		for _, l := range s.all("bridge_ports") {
			out = append(out, l.words[1:]...)
		}
	}
	return out
}

// mentioned is the bond that a line of the stanza names, nil for none.
func (c *collector) mentioned(s *stanza) *bond {
	for _, l := range s.lines {
		if up, _ := l.isCommand(); up {
			continue
		}
		for _, w := range l.words[1:] {
			if b := c.bonds[w]; b != nil {
				return b
			}
		}
	}
	return nil
}

// ofStacked are the lines that the commands for a stanza follow.
var ofStacked = []string{
	"address", "netmask", "network", "gateway", "bridge_ports", "bridge_stp", "bridge_fd", "bridge_vlan_aware", "vlan_raw_device", "vlan_id",
}

// stacked is what a stanza makes on top of a bond.
func (c *collector) stacked(s *stanza) *ifcfg.Stacked {
	up := &ifcfg.Stacked{Name: s.name, DHCP: s.method == "dhcp"}
	if ports := c.bridgePorts(s.name); len(ports) > 0 {
		up.Ports = ports
	} else {
		up.Below, up.VLAN = c.vlan(s.name)
	}
	for _, o := range [][3]string{{"bridge_stp", "stp_state", "1"}, {"bridge_vlan_aware", "vlan_filtering", "1"}} {
		if l := s.get(o[0]); l.words != nil && slices.Contains([]string{"on", "yes", "1"}, l.words[1]) {
			up.Options = append(up.Options, o[1], o[2])
		}
	}
	if l := s.get("bridge_fd"); l.words != nil {
		if n, err := strconv.Atoi(l.words[1]); err == nil && n >= 0 && n < 1000 {
			up.Options = append(up.Options, "forward_delay", strconv.Itoa(n*100))
		}
	}
	for _, l := range s.lines {
		if !slices.Contains(ofStacked, l.key()) && !slices.Contains(up.Rest, l.words[0]) {
			up.Rest = append(up.Rest, l.words[0])
		}
	}
	scratch := &bond{Bond: ifcfg.NewBond(s.name, s.head.Pos)} // whose remarks are nobody's
	addrs := s.addresses(scratch)
	for _, a := range addrs {
		up.Addrs = append(up.Addrs, a.Prefix.String())
	}
	for _, l := range s.all("address") { // one that is none is for the reader to mend
		if !slices.ContainsFunc(addrs, func(a ifcfg.Address) bool { return a.Pos == l.Pos }) {
			up.Addrs = append(up.Addrs, l.value())
		}
	}
	for _, l := range s.all("gateway") {
		up.Gateways = append(up.Gateways, l.words[1])
	}
	return up
}
