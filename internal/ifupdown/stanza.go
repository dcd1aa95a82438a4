package ifupdown

import (
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// stanza is one `iface NAME FAMILY METHOD` with the lines below it.
type stanza struct {
	name, family, method string
	lines                []line
	ifcfg.Pos
}

// stanzas sorts lines into interfaces, and tells which are brought up at boot.
func stanzas(lines []line) (list []*stanza, auto map[string]bool) {
	auto = map[string]bool{}
	var in *stanza
	for _, l := range lines {
		switch word := l.words[0]; {
		case word == "auto" || strings.HasPrefix(word, "allow-"):
			for _, name := range l.words[1:] {
				auto[name] = true
			}
			in = nil
		case word == "iface":
			in = &stanza{Pos: l.Pos}
			words := append(l.words[1:len(l.words):len(l.words)], "", "", "")
			in.name, in.family, in.method = words[0], words[1], words[2]
			list = append(list, in)
		case word == "mapping" || strings.HasPrefix(word, "no-") || word == "rename" || word == "template":
			in = nil
		case in != nil:
			in.lines = append(in.lines, l)
		}
	}
	return list, auto
}

// key is the name of a line's option in one form: '-' is '_' in those of bonds.
func (l line) key() string {
	k := l.words[0]
	if strings.HasPrefix(k, "bond-") || strings.HasPrefix(k, "bond_") {
		return strings.ReplaceAll(k, "-", "_")
	}
	return k
}

// value is the rest of the line.
func (l line) value() string { return strings.Join(l.words[1:], " ") }

// get is the last line with one of the names; without words if there is none.
func (s *stanza) get(keys ...string) line {
	var found line
	for _, l := range s.lines {
		for _, k := range keys {
			if l.key() == k && len(l.words) > 1 {
				found = l
			}
		}
	}
	return found
}
