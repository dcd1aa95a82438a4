package ifupdown

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// Read reads the bonds in a file like /etc/network/interfaces. root is what
// stands for / in the paths of files that it sources. Mistakes come as with
// ifcfg: when the bond is wanted.
func Read(path, root string, modules ifcfg.Modules) (*ifcfg.Set, error) {
	r := &reader{root: root}
	if err := r.file(path, 0); err != nil {
		return nil, err
	}
	c := &collector{modules: modules, bonds: map[string]*bond{}, slaveOf: map[string]string{}, outcomes: map[outcomeKey]outcome{}, lower: map[string]*bond{}, made: map[string]bool{}}
	c.sort(r.lines)
	c.inherit(func(at line, name, why string) {
		c.wrong = append(c.wrong, ifcfg.Remark{Pos: at.Pos, Text: fmt.Sprintf("inherits %s: %s", name, why)})
	})
	c.roles()
	for _, s := range c.stanzas {
		c.stanza(s)
	}
	c.finish()
	var bonds []*ifcfg.Bond
	for _, b := range c.order {
		if !b.unknown {
			bonds = append(bonds, b.Bond)
		}
	}
	c.slaves = slices.DeleteFunc(c.slaves, func(v *ifcfg.Slave) bool { return c.bonds[v.Bond].unknown })
	set := ifcfg.NewSet(path, "there is no auto line for it", "a line bond-slaves, bond-master or bond-OPTION", bonds, c.slaves)
	for _, w := range append(r.wrong, c.wrong...) {
		set.Wrong(w.Pos, w.Text)
	}
	for _, w := range c.warnings {
		set.Warn(w.Pos, w.Text)
	}
	set.AddLines(r.all)
	set.SettleAll()
	return set, nil
}

// bond is one that the stanzas make.
type bond struct {
	*ifcfg.Bond
	own      []ifcfg.Opt // of its own stanzas
	byCmd    []ifcfg.Opt // of commands
	bySlave  []ifcfg.Opt // of its slaves' stanzas
	primary  []word      // the first of them that is a slave counts
	modes    []word      // commands that name a mode and can't be read
	gateways []gateway
	slaves   map[string]bool
	stanza   bool // there is an iface stanza for it
	at       ifcfg.Pos
	unknown  bool // nothing tells what it is to be
}

// word is one of a line's words.
type word struct {
	text string
	ifcfg.Pos
}

// role is what a stanza's interface has to do with bonds.
type role uint8

const (
	other role = iota
	isBond
	isSlave
	isAlias // bond0:1
	isTemplate
)

type collector struct {
	file
	modules  ifcfg.Modules
	bonds    map[string]*bond
	order    []*bond
	slaves   []*ifcfg.Slave
	slaveOf  map[string]string // slaves by name, and their bonds
	module   []ifcfg.Opt       // parameters of modprobe commands
	outcomes map[outcomeKey]outcome
	made     map[string]bool  // noted with the commands that make it
	lower    map[string]*bond // what other interfaces are stacked on
	wrong    []ifcfg.Remark   // of no bond alone
	warnings []ifcfg.Remark
}

type outcomeKey struct {
	*ifcfg.Line
	iface string
}

// commands is what a line of a stanza does to bonds.
func (c *collector) commands(s *stanza, l line) outcome {
	key := outcomeKey{l.Line, s.name}
	o, ok := c.outcomes[key]
	if !ok {
		o = commands(l.text(), s.name, c.modules.Aliases())
		c.outcomes[key] = o
	}
	return o
}

// roles finds out which interfaces are bonds and which are slaves, by all that is
// said of them anywhere.
func (c *collector) roles() {
	bonds := map[string]ifcfg.Pos{}
	is := func(name string, at ifcfg.Pos) {
		if _, ok := bonds[name]; !ok && name != "" {
			bonds[name] = at
		}
	}
	for _, s := range c.stanzas {
		if s.template {
			continue
		}
		for _, l := range s.all(slaveKeys...) {
			names, _, _ := ports(s.name, l)
			for _, n := range names {
				if _, twice := c.slaveOf[n]; !twice && s.get("bond_master").words == nil {
					c.slaveOf[n] = s.name
				}
			}
		}
		for _, l := range s.lines {
			if up, after := l.isCommand(); up && !after {
				for _, e := range c.commands(s, l).effects {
					c.evidence(e, l, is)
				}
			}
		}
		if m := s.get("bond_master"); m.words != nil && m.words[1] == s.name {
			c.wrong = append(c.wrong, ifcfg.Remark{Pos: m.Pos, Text: fmt.Sprintf("%s %s: is the interface's own name", m.words[0], s.name)})
		} else if m.words != nil {
			c.slaveOf[s.name] = m.words[1]
			is(m.words[1], m.Pos)
		}
	}
	for _, s := range c.stanzas {
		if _, slave := c.slaveOf[s.name]; !s.template && !slave && c.looksLikeBond(s) {
			is(s.name, s.head.Pos)
		}
	}
	c.make(bonds)
}

// evidence is what a command says about who is a bond.
func (c *collector) evidence(e effect, l line, is func(string, ifcfg.Pos)) {
	if e.bond == "" || e.weak && !bondName.MatchString(e.bond) && !slices.Contains(c.modules.Aliases(), e.bond) {
		return
	}
	is(e.bond, l.Pos)
	for _, n := range e.slaves {
		c.slaveOf[n] = e.bond
	}
}

// looksLikeBond: the stanza has slaves, a mode, or another option and a bond's name.
func (c *collector) looksLikeBond(s *stanza) bool {
	if s.all(slaveKeys...) != nil || s.get("bond_mode").words != nil || slices.Contains(c.modules.Aliases(), s.name) {
		return true
	}
	if u := s.get("use"); u.words != nil && slices.Contains(u.words[1:], "bond") {
		return true
	}
	_, option := find(s.lines, func(l line) bool { _, ok := l.option(); return ok })
	return option && bondName.MatchString(s.name)
}

func find(lines []line, is func(line) bool) (line, bool) {
	i := slices.IndexFunc(lines, is)
	if i < 0 {
		return line{}, false
	}
	return lines[i], true
}

// make makes the bonds, in the order of their stanzas, then those that have none.
func (c *collector) make(bonds map[string]ifcfg.Pos) {
	add := func(name string, at ifcfg.Pos) {
		if c.bonds[name] == nil {
			b := &bond{Bond: ifcfg.NewBond(name, at), slaves: map[string]bool{}, stanza: len(c.named[name]) > 0, at: at}
			c.bonds[name] = b
			c.order = append(c.order, b)
		}
	}
	for _, s := range c.stanzas {
		if _, ok := bonds[s.name]; ok && !s.template {
			add(s.name, s.head.Pos)
		}
	}
	var rest []string
	for name := range bonds {
		rest = append(rest, name)
	}
	slices.Sort(rest)
	for _, name := range rest {
		add(name, bonds[name])
	}
}

// roleOf is a stanza's role, with its bond.
func (c *collector) roleOf(s *stanza) (role, *bond) {
	if s.template {
		return isTemplate, nil
	}
	if b := c.bonds[s.name]; b != nil {
		return isBond, b
	}
	base, _, colon := strings.Cut(s.name, ":")
	if b := c.bonds[base]; colon && b != nil {
		return isAlias, b
	}
	if b := c.bonds[c.slaveOf[s.name]]; b != nil {
		return isSlave, b
	}
	return other, nil
}

// stanza reads one.
func (c *collector) stanza(s *stanza) {
	r, b := c.roleOf(s)
	if r != other && r != isTemplate {
		c.head(s, b)
		s.lines = slices.Clone(s.lines)
		for i := range s.lines {
			c.comment(b, &s.lines[i])
		}
	}
	switch r {
	case isTemplate:
		return
	case isBond:
		for _, l := range s.lines {
			c.ofBond(b, s, l)
		}
		c.addressing(b, s, "")
	case isAlias:
		c.alias(b, s)
	case isSlave:
		c.ofSlave(b, s)
	default:
		c.ofOther(s)
	}
}

// head looks at the words of the iface line itself.
func (c *collector) head(s *stanza, b *bond) {
	s.head.Fate = ifcfg.Applied
	n := 4 + len(s.heirs)
	if len(s.heirs) > 0 {
		n++
	}
	if len(s.head.words) > n {
		b.Warn(s.head.Pos, fmt.Sprintf("%s: words behind the method are without effect", s.head.value()))
	}
}

// comment cuts a line where a remark begins: there are none behind values.
func (c *collector) comment(b *bond, l *line) {
	if up, _ := l.isCommand(); up {
		return
	}
	for i, w := range l.words {
		if i > 0 && strings.HasPrefix(w, "#") {
			b.Warn(l.Pos, fmt.Sprintf("%s: a comment needs a line of its own; %q is taken, the rest isn't read", l.words[0], strings.Join(l.words[1:i], " ")))
			l.words = l.words[:i]
			return
		}
	}
}

// finish joins what was gathered.
func (c *collector) finish() {
	for _, b := range c.order {
		b.OnBoot = c.brought(b.Name)
		c.gatewaysOf(b)
		c.options(b)
	}
	c.autoLines()
	c.strayLines()
	for _, s := range c.stanzas {
		if s.template {
			for _, l := range append(s.lines, s.head) {
				if l.Fate == ifcfg.Open {
					l.Fate = ifcfg.Foreign
				}
			}
		}
	}
}
