package ifupdown

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// effect is what one command does; ours is false if it isn't about bonding.
func (s *script) effect(words []string, into string) (e effect, ours bool, wrong string) {
	for len(words) > 1 && slices.Contains([]string{"sudo", "tapbond", "busybox", "command", "exec"}, path.Base(words[0])) {
		words = words[1:]
	}
	switch path.Base(words[0]) {
	case "modprobe", "insmod":
		return s.modprobe(words)
	case "rmmod":
		return effect{bare: true}, about.MatchString(strings.Join(words, " ")), ""
	case "ifenslave", "ifenslave-2.6":
		return ifenslave(words)
	case "ip":
		return ipLink(words)
	case "echo", "printf":
		return written(words, into)
	case "true", ":", "[", "test", "sleep", "udevadm":
		return effect{bare: true}, true, ""
	case "ifconfig":
		if len(words) == 3 && slices.Contains([]string{"up", "down", "0.0.0.0"}, words[2]) || len(words) == 4 && words[2] == "0.0.0.0" && words[3] == "up" {
			return effect{bare: true}, true, ""
		}
	}
	return effect{}, false, ""
}

// modprobe reads a command that loads the module with parameters.
func (s *script) modprobe(words []string) (e effect, ours bool, wrong string) {
	var names []string
	e = effect{module: true}
	for i := 1; i < len(words); i++ {
		w := words[i]
		name, value, isParam := strings.Cut(w, "=")
		switch {
		case w == "-o" || w == "--name":
			if i++; i < len(words) {
				e.bond, e.module = words[i], false
			}
		case w == "-r" || w == "--remove":
			return effect{bare: true}, about.MatchString(strings.Join(words, " ")), ""
		case strings.HasPrefix(w, "-"):
		case isParam:
			e.opts = append(e.opts, option.Assign{Option: strings.ReplaceAll(name, "-", "_"), Value: strings.Trim(value, `"`)})
		default:
			names = append(names, module(w))
		}
	}
	for _, n := range names {
		switch {
		case n == "bonding":
			e.bare = len(e.opts) == 0
			return e, true, ""
		case slices.Contains(s.aliases, n) || bondName.MatchString(n):
			if e.bond == "" {
				e.bond, e.module = n, false
			}
			e.bare = len(e.opts) == 0
			return e, true, ""
		}
	}
	return effect{}, false, ""
}

// module is the name of a module in the words of modprobe and insmod.
func module(word string) string {
	name, _, _ := strings.Cut(path.Base(word), ".ko")
	return name
}

// bondName is how bonds are mostly called.
var bondName = regexp.MustCompile(`^bond\d+$`)

// ifenslave reads the old program's command.
func ifenslave(words []string) (e effect, ours bool, wrong string) {
	var names []string
	active := false
	for _, w := range words[1:] {
		switch {
		case w == "-d" || w == "--detach":
			e.bare = true
		case w == "-c" || w == "--change-active":
			active = true
		case !strings.HasPrefix(w, "-"):
			names = append(names, w)
		}
	}
	switch {
	case e.bare:
		return e, true, ""
	case len(names) == 0:
		return e, true, "ifenslave: the bond is missing"
	case active && len(names) == 2:
		return effect{bond: names[0], opts: []option.Assign{{Option: "active_slave", Value: names[1]}}}, true, ""
	case len(names) == 1:
		return effect{bond: names[0], bare: true}, true, ""
	}
	return effect{bond: names[0], slaves: names[1:]}, true, ""
}

// sysfs is a bond's file.
var sysfs = regexp.MustCompile(`^/sys/class/net/([^/]+)/bonding/([a-z0-9_]+)$`)

// written reads an echo into a file of /sys.
func written(words []string, into string) (e effect, ours bool, wrong string) {
	words = slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return w == "-n" || w == "-e" || w == `%s\n` || w == "%s" })
	value := strings.TrimSpace(strings.Join(words, " "))
	if into == "/sys/class/net/bonding_masters" {
		if name, plus := strings.CutPrefix(value, "+"); plus {
			return effect{bond: name, bare: true}, true, ""
		}
		return effect{bare: true}, true, ""
	}
	m := sysfs.FindStringSubmatch(into)
	switch {
	case m == nil:
		return e, false, ""
	case m[2] == "slaves" && strings.HasPrefix(value, "+"):
		return effect{bond: m[1], slaves: []string{value[1:]}}, true, ""
	case m[2] == "slaves":
		return effect{bare: true}, true, ""
	}
	return effect{bond: m[1], opts: []option.Assign{{Option: m[2], Value: value}}}, true, ""
}

// ipLink reads the ip command's words about bonds.
func ipLink(words []string) (e effect, ours bool, wrong string) {
	words = slices.DeleteFunc(slices.Clone(words[1:]), func(w string) bool { return strings.HasPrefix(w, "-") })
	if len(words) < 3 || !strings.HasPrefix("link", words[0]) || len(words[0]) > 4 {
		return e, false, ""
	}
	verb, words := words[1], words[2:]
	if words[0] == "dev" || words[0] == "name" {
		words = words[1:]
	}
	if len(words) == 0 {
		return e, false, ""
	}
	name, rest := words[0], words[1:]
	if strings.HasPrefix("delete", verb) && len(verb) > 1 {
		return effect{bare: true}, bondName.MatchString(name), ""
	}
	kind := slices.Index(rest, "type")
	if kind >= 0 && kind+1 < len(rest) && rest[kind+1] == "bond" {
		opts, more, err := option.ParseWords(rest[kind+2:])
		if err != nil || len(more) > 0 {
			return e, true, fmt.Sprintf("ip link %s %s: %v", verb, name, err)
		}
		return effect{bond: name, opts: opts, bare: len(opts) == 0}, true, ""
	}
	if i := slices.Index(rest, "master"); verb == "set" && i >= 0 && i+1 < len(rest) {
		return effect{bond: rest[i+1], slaves: []string{name}, weak: true}, true, ""
	}
	plain := !slices.ContainsFunc(rest, func(w string) bool { return w != "up" && w != "down" && w != "nomaster" })
	return effect{bare: true}, verb == "set" && len(rest) > 0 && plain, ""
}
