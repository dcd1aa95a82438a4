package modshell

import (
	"fmt"
	"slices"
	"strings"
)

// flags are what was set on a command line.
type flags struct {
	set  map[string]string // by the long name; a flag without a value has ""
	rest []string          // words that are no flags
	kept []string          // the flags as they stood, for the installed command
}

func (f *flags) has(name string) bool { _, ok := f.set[name]; return ok }

// grammar of a command: its flags by their short letters, or alone; those with
// "=" take a value.
type grammar []string

var modprobeGrammar = grammar{
	"a all", "r remove", "remove-dependencies", "remove-holders", "w wait=", "first-time", "i ignore-install", "ignore-remove",
	"b use-blacklist", "f force", "force-modversion", "force-vermagic", "R resolve-alias", "D show-depends",
	"c showconfig", "show-config", "show-modversions", "dump-modversions", "show-exports", "n dry-run", "show",
	"C config=", "d dirname=", "S set-version=", "s syslog", "q quiet", "v verbose", "V version", "h help",
	"o name=", // of older ones
}

var insmodGrammar = grammar{"f force", "s syslog", "v verbose", "V version", "h help"}

var rmmodGrammar = grammar{"f force", "s syslog", "v verbose", "w wait", "V version", "h help"}

// lookup finds a flag by its letter or long name, or an unambiguous beginning
// of it.
func (g grammar) lookup(name string) (long string, value, ok bool) {
	var found []string
	for _, entry := range g {
		words := strings.Fields(entry)
		long, value := strings.CutSuffix(words[len(words)-1], "=")
		if words[0] == name && len(words) == 2 || long == name {
			return long, value, true
		}
		if len(name) > 1 && strings.HasPrefix(long, name) {
			found = append(found, long)
		}
	}
	if len(found) != 1 {
		return "", false, false
	}
	return found[0], slices.Contains(g.values(), found[0]), true
}

func (g grammar) values() (out []string) {
	for _, entry := range g {
		words := strings.Fields(entry)
		if long, ok := strings.CutSuffix(words[len(words)-1], "="); ok {
			out = append(out, long)
		}
	}
	return out
}

// parse reads a command line as getopt does: flags anywhere before "--".
func (g grammar) parse(args []string) (*flags, error) {
	f := &flags{set: map[string]string{}}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			f.rest = append(f.rest, args[i+1:]...)
			return f, nil
		case len(arg) < 2 || arg[0] != '-':
			f.rest = append(f.rest, arg)
			continue
		}
		f.kept = append(f.kept, arg)
		var missing string
		if word, ok := strings.CutPrefix(arg, "--"); ok {
			word, value, given := strings.Cut(word, "=")
			long, takes, ok := g.lookup(word)
			switch {
			case !ok || len(word) < 2:
				return nil, fmt.Errorf("unrecognized option '--%s'", word)
			case given && !takes:
				return nil, fmt.Errorf("option '--%s' doesn't allow an argument", long)
			case takes && !given:
				missing = long
			}
			f.set[long] = value
		} else {
			for j, c := range arg[1:] {
				long, takes, ok := g.lookup(string(c))
				if !ok {
					return nil, fmt.Errorf("invalid option -- '%c'", c)
				}
				f.set[long] = ""
				if takes {
					if f.set[long] = arg[j+2:]; f.set[long] == "" {
						missing = long
					}
					break
				}
			}
		}
		if missing == "" {
			continue
		}
		if i++; i == len(args) {
			return nil, fmt.Errorf("option '--%s' requires an argument", missing)
		}
		f.set[missing] = args[i]
		f.kept = append(f.kept, args[i])
	}
	return f, nil
}
