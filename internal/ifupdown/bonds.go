package ifupdown

import (
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// Read reads the bonds in a file like /etc/network/interfaces. root is what
// stands for / in the paths of files that it sources. Mistakes come as with
// ifcfg: when the bond is wanted.
func Read(file, root string, modules ifcfg.Modules) (*ifcfg.Set, error) {
	r := &reader{root: root}
	if err := r.file(file, 0); err != nil {
		return nil, err
	}
	c := &collector{modules: modules, bonds: map[string]*bond{}}
	list, auto := stanzas(r.lines)
	for _, s := range list {
		c.bondsOf(s)
	}
	for _, s := range list {
		c.slaveOf(s)
	}
	var bonds []*ifcfg.Bond
	for _, b := range c.order {
		b.OnBoot = auto[b.Name]
		b.Judge(append(ifcfg.ModuleOpts(modules, b.Name), b.opts...))
		for _, w := range r.wrong {
			b.Wrong(w.Pos, w.Text)
		}
		bonds = append(bonds, b.Bond)
	}
	return ifcfg.NewSet(file, "there is no auto line for it", "bond-slaves, bond-master or any other bond-OPTION", bonds, c.slaves), nil
}

type bond struct {
	*ifcfg.Bond
	opts    []ifcfg.Opt
	primary bool
}

type collector struct {
	modules ifcfg.Modules
	bonds   map[string]*bond
	order   []*bond
	slaves  []*ifcfg.Slave
}

// isBond: the stanza says something about a bond and isn't a slave's.
func (s *stanza) isBond() bool {
	if s.get("bond_master").words != nil {
		return false
	}
	for _, l := range s.lines {
		if strings.HasPrefix(l.key(), "bond_") || l.key() == "slaves" || enslaves(l, s.name) != nil {
			return true
		}
	}
	return false
}

// enslaves returns the slaves of a line like `up ifenslave bond0 eth0 eth1`, the
// way of the time before bond-slaves.
func enslaves(l line, bond string) []string {
	if k := l.words[0]; k != "up" && k != "post-up" && k != "pre-up" || len(l.words) < 4 {
		return nil
	}
	if path.Base(l.words[1]) != "ifenslave" || l.words[2] != bond && l.words[2] != "$IFACE" {
		return nil
	}
	return l.words[3:]
}

// bondsOf reads a bond's stanza. Further ones, of another family or the same,
// add their addresses.
func (c *collector) bondsOf(s *stanza) {
	b := c.bonds[s.name]
	if b == nil {
		if !s.isBond() {
			return
		}
		b = &bond{Bond: ifcfg.NewBond(s.name, s.Pos)}
		c.bonds[s.name] = b
		c.order = append(c.order, b)
	}
	for _, l := range s.lines {
		c.line(b, l)
	}
	s.addressing(b.Bond)
}

// others are the names that ifupdown2 has for options.
var others = map[string]string{"ad_sys_priority": "ad_actor_sys_prio", "ad_sys_mac_addr": "ad_actor_system"}

// quiet are lines that change nothing, or are read elsewhere.
var quiet = map[string]bool{
	"address": true, "netmask": true, "gateway": true, "network": true, "broadcast": true, "bond_master": true, "pointopoint": true, "scope": true,
}

func (c *collector) line(b *bond, l line) {
	key := l.key()
	switch {
	case quiet[key]:
	case key == "slaves" || key == "bond_slaves" || key == "bond_members":
		c.members(b, l, l.words[1:])
	case enslaves(l, b.Name) != nil:
		c.members(b, l, enslaves(l, b.Name))
	case key == "mtu":
		n, err := strconv.Atoi(l.value())
		if err != nil || n < 68 || n > 65521 {
			b.Wrong(l.Pos, fmt.Sprintf("mtu %s: accepted are 68 to 65521", l.value()))
			return
		}
		b.MTU = n
	case key == "hwaddress":
		mac, err := net.ParseMAC(l.words[len(l.words)-1])
		if err != nil || len(mac) != 6 {
			b.Wrong(l.Pos, fmt.Sprintf("hwaddress %s: is no address like 00:11:22:33:44:55", l.value()))
			return
		}
		b.MAC = mac
	case strings.HasPrefix(key, "bond_"):
		b.option(l, strings.TrimPrefix(key, "bond_"))
	case key == "up" || key == "down" || strings.HasPrefix(key, "pre-") || strings.HasPrefix(key, "post-"):
		b.Note(l.Pos, fmt.Sprintf("%s: commands are not run", key))
	default:
		b.Note(l.Pos, fmt.Sprintf("%s: without effect here", key))
	}
}

// option takes one of the bond's options. Lists have blanks or commas.
func (b *bond) option(l line, name string) {
	if n := others[name]; n != "" {
		name = n
	}
	b.primary = b.primary || name == "primary"
	switch {
	case len(l.words) < 2:
		b.Wrong(l.Pos, fmt.Sprintf("%s: value missing", l.words[0]))
	case name == "lacp_bypass_allow":
		b.Note(l.Pos, fmt.Sprintf("%s: without effect here; lacp_fallback is the like of it", l.words[0]))
	case name == "primary": // several: the first one that is there, for scripts that know
		b.opts = append(b.opts, ifcfg.Opt{Name: name, Value: l.words[1], Pos: l.Pos})
	default:
		b.opts = append(b.opts, ifcfg.Opt{Name: name, Value: strings.Join(l.words[1:], ","), Pos: l.Pos})
	}
}

func (c *collector) members(b *bond, l line, names []string) {
	for _, name := range names {
		if name != "none" {
			c.slaves = append(c.slaves, ifcfg.NewSlave(b.Name, name, l.Pos))
		}
	}
}

// slaveOf reads a stanza with bond-master. Options of the bond may stand there
// too.
func (c *collector) slaveOf(s *stanza) {
	m := s.get("bond_master")
	if m.words == nil {
		return
	}
	b := c.bonds[m.words[1]]
	for _, v := range c.slaves {
		if v.Device == s.name && v.Bond == m.words[1] {
			return // named by the bond too
		}
	}
	v := ifcfg.NewSlave(m.words[1], s.name, m.Pos)
	c.slaves = append(c.slaves, v)
	if b == nil { // nothing but its slaves tells of it
		b = &bond{Bond: ifcfg.NewBond(m.words[1], m.Pos)}
		c.bonds[m.words[1]] = b
		c.order = append(c.order, b)
	}
	had := b.primary
	for _, l := range s.lines {
		name := strings.TrimPrefix(l.key(), "bond_")
		switch {
		case name == l.key() || name == "master":
		case name == "queue_id" && len(l.words) == 2 && !strings.Contains(l.words[1], ":"):
			b.opts = append(b.opts, ifcfg.Opt{Name: name, Value: s.name + ":" + l.words[1], Pos: l.Pos})
		case name == "primary" && had:
		default:
			b.option(l, name)
		}
	}
}
