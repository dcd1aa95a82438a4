package ifupdown

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// stanza is one `iface NAME FAMILY METHOD` with the lines below it.
type stanza struct {
	head                 line
	name, family, method string
	heirs                []string // names of stanzas whose lines it has, too
	template             bool     // it makes no interface
	lines                []line
	own                  int // how many of lines are its own, behind those it has from others
}

// file is all stanzas of a configuration.
type file struct {
	stanzas []*stanza
	named   map[string][]*stanza
	auto    []line // auto and allow-… lines
	stray   []line // in no stanza
	boots   map[string]bool
	// patterns are the words of auto lines that are no plain names.
	patterns []string
}

// sort sorts lines into stanzas.
func (f *file) sort(lines []line) {
	f.named, f.boots = map[string][]*stanza{}, map[string]bool{}
	var in *stanza
	for _, l := range lines {
		switch word := l.words[0]; {
		case word == "auto" || strings.HasPrefix(word, "allow-"):
			f.auto = append(f.auto, l)
			f.atBoot(l)
			in = nil
		case word == "iface" || word == "template":
			in = newStanza(l)
			f.stanzas = append(f.stanzas, in)
			f.named[in.name] = append(f.named[in.name], in)
		case word == "mapping" || word == "rename" || strings.HasPrefix(word, "no-auto-down") || word == "no-scripts":
			f.stray = append(f.stray, l)
			in = nil
			if word == "mapping" {
				in = &stanza{head: l} // whose lines are a mapping's
			}
		case in != nil:
			in.lines = append(in.lines, l)
		default:
			f.stray = append(f.stray, l)
		}
	}
}

func newStanza(l line) *stanza {
	s := &stanza{head: l, template: l.words[0] == "template"}
	if len(l.words) > 1 {
		s.name = l.words[1]
	}
	rest := l.words[min(2, len(l.words)):]
	if i := slices.Index(rest, "inherits"); i >= 0 {
		s.heirs = rest[i+1:]
		rest = rest[:i]
	}
	if len(rest) > 0 {
		s.family = rest[0]
	}
	if len(rest) > 1 {
		s.method = rest[1]
	}
	return s
}

// inherit puts the lines of the stanzas that one inherits from in front of its own.
// missing is told of those that aren't there.
func (f *file) inherit(wrong func(at line, name, why string)) {
	done := map[*stanza]bool{}
	total := 0
	var fill func(s *stanza, depth int)
	fill = func(s *stanza, depth int) {
		if done[s] || depth > maxDepth {
			return
		}
		done[s] = true
		s.own = len(s.lines)
		names := map[string]line{}
		var order []string
		for _, n := range s.heirs {
			names[n], order = s.head, append(order, n)
		}
		for _, l := range s.lines {
			if l.words[0] != "inherit" {
				continue
			}
			for _, n := range l.words[1:] {
				names[n], order = l, append(order, n)
			}
			l.Fate = ifcfg.Applied
		}
		var before []line
		for _, n := range order {
			found := false
			for _, o := range f.named[n] {
				if o == s {
					continue
				}
				fill(o, depth+1)
				o.template = o.template || !f.brought(n)
				if total += len(o.lines); total > maxLines {
					wrong(names[n], n, fmt.Sprintf("more than %d lines are inherited", maxLines))
					return
				}
				before = append(before, o.lines...)
				if s.method == "" {
					s.family, s.method = o.family, o.method
				}
				found = true
			}
			if !found {
				wrong(names[n], n, "there is no such iface stanza")
			}
		}
		s.lines = append(before, s.lines...)
	}
	for _, s := range f.stanzas {
		fill(s, 0)
	}
}

// atBoot takes the names of an auto line.
func (f *file) atBoot(l line) {
	if strings.HasPrefix(l.words[0], "allow-bond") {
		return // together with that bond
	}
	for _, w := range l.words[1:] {
		if f.boots[w] = true; strings.ContainsAny(w, "/[*?") {
			f.patterns = append(f.patterns, w)
		}
	}
}

// brought reports whether an interface is brought up at boot.
func (f *file) brought(name string) bool {
	return f.boots[name] || slices.ContainsFunc(f.patterns, func(p string) bool { return matches(p, name) })
}

// numbers is a range in ifupdown2's names: swp[1-4].
var numbers = regexp.MustCompile(`\[\d+-\d+\]`)

// matches reports whether a name in an auto line, which may be a pattern, means an
// interface.
func matches(pattern, name string) bool {
	if pattern == name {
		return true
	}
	glob, isPattern := strings.CutPrefix(pattern, "/")
	if isPattern { // /GLOB/N is the Nth of them
		glob, _, _ = strings.Cut(glob, "/")
	} else if numbers.MatchString(pattern) {
		names, err := ranged(pattern)
		return err == nil && slices.Contains(names, name)
	} else if !strings.ContainsAny(pattern, "*?") {
		return false
	}
	ok, err := path.Match(glob, name)
	return ok && err == nil
}

// key is the name of a line's option in one form: '-' is '_' in those of bonds,
// bridges and VLANs.
func (l line) key() string {
	k := l.words[0]
	if lower := strings.ToLower(k); strings.HasPrefix(lower, "bond") { // as in the names that scripts see
		k = lower
	}
	for _, p := range []string{"bond", "bridge", "vlan"} {
		if strings.HasPrefix(k, p+"-") || strings.HasPrefix(k, p+"_") {
			return strings.ReplaceAll(k, "-", "_")
		}
	}
	return k
}

// value is the rest of the line.
func (l line) value() string { return strings.Join(l.words[1:], " ") }

// all are the lines with one of the names and a value.
func (s *stanza) all(keys ...string) []line {
	var found []line
	for _, l := range s.lines {
		if len(l.words) > 1 && slices.Contains(keys, l.key()) {
			found = append(found, l)
		}
	}
	return found
}

// get is the last of them; without words if there is none.
func (s *stanza) get(keys ...string) line {
	if found := s.all(keys...); len(found) > 0 {
		return found[len(found)-1]
	}
	return line{}
}

// option is the name of a bond's option in a line: "mode" of bond-mode.
func (l line) option() (string, bool) {
	name, ok := strings.CutPrefix(l.key(), "bond_")
	return name, ok
}
