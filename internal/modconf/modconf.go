package modconf

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Module is the name of the kernel's bonding module.
const Module = "bonding"

// Size is what lsmod shows as the module's: that of Debian's 6.1.
const Size = 229376

// Option is one NAME=VALUE of an options line, without quotes.
type Option struct {
	Name, Value string
	File        string // as it can be opened
	Line        int    // 1 is the first; of a continued line the very one
}

// At is where the option stands: "/etc/modprobe.d/bonding.conf:3".
func (o Option) At() string { return fmt.Sprintf("%s:%d", o.File, o.Line) }

// Note is something about bonding in the files that has no effect here, and
// that somebody may want to know of.
type Note struct {
	File string
	Line int
	Text string
}

func (n Note) String() string {
	if n.Line == 0 {
		return n.File + ": " + n.Text
	}
	return fmt.Sprintf("%s:%d: %s", n.File, n.Line, n.Text)
}

// Error is a line that can't be understood.
type Error struct {
	File string
	Line int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text) }

// Config is what the files say about bonding.
type Config struct {
	aliases   []string // of bonding, as written; may be patterns
	names     map[string]bool
	patterns  []string
	options   []optionsLine
	boot      []Option // of the line that loads the module at boot
	blacklist *Note
	notes     []Note
}

// optionsLine is what one line gives a module or alias.
type optionsLine struct {
	of      string
	options []Option
}

// Aliases returns the bonds' names that stand for the module, in the order of
// the files: bond0 for "alias bond0 bonding". "alias netdev-bond0 bonding", what
// the kernel asks for when bond0 is missing, counts as bond0. Patterns are left
// out: they name no bond.
func (c *Config) Aliases() []string {
	var names []string
	seen := map[string]bool{}
	for _, a := range c.aliases {
		a = strings.TrimPrefix(a, "netdev-")
		if !strings.ContainsAny(a, "*?[") && !seen[a] {
			seen[a] = true
			names = append(names, a)
		}
	}
	return names
}

// Means tells whether modprobe would load bonding when asked for name: the
// module itself, or an alias of it, which may be a pattern.
func (c *Config) Means(name string) bool {
	name = underscored(name)
	return name == Module || c.names[name] || slices.ContainsFunc(c.patterns, func(a string) bool {
		ok, err := path.Match(a, name)
		return ok && err == nil
	})
}

// add takes an alias of the module.
func (c *Config) add(alias string) {
	c.aliases = append(c.aliases, alias)
	if name := underscored(alias); strings.ContainsAny(name, `*?[\`) {
		c.patterns = append(c.patterns, name)
	} else {
		if c.names == nil {
			c.names = map[string]bool{}
		}
		c.names[name] = true
	}
}

// Options returns the parameters of a bond, or with "" of the module: those of
// "options bonding" in the order of the files, what it is given where it is loaded
// at boot, then those of "options BOND". Of the same name the later one counts.
func (c *Config) Options(bond string) []Option {
	out := append(c.of(Module), c.boot...)
	if bond != "" && underscored(bond) != Module {
		out = append(out, c.of(bond)...)
	}
	return out
}

func (c *Config) of(name string) (out []Option) {
	for _, l := range c.options {
		if underscored(l.of) == underscored(name) {
			out = append(out, l.options...)
		}
	}
	return out
}

// Blacklisted returns the line that keeps modprobe from loading bonding through
// an alias, nil if none does. Asked for by its own name it is loaded all the same.
func (c *Config) Blacklisted() *Note { return c.blacklist }

// Notes returns what has no effect here, in the order of the files.
func (c *Config) Notes() []Note { return slices.Clone(c.notes) }

// underscored is a module's name as modprobe compares it.
func underscored(name string) string { return strings.ReplaceAll(name, "-", "_") }
