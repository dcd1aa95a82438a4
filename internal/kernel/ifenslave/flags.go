package ifenslave

import (
	"fmt"
	"strings"
)

// flags of a command line, by their letters.
type flags struct {
	all, change, detach, force, help, usage, verbose, version bool
	names                                                     []string // the master, its slaves
}

// longNames of the flags.
var longNames = map[string]rune{
	"all-interfaces": 'a', "change-active": 'c', "detach": 'd', "force": 'f', "help": 'h', "usage": 'u', "verbose": 'v', "version": 'V',
}

// parse reads a command line: flags anywhere, of which all but -v exclude each
// other.
func parse(args []string) (*flags, error) {
	f := &flags{}
	exclusive := 0
	set := func(c rune) error {
		into := map[rune]*bool{'a': &f.all, 'c': &f.change, 'd': &f.detach, 'f': &f.force, 'h': &f.help, 'u': &f.usage, 'v': &f.verbose, 'V': &f.version}[c]
		if into == nil {
			return fmt.Errorf("invalid option -- '%c'", c)
		}
		*into = true
		if c != 'v' {
			exclusive++
		}
		return nil
	}
	for i, arg := range args {
		var err error
		word, long := strings.CutPrefix(arg, "--")
		switch {
		case arg == "--":
			f.names = append(f.names, args[i+1:]...)
		case long:
			var c rune
			if c, err = longFlag(word); err == nil {
				err = set(c)
			}
		case len(arg) > 1 && arg[0] == '-':
			for _, c := range arg[1:] {
				if err == nil {
					err = set(c)
				}
			}
		default:
			f.names = append(f.names, arg)
		}
		if err != nil {
			return nil, err
		}
		if arg == "--" {
			break
		}
	}
	if exclusive > 1 {
		return nil, fmt.Errorf("options exclude each other")
	}
	return f, nil
}

// longFlag is the letter of a long name, or of an unambiguous beginning of one.
func longFlag(word string) (rune, error) {
	var found []rune
	for name, c := range longNames {
		if name == word {
			return c, nil
		}
		if strings.HasPrefix(name, word) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("unrecognized option '--%s'", word)
	}
	return found[0], nil
}
