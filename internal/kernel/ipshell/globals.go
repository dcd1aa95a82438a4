package ipshell

import "strings"

// globals are the options in front of the object.
type globals struct {
	all     []string // as they were given, without -netns and -batch
	netns   string
	batch   string
	force   bool
	json    bool
	pretty  bool
	oneline bool
	brief   bool
	details bool
	other   bool // something that makes it not a plain question or change: -V, -help, -all
}

// globalOptions in the order in which ip tries them: it takes the first one
// that begins as the word does.
var globalOptions = []struct {
	name string
	arg  bool
	set  func(g *globals, arg string)
}{
	{"loops", true, nil}, {"family", true, nil}, {"4", false, nil}, {"6", false, nil}, {"0", false, nil}, {"M", false, nil}, {"B", false, nil},
	{"human", false, nil}, {"human-readable", false, nil}, {"iec", false, nil}, {"stats", false, nil}, {"statistics", false, nil},
	{"details", false, func(g *globals, _ string) { g.details = true }},
	{"resolve", false, nil},
	{"oneline", false, func(g *globals, _ string) { g.oneline = true }},
	{"timestamp", false, nil}, {"tshort", false, nil},
	{"Version", false, func(g *globals, _ string) { g.other = true }},
	{"force", false, func(g *globals, _ string) { g.force = true }},
	{"batch", true, func(g *globals, arg string) { g.batch = arg }},
	{"brief", false, func(g *globals, _ string) { g.brief = true }},
	{"json", false, func(g *globals, _ string) { g.json = true }},
	{"rcvbuf", true, nil},
	{"color", false, nil},
	{"help", false, func(g *globals, _ string) { g.other = true }},
	{"netns", true, func(g *globals, arg string) { g.netns = arg }},
	{"Numeric", false, nil},
	{"all", false, func(g *globals, _ string) { g.other = true }},
	{"echo", false, nil},
	{"pretty", false, func(g *globals, _ string) { g.pretty = true }},
}

// parseGlobals splits a command line into options and the rest. ok is false if
// the installed ip must be asked what is wrong.
func parseGlobals(args []string) (g globals, rest []string, ok bool) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		word := args[0]
		if word == "--" {
			return g, args[1:], true
		}
		opt := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
		opt, _, _ = strings.Cut(opt, "=") // -color=auto
		if opt == "c" {
			opt = "color"
		}
		used := 0
		for _, o := range globalOptions {
			if opt == "" || !strings.HasPrefix(o.name, opt) {
				continue
			}
			used = 1
			arg := ""
			if o.arg {
				if len(args) < 2 {
					return g, nil, false
				}
				used, arg = 2, args[1]
			}
			if o.set != nil {
				o.set(&g, arg)
			}
			if o.name != "netns" && o.name != "batch" && o.name != "color" {
				g.all = append(g.all, args[:used]...)
			}
			break
		}
		if used == 0 {
			return g, nil, false
		}
		args = args[used:]
	}
	return g, args, true
}

// match tells whether word is short for name, as ip has it.
func match(word, name string) bool { return word != "" && strings.HasPrefix(name, word) }
