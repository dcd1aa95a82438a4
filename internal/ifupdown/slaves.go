package ifupdown

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// ofSlave reads the stanza of a slave. Options of the bond may stand there too.
func (c *collector) ofSlave(b *bond, s *stanza) {
	m := s.get("bond_master")
	if m.words != nil {
		m.Fate = ifcfg.Applied
		c.slave(b, s.name, m)
	}
	if s.method != "manual" && s.method != "" && s.method != "static" {
		b.Note(s.head.Pos, fmt.Sprintf("%s %s: without effect on a slave; %s has the addresses", s.family, s.method, b.Name))
	}
	own := b.primary != nil
	for _, l := range s.lines {
		c.slaveLine(b, s, l, own)
	}
}

func (c *collector) slaveLine(b *bond, s *stanza, l line, ownPrimary bool) {
	key := l.key()
	name, isOption := l.option()
	up, after := l.isCommand()
	switch {
	case key == "bond_master" || key == "inherit" && l.Fate == ifcfg.Applied:
	case up:
		c.command(b, s, l, after)
	case key == "use" || key == "requires":
		l.Fate = ifcfg.Implied
	case slices.Contains(addressKeys, key):
		level := b.Minor
		if key == "address" || key == "gateway" {
			level = b.Note
		}
		level(l.Pos, fmt.Sprintf("%s: without effect on a slave; %s has the addresses", key, b.Name))
	case key == "mtu" && c.mtuOf(b.Name) == l.value():
		l.Fate = ifcfg.Implied
	case key == "mtu":
		b.Note(l.Pos, fmt.Sprintf("mtu: without effect on a slave, which gets that of %s", b.Name))
	case key == "hwaddress":
		b.Note(l.Pos, fmt.Sprintf("hwaddress: without effect on a slave, whose address is the matter of %s", b.Name))
	case slices.Contains(slaveKeys, key):
		if v := l.value(); v == "none" || v == "" {
			l.Fate = ifcfg.Implied
			return
		}
		b.Warn(l.Pos, fmt.Sprintf("%s: without effect: %s is a slave of %s", l.words[0], s.name, b.Name))
	case isOption && name == "give_a_chance":
		b.Minor(l.Pos, fmt.Sprintf("%s: without effect here", l.words[0]))
	case isOption && name == "primary" && ownPrimary:
		b.Minor(l.Pos, fmt.Sprintf("%s: %s has its own", l.words[0], b.Name))
	case isOption && name == "queue_id" && len(l.words) == 2 && !strings.Contains(l.words[1], ":"):
		l.Fate = ifcfg.Applied
		b.bySlave = append(b.bySlave, ifcfg.Opt{Name: name, Value: s.name + ":" + l.words[1], Pos: l.Pos})
	case isOption:
		l.Fate = ifcfg.Applied
		b.bySlave = append(b.bySlave, b.option(l, name)...)
	}
}

// mtuOf is the MTU that a bond's stanzas ask for, as it is written.
func (c *collector) mtuOf(bond string) string {
	for _, s := range c.named[bond] {
		if l := s.get("mtu"); l.words != nil {
			return l.value()
		}
	}
	return ""
}

// autoLines gives the auto lines their fate.
func (c *collector) autoLines() {
	for _, l := range c.auto {
		l.Fate = ifcfg.Foreign
		for _, p := range l.words[1:] {
			if !strings.ContainsAny(p, "/[*?") {
				c.autoWord(l, p)
				continue
			}
			for _, s := range c.stanzas {
				if matches(p, s.name) {
					c.autoWord(l, s.name)
				}
			}
		}
	}
}

func (c *collector) autoWord(l line, name string) {
	base, _, _ := strings.Cut(name, ":")
	switch {
	case c.bonds[base] != nil:
		l.Fate = ifcfg.Applied
	case c.slaveOf[name] != "" && l.Fate == ifcfg.Foreign:
		l.Fate = ifcfg.Implied
	}
}

// strayLines are those in no iface stanza.
func (c *collector) strayLines() {
	for _, l := range c.stray {
		_, isOption := l.option()
		switch word := l.words[0]; {
		case word == "mapping":
			l.Fate = ifcfg.Foreign
			for _, n := range l.words[1:] {
				if c.bonds[n] != nil || c.slaveOf[n] != "" {
					c.warnings = append(c.warnings, ifcfg.Remark{Pos: l.Pos, Text: fmt.Sprintf("mapping %s: no script is run, and the stanza of its own name is read", n)})
				}
			}
		case word == "no-scripts" || strings.HasPrefix(word, "no-auto-down") || word == "rename":
			l.Fate = ifcfg.Foreign
		case isOption || slices.Contains(slaveKeys, l.key()):
			c.wrong = append(c.wrong, ifcfg.Remark{Pos: l.Pos, Text: fmt.Sprintf("%s: stands in no iface stanza", word)})
		}
	}
}
