package ifupdown

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/tapbond/tapbond/internal/ifcfg"
)

// maxPorts bounds what a list of slaves means.
const maxPorts = 1024

// slaveKeys are the lines that list a bond's slaves.
var slaveKeys = []string{"slaves", "bond_slaves", "bond_members", "bond_ports"}

// ports reads a list of slaves: names, `none`, `all`, and ifupdown2's `glob swp1-4`
// and `regex (swp[12])`.
func ports(bond string, l line) (names []string, patterns []*ifcfg.Slave, err error) {
	kind := ""
	for _, w := range l.words[1:] {
		switch {
		case w == "glob" || w == "regex":
			kind = w
		case w == "noglob" || w == "noregex":
			kind = ""
		case w == "none":
		case kind == "regex":
			re, err := regexp.Compile(w + "$")
			if err != nil {
				return nil, nil, fmt.Errorf("regex %s: %w", w, err)
			}
			patterns = append(patterns, ifcfg.NewSlaves(bond, "regex "+w, re.MatchString, l.Pos))
		case w == "all": // as Debian's script has it: what begins with eth
			patterns = append(patterns, ifcfg.NewSlaves(bond, w, func(n string) bool { return strings.HasPrefix(n, "eth") }, l.Pos))
		case strings.ContainsAny(w, "*?"):
			if _, err := path.Match(w, ""); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", w, err)
			}
			patterns = append(patterns, ifcfg.NewSlaves(bond, w, func(n string) bool { ok, _ := path.Match(w, n); return ok }, l.Pos))
		case kind == "glob" || numbers.MatchString(w):
			more, err := ranged(w)
			if err != nil {
				return nil, nil, err
			}
			names = append(names, more...)
		default:
			names = append(names, strings.Trim(w, `"',`))
		}
		if len(names) > maxPorts {
			return nil, nil, fmt.Errorf("more than %d slaves", maxPorts)
		}
	}
	return names, patterns, nil
}

var (
	twoRanges = regexp.MustCompile(`^([A-Za-z0-9-]+)\[(\d+)-(\d+)\]([A-Za-z0-9-]+)\[(\d+)-(\d+)\](.*)$`)
	oneRange  = regexp.MustCompile(`^([A-Za-z0-9-]*[A-Za-z-])\[?(\d+)-(\d+)\]?(\..*)?$`)
)

// ranged returns the names of a range: swp1-4, swp[1-4].100, swp[1-2]s[0-3].
func ranged(text string) ([]string, error) {
	if m := twoRanges.FindStringSubmatch(text); m != nil {
		outer, err := count(m[1], m[2], m[3], "")
		var out []string
		for _, o := range outer {
			inner, err := count(o+m[4], m[5], m[6], m[7])
			if err != nil || len(out)+len(inner) > maxPorts {
				return nil, fmt.Errorf("%s: is no range of names", text)
			}
			out = append(out, inner...)
		}
		return out, err
	}
	m := oneRange.FindStringSubmatch(text)
	if m == nil {
		return []string{text}, nil // as for ifupdown2: a name
	}
	return count(m[1], m[2], m[3], m[4])
}

func count(before, from, to, after string) ([]string, error) {
	a, err := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if err != nil || err2 != nil || b < a || b-a > maxPorts {
		return nil, fmt.Errorf("%s%s-%s%s: is no range of names", before, from, to, after)
	}
	var out []string
	for i := a; i <= b; i++ {
		out = append(out, fmt.Sprintf("%s%d%s", before, i, after))
	}
	return out, nil
}
