package ifupdown

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/ifcfg"
)

// others are the names that ifupdown2 has for options.
var others = map[string]string{"ad_sys_priority": "ad_actor_sys_prio", "ad_sys_mac_addr": "ad_actor_system"}

// lists are the options with several values.
var lists = []string{"arp_ip_target", "ns_ip6_target", "queue_id"}

// addressKeys are read with the addresses.
var addressKeys = []string{"address", "netmask", "gateway", "network", "broadcast", "pointopoint", "scope", "metric", "label"}

// ofBond reads a line of a bond's own stanza.
func (c *collector) ofBond(b *bond, s *stanza, l line) {
	key := l.key()
	name, isOption := l.option()
	switch {
	case l.Fate == ifcfg.Applied && key == "inherit", slices.Contains(addressKeys, key):
	case slices.Contains(slaveKeys, key):
		c.members(b, l)
	case key == "mtu":
		n, err := strconv.Atoi(l.value())
		if err != nil || n < 68 || n > 65521 {
			b.Wrong(l.Pos, fmt.Sprintf("mtu %s: accepted are 68 to 65521", l.value()))
			return
		}
		b.MTU, l.Fate = n, ifcfg.Applied
	case key == "hwaddress":
		b.hwaddress(l)
	case key == "use" || key == "requires":
		l.Fate = ifcfg.Implied
	case isOption && name == "give_a_chance":
		b.Minor(l.Pos, fmt.Sprintf("%s: without effect here", l.words[0]))
	case l.almostMode():
		b.Wrong(l.Pos, fmt.Sprintf("%s: is bond-mode meant?", l.words[0])) // without it the bond would be another one
	case isOption:
		l.Fate = ifcfg.Applied
		b.own = append(b.own, b.option(l, name)...)
	case option.ByName(plainOption(key)) != nil:
		b.Warn(l.Pos, fmt.Sprintf("%s: without effect: is bond-%s meant?", l.words[0], strings.ReplaceAll(plainOption(key), "_", "-")))
	default:
		if up, after := l.isCommand(); up {
			c.command(b, s, l, after)
		}
	}
}

// plainOption is the option that a key without bond- may mean: lacp-rate, bonding_miimon.
func plainOption(key string) string {
	return strings.TrimPrefix(strings.ReplaceAll(key, "-", "_"), "bonding_")
}

// almostMode reports whether a line means the bond's mode by a word that isn't
// bond-mode: mode, bondmode, bonding-mode, bond-opts mode=802.3ad.
func (l line) almostMode() bool {
	name, isOption := l.option()
	key := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(l.key()))
	switch key {
	case "mode", "bondingmode":
		return true
	case "bondmode":
		return !isOption || name != "mode"
	}
	if len(l.words) < 2 || !strings.HasPrefix(key, "bond") || isOption && option.ByName(name) != nil {
		return false
	}
	return slices.ContainsFunc(l.words[1:], func(w string) bool {
		return strings.HasPrefix(strings.Trim(w, `"'`), "mode=")
	})
}

func (b *bond) hwaddress(l line) {
	text := l.words[len(l.words)-1]
	if text == "random" {
		b.Note(l.Pos, "hwaddress random: not done; the first slave's address is the bond's")
		return
	}
	mac, err := net.ParseMAC(text)
	if err != nil || len(mac) != 6 {
		b.Wrong(l.Pos, fmt.Sprintf("hwaddress %s: is no address like 00:11:22:33:44:55", l.value()))
		return
	}
	b.MAC, l.Fate = mac, ifcfg.Applied
}

// option takes one of the bond's options. Lists have blanks or commas.
func (b *bond) option(l line, name string) []ifcfg.Opt {
	if n := others[name]; n != "" {
		name = n
	}
	value := ""
	switch list := slices.Contains(lists, name); {
	case len(l.words) < 2:
	case list:
		value = strings.Trim(strings.Join(l.words[1:], ","), `,"'`)
	default: // the driver reads one word
		if value = strings.Trim(l.words[1], `,"'`); len(l.words) > 2 && name != "primary" {
			b.Warn(l.Pos, fmt.Sprintf("%s: %s is taken, the rest isn't read (%s)", l.words[0], value, strings.Join(l.words[2:], " ")))
		}
	}
	switch {
	case name == "":
		b.Wrong(l.Pos, fmt.Sprintf("%s: the option's name is missing", l.words[0]))
	case value == "" && len(l.words) > 1: // ""
		l.Fate = ifcfg.Implied
	case value == "":
		b.Wrong(l.Pos, fmt.Sprintf("%s: value missing", l.words[0]))
	case name == "lacp_bypass_allow":
		b.Note(l.Pos, fmt.Sprintf("%s: without effect here; lacp_fallback is the like of it", l.words[0]))
	case name == "primary": // several: the first one that is a slave, for scripts that know
		for _, w := range l.words[1:] {
			b.primary = append(b.primary, word{w, l.Pos})
		}
	case name == "active_slave" && value == "none":
		l.Fate = ifcfg.Implied
	default:
		if yes := map[string]string{"yes": "1", "no": "0"}[value]; yes != "" {
			value = yes
		}
		return []ifcfg.Opt{{Name: name, Value: value, Pos: l.Pos}}
	}
	return nil
}

// members makes slaves of those that a line lists.
func (c *collector) members(b *bond, l line) {
	l.Fate = ifcfg.Applied
	names, patterns, err := ports(b.Name, l)
	if err != nil {
		b.Wrong(l.Pos, fmt.Sprintf("%s: %v", l.words[0], err))
		return
	}
	for _, n := range names {
		c.slave(b, n, l)
	}
	c.slaves = append(c.slaves, patterns...)
}

// slave makes one a slave, once.
func (c *collector) slave(b *bond, name string, l line) {
	if len(b.slaves) == maxPorts {
		b.Wrong(l.Pos, fmt.Sprintf("more than %d slaves", maxPorts))
		return
	}
	if !b.slaves[name] {
		b.slaves[name] = true
		c.slaves = append(c.slaves, ifcfg.NewSlave(b.Name, name, l.Pos))
	}
}

// modeName finds a mode in a command that isn't run.
var modeName = regexp.MustCompile(`\b(802\.3ad|active-backup|balance-(rr|xor|tlb|alb))\b`)

// command reads a line of commands; b is the bond that notes on it go to.
func (c *collector) command(b *bond, s *stanza, l line, after bool) {
	o := c.commands(s, l)
	switch {
	case o.unclear != "" && !after:
		b.Wrong(l.Pos, fmt.Sprintf("%s: %s", l.words[0], o.unclear))
		return
	case len(o.rest) > 0:
		text := strings.Join(o.rest, "; ")
		b.Note(l.Pos, fmt.Sprintf("%s: commands are not run: `%s`", l.words[0], text))
		if mode := modeName.FindString(text); mode != "" && !after {
			b.modes = append(b.modes, word{fmt.Sprintf("%s: %q names mode %s and can't be read, and nothing else gives the mode: a line bond-mode does", l.words[0], text, mode), l.Pos})
		}
	}
	l.Fate = ifcfg.Implied
	if after {
		return
	}
	for _, e := range o.effects {
		c.apply(b, e, l)
	}
}

// apply does what a command would do.
func (c *collector) apply(at *bond, e effect, l line) {
	b := c.bonds[e.bond]
	if len(e.slaves) > 0 && b == nil {
		at.Note(l.Pos, fmt.Sprintf("%s: commands are not run: `%s`", l.words[0], l.text()))
		return
	}
	for _, n := range e.slaves {
		l.Fate = ifcfg.Applied
		c.slave(b, n, l)
	}
	var opts []ifcfg.Opt
	for _, a := range e.opts {
		l.Fate = ifcfg.Applied
		opts = append(opts, ifcfg.Opt{Name: a.Option, Value: a.Value, Module: e.module, Pos: l.Pos})
	}
	switch {
	case b != nil:
		b.byCmd = append(b.byCmd, opts...)
	case e.module && len(opts) > 0 && !c.sameLoad(opts):
		at.Wrong(l.Pos, fmt.Sprintf("%s: the module is loaded once, and %s loads it with other options; options of one bond belong into its bond- lines", l.value(), c.module[0].Pos))
	case e.module && c.module == nil:
		c.module = opts
	}
}

// sameLoad reports whether options are those that another command loads the module
// with, if there is one.
func (c *collector) sameLoad(opts []ifcfg.Opt) bool {
	return c.module == nil || slices.EqualFunc(c.module, opts, func(a, b ifcfg.Opt) bool { return a.Name == b.Name && a.Value == b.Value })
}

// options judges all that was said about a bond: what modprobe is given, what
// commands and slaves' stanzas say, and what counts most, its own.
func (c *collector) options(b *bond) {
	own := append(slices.Clone(b.byCmd), b.own...)
	b.contradiction(own)
	mine := map[string]bool{}
	for _, o := range own {
		mine[o.Name] = true
	}
	slaves := slices.DeleteFunc(b.bySlave, func(o ifcfg.Opt) bool {
		if mine[o.Name] {
			b.outvoted(o, own)
		}
		return mine[o.Name]
	})
	if !mine["mode"] {
		b.contradiction(slaves)
	}
	list := slices.Concat(ifcfg.ModuleOpts(c.modules, b.Name), c.module, slaves, own)
	if !slices.ContainsFunc(list, func(o ifcfg.Opt) bool { return o.Name == "mode" }) {
		for _, m := range b.modes {
			b.Wrong(m.Pos, m.text)
		}
	}
	if !b.stanza && !slices.ContainsFunc(list, func(o ifcfg.Opt) bool { return o.Name == "mode" }) {
		b.unknown = true
		c.warnings = append(c.warnings, ifcfg.Remark{Pos: b.at, Text: fmt.Sprintf("there is no iface stanza for %s, and nothing tells its mode: it is not made", b.Name)})
		return
	}
	if p := c.primaryOf(b); p.text != "" {
		list = append(list, ifcfg.Opt{Name: "primary", Value: p.text, Pos: p.Pos})
	}
	// As Debian's script writes them, whatever the order of the lines.
	slices.SortStableFunc(list, func(x, y ifcfg.Opt) int { return scriptRank(x) - scriptRank(y) })
	b.Judge(list)
}

func scriptRank(o ifcfg.Opt) int {
	switch {
	case o.Module:
		return 0
	case o.Name == "arp_interval":
		return 1
	}
	return 2
}

// outvoted notes an option of a slave's stanza that the bond's own has otherwise.
func (b *bond) outvoted(o ifcfg.Opt, own []ifcfg.Opt) {
	for _, m := range own {
		if m.Name == o.Name && canonical(m) != canonical(o) {
			b.Note(o.Pos, fmt.Sprintf("%s %s: %s says %s, and counts", o.Name, o.Value, m.Pos, m.Value))
			return
		}
	}
}

// contradiction is a mistake where two lines want other modes, and a note where
// they differ in another option.
func (b *bond) contradiction(opts []ifcfg.Opt) {
	last := map[string]ifcfg.Opt{}
	for _, o := range opts {
		was, twice := last[o.Name]
		last[o.Name] = o
		switch {
		case !twice || canonical(was) == canonical(o) || o.Name == "arp_ip_target" || o.Name == "ns_ip6_target" || o.Name == "queue_id":
		case o.Name == "mode":
			b.Wrong(o.Pos, fmt.Sprintf("mode %s: %s says %s", o.Value, was.Pos, was.Value))
		default:
			b.Note(was.Pos, fmt.Sprintf("%s %s: %s says %s, and counts", was.Name, was.Value, o.Pos, o.Value))
		}
	}
}

// canonical is a value in one form.
func canonical(o ifcfg.Opt) string {
	if d := option.ByName(o.Name); d != nil && !d.Raw {
		if n, ok := d.Parse(o.Value); ok {
			return strconv.FormatUint(uint64(n), 10)
		}
	}
	return o.Value
}

// primaryOf is the first slave among those that may be the primary.
func (c *collector) primaryOf(b *bond) word {
	for _, p := range b.primary {
		if slices.ContainsFunc(c.slaves, func(v *ifcfg.Slave) bool {
			return v.Bond == b.Name && (v.Device == p.text || v.Match != nil && v.Match(p.text))
		}) {
			return p
		}
	}
	if len(b.primary) > 0 {
		return b.primary[0]
	}
	return word{}
}
