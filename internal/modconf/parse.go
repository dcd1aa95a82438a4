package modconf

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// line is one logical line: its words, each with the line it stands in.
type line struct {
	file  string
	words []word
}

type word struct {
	text string
	line int
}

func (l line) at(i int) int { return l.words[min(i, len(l.words)-1)].line }

// text returns the words from the nth on, as for a message.
func (l line) text(n int) string {
	var out []string
	for _, w := range l.words[min(n, len(l.words)):] {
		out = append(out, w.text)
	}
	return strings.Join(out, " ")
}

// split cuts a file into logical lines: a backslash at its end continues a line,
// # at its beginning makes a comment (a continued one too, as for modprobe).
// Double quotes keep blanks in a word, and are dropped.
func split(file, data string) []line {
	var lines []line
	open, comment := false, false // the last line goes on; it is a comment
	for i, text := range strings.Split(data, "\n") {
		text, more := strings.CutSuffix(strings.TrimSuffix(text, "\r"), `\`)
		if !open {
			comment = strings.HasPrefix(strings.TrimSpace(text), "#")
			lines = append(lines, line{file: file})
		}
		open = more
		if comment {
			continue
		}
		l := &lines[len(lines)-1]
		for _, w := range fields(text) {
			l.words = append(l.words, word{w, i + 1})
		}
	}
	return slices.DeleteFunc(lines, func(l line) bool { return len(l.words) == 0 })
}

// fields cuts at blanks that are not quoted.
func fields(text string) []string {
	var out []string
	var b strings.Builder
	inWord, quoted := false, false
	for _, r := range text {
		switch {
		case r == '"':
			quoted, inWord = !quoted, true
		case !quoted && (r == ' ' || r == '\t'):
			if inWord {
				out = append(out, b.String())
				b.Reset()
			}
			inWord = false
		default:
			b.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		out = append(out, b.String())
	}
	return out
}

// bondName is a name that can hardly be another module's.
var bondName = regexp.MustCompile(`^bond\d+$`)

// parse takes from lines what is about bonding. Aliases first: an options line
// may come before the alias it is for.
func parse(lines []line) (*Config, error) {
	c := &Config{}
	for _, l := range lines {
		switch l.words[0].text {
		case "alias":
			c.alias(l)
		case "install":
			c.installAlias(l)
		}
	}
	for _, l := range lines {
		if err := c.directive(l); err != nil {
			return nil, err
		}
		// alias bond0 bonding options bond0 mode=1: two lines that became one.
		if len(l.words) > 4 && l.words[0].text == "alias" && l.words[3].text == "options" {
			if err := c.directive(line{l.file, l.words[3:]}); err != nil {
				return nil, err
			}
		} else if len(l.words) > 3 && l.words[0].text == "alias" && c.ours(l) {
			c.note(l, "what stands behind the module has no effect")
		}
	}
	return c, nil
}

func (c *Config) alias(l line) {
	if len(l.words) > 2 && underscored(l.words[2].text) == Module {
		c.add(l.words[1].text)
	}
}

// ours tells whether a directive is about bonding.
func (c *Config) ours(l line) bool { return len(l.words) > 1 && c.Means(l.words[1].text) }

func (c *Config) directive(l line) error {
	if l.words[0].text == "include" {
		c.include(l)
		return nil
	}
	if !c.ours(l) {
		if l.words[0].text == "options" && len(l.words) > 2 && bondName.MatchString(l.words[1].text) {
			c.note(l, "without effect: no line makes that name the module's; `alias "+l.words[1].text+" bonding` would")
		}
		return nil
	}
	switch name := l.words[1].text; l.words[0].text {
	case "alias":
		return c.checkAlias(l)
	case "options":
		if len(l.words) < 3 {
			return bad(l, 1, "options %s: no options follow", name)
		}
		return c.addOptions(l, name, 2)
	case "blacklist":
		if c.blacklist == nil && underscored(name) == Module {
			c.blacklist = &Note{l.file, l.at(0), "blacklist bonding"}
		}
	case "install":
		if i := ownInstall(l); i > 0 {
			return c.addOptions(l, name, i)
		}
		if own, ok := moduleInstall(l); ok {
			return c.addOptions(own, name, 2)
		}
		if loadsWith(l) {
			return bad(l, 2, "install %s: the options of this command can't be read; put them on a line `options bonding …`", name)
		}
		c.note(l, "bonding is not loaded by a command here")
	case "remove":
		c.note(l, "bonding is not removed by a command here")
	case "softdep", "weakdep":
		c.note(l, "other modules are not loaded with bonding here")
	case "pre-install", "post-install", "pre-remove", "post-remove", "above", "below", "probe", "probeall", "keep", "prune", "path":
		c.note(l, "is a word of older tools, without effect here")
	default:
		return bad(l, 0, "%q is not known to modprobe: want alias, options, install, remove, blacklist or softdep", l.words[0].text)
	}
	return nil
}

// checkAlias looks at lines whose alias stands for bonding somewhere.
func (c *Config) checkAlias(l line) error {
	switch {
	case len(l.words) < 3:
		return bad(l, 1, "alias %s: no module follows", l.words[1].text)
	case underscored(l.words[2].text) != Module:
		c.note(l, "another line makes it bonding's")
	}
	if _, err := path.Match(l.words[1].text, ""); err != nil {
		return bad(l, 1, "alias %s: bad pattern", l.words[1].text)
	}
	return nil
}

// addOptions takes the words from the nth on as NAME=VALUE of name.
func (c *Config) addOptions(l line, name string, n int) error {
	out := optionsLine{of: name}
	for i := n; i < len(l.words); i++ {
		w := l.words[i]
		if w.text == "-o" { // of older tools: the name that it is loaded under
			i++
			continue
		}
		if strings.HasPrefix(w.text, "#") {
			c.notes = append(c.notes, Note{l.file, w.line, fmt.Sprintf("options %s: %q and what follows is ignored here; modprobe would take it for options", name, w.text)})
			break
		}
		key, value, ok := strings.Cut(w.text, "=")
		if !ok || key == "" || value == "" {
			return bad(l, i, "options %s: %q: want NAME=VALUE, without blanks", name, w.text)
		}
		if guard(l.file, name, w.text) {
			c.notes = append(c.notes, Note{l.file, w.line, "max_bonds=0 is not followed: it keeps a bond0 away that nobody asked for when something makes a bond, and nothing does here"})
			continue
		}
		out.options = append(out.options, Option{Name: underscored(key), Value: value, File: l.file, Line: w.line})
	}
	c.options = append(c.options, out)
	return nil
}

// guard: systemd ships "options bonding max_bonds=0", because on a kernel the
// making of a first bond loads the module, and the module makes bond0. Here
// modprobe alone does that, and who calls it means it. In /etc the line counts.
func guard(file, name, text string) bool {
	return path.Base(file) == "systemd.conf" && strings.HasSuffix(path.Dir(file), "lib/modprobe.d") && underscored(name) == Module && text == "max_bonds=0"
}

// installAlias takes old recipes for the aliases they are:
//
//	install bond1 /sbin/modprobe --ignore-install bonding -o bond1 mode=1
//	install bond1 /sbin/modprobe -o bond1 --ignore-install bonding mode=1
//	install bond0 /sbin/modprobe -a eth0 eth1 && /sbin/modprobe bonding
//
// Of the second kind the rest has no effect.
func (c *Config) installAlias(l line) {
	if len(l.words) > 2 && !c.Means(l.words[1].text) && (ownInstall(l) > 0 || loads(l.words[2:]) || namesModule(l) && loadsWith(l)) {
		c.add(l.words[1].text)
	}
}

// namesModule reports whether a command has the module's name among its words.
func namesModule(l line) bool {
	return slices.ContainsFunc(l.words[2:], func(w word) bool { return w.text == Module })
}

// loads tells whether words of shell end in modprobe bonding.
func loads(words []word) bool {
	i := len(words) - 1
	if i < 1 || words[i].text != Module {
		return false
	}
	for i--; i > 0 && strings.HasPrefix(words[i].text, "-"); i-- {
	}
	return path.Base(words[i].text) == "modprobe"
}

// ownInstall returns where the options of such a line begin, 0 if it is another.
func ownInstall(l line) int {
	if len(l.words) < 4 || underscored(l.words[1].text) == Module || path.Base(l.words[2].text) != "modprobe" {
		return 0
	}
	i, module := 3, false
	for ; i < len(l.words) && (strings.HasPrefix(l.words[i].text, "-") || l.words[i].text == Module); i++ {
		switch l.words[i].text {
		case Module:
			module = true
		case "-o", "--name":
			i++
		}
	}
	if !module {
		return 0
	}
	for _, w := range l.words[min(i, len(l.words)):] {
		if !strings.Contains(w.text, "=") || strings.ContainsAny(w.text, ";&|$`<>") {
			return 0 // a shell's work
		}
	}
	return min(i, len(l.words))
}

// moduleInstall returns the line of options that such a line amounts to:
//
//	install bonding /sbin/modprobe --ignore-install bonding mode=1 $CMDLINE_OPTS
func moduleInstall(l line) (line, bool) {
	if len(l.words) < 4 || underscored(l.words[1].text) != Module || path.Base(l.words[2].text) != "modprobe" {
		return line{}, false
	}
	out := line{file: l.file, words: l.words[:2:2]}
	for _, w := range l.words[3:] {
		switch {
		case strings.HasPrefix(w.text, "-"), w.text == Module, w.text == "$CMDLINE_OPTS":
		case !strings.Contains(w.text, "=") || strings.ContainsAny(w.text, ";&|$`<>"):
			return line{}, false
		default:
			out.words = append(out.words, w)
		}
	}
	return out, true
}

// loadsWith reports whether a command has what may be parameters of bonding.
func loadsWith(l line) bool {
	return slices.ContainsFunc(l.words[2:], func(w word) bool {
		name, _, ok := strings.Cut(w.text, "=")
		return ok && (name == "mode" || name == "miimon" || name == "arp_interval")
	})
}

// include is an old directive; the usual one names what is read anyway.
func (c *Config) include(l line) {
	if len(l.words) > 1 && strings.TrimSuffix(l.words[1].text, "/") != "/etc/modprobe.d" {
		c.note(l, "is not followed")
	}
}

func (c *Config) note(l line, why string) {
	c.notes = append(c.notes, Note{l.file, l.at(0), l.text(0) + ": " + why})
}

func bad(l line, i int, format string, args ...any) error {
	return &Error{l.file, l.at(i), fmt.Sprintf(format, args...)}
}
