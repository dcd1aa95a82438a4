package ipshell

import (
	"context"
	"io"
	"slices"
)

// show prints links or addresses with our bonds in them.
func (s *Shell) show(ctx context.Context, g *globals, object string, words []string) int {
	whole := func(words []string) []string { return slices.Concat(g.all, []string{object}, words) }
	p, err := s.look(ctx)
	if err != nil {
		return s.refused(err)
	}
	if len(p.bonds) == 0 {
		return s.real(ctx, whole(words)...)
	}
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "master" {
			words = slices.Clone(words)
			words[i+1] = s.ownName(p, words[i+1])
		}
	}
	asked, keep := p.filter(words)
	args := whole(asked)
	if g.pretty {
		args = slices.DeleteFunc(args, func(a string) bool { return len(a) > 1 && a[0] == '-' && match(trim(a), "pretty") })
	}
	out, errs, status := s.ask(ctx, args...)
	_, _ = s.Stderr.Write(errs)
	w := &weaver{picture: p, keep: keep}
	text := string(out)
	switch {
	case g.json:
		if text, err = w.json(out, g.pretty, g.details); err != nil {
			text = string(out) // no JSON: what ip printed instead
		}
	case g.brief:
		text = w.brief(text)
	default:
		text = w.text(text)
	}
	_, _ = io.WriteString(s.Stdout, text)
	return status
}

func trim(word string) string {
	if len(word) > 2 && word[1] == '-' {
		return word[2:]
	}
	return word[1:]
}

// filter takes out of a question what only we can answer: who belongs to a bond
// of ours and what is one. It returns the question for the installed ip, and
// which links of the answer to show.
func (p *picture) filter(words []string) (asked []string, keep func(name string) bool) {
	keep = func(string) bool { return true }
	and := func(cond func(name string) bool) {
		before := keep
		keep = func(name string) bool { return before(name) && cond(name) }
	}
	isBond := func(name string) bool { return p.bond(name) != nil }
	isSlave := func(name string) bool { _, sl := p.slave(name); return sl != nil }
	for i := 0; i < len(words); i++ {
		word, arg := words[i], ""
		if i+1 < len(words) {
			arg = words[i+1]
		}
		switch {
		case word == "master" && p.bond(arg) != nil:
			and(func(name string) bool { st, _ := p.slave(name); return st != nil && st.Name == arg })
			i++
		case word == "type" && arg == "bond":
			and(isBond)
			i++
		case word == "type" && arg == "bond_slave":
			and(isSlave)
			i++
		case word == "type" && (arg == "tun" || arg == "tuntap"):
			and(func(name string) bool { return !isBond(name) })
			asked = append(asked, word, arg)
			i++
		case word == "nomaster":
			and(func(name string) bool { return !isSlave(name) })
			asked = append(asked, word)
		default:
			asked = append(asked, word)
		}
	}
	return asked, keep
}
