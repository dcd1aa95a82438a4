package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/policy"
)

var update = flag.Bool("update", false, "write docs/options.md")

// docsRoot is the repository, seen from here.
const docsRoot = "../.."

// page is one Markdown file.
type page struct {
	path string // from docsRoot
	text string
}

func pages(t *testing.T) (all []page) {
	t.Helper()
	err := filepath.WalkDir(docsRoot, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != docsRoot && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(docsRoot, path)
		all = append(all, page{rel, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d pages", len(all))
	}
	return all
}

// code returns what stands in code blocks, indented or fenced, and between
// backticks, as lines.
func (p page) code() (lines []string) {
	fenced, item := false, false
	for line := range strings.Lines(p.text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    ") && !item:
			lines = append(lines, strings.TrimSpace(line))
		default:
			// Lines below an item are indented too.
			if strings.HasPrefix(line, "- ") || line != "" && line[0] >= '0' && line[0] <= '9' {
				item = true
			} else if line != "" && !strings.HasPrefix(line, " ") {
				item = false
			}
			for i, part := range strings.Split(line, "`") {
				if i%2 == 1 {
					lines = append(lines, part)
				}
			}
		}
	}
	return lines
}

var (
	linkIn   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fence    = regexp.MustCompile("(?ms)^```.*?^```")
	noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names that a page's headings can be linked to by.
func (p page) anchors() (all []string) {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		name := noAnchor.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

func TestDocsLinks(t *testing.T) {
	all := pages(t)
	byPath := map[string]page{}
	for _, p := range all {
		byPath[p.path] = p
	}
	for _, p := range all {
		for _, m := range linkIn.FindAllStringSubmatch(p.text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			to := p.path
			if file != "" {
				to = filepath.Join(filepath.Dir(p.path), file)
			}
			if _, err := os.Stat(filepath.Join(docsRoot, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", p.path, m[1])
			} else if q, ok := byPath[to]; anchor != "" && ok && !slices.Contains(q.anchors(), anchor) {
				t.Errorf("%s: %s: there is no such heading", p.path, m[1])
			}
		}
	}
}

// A page in docs that isn't in its index will not be found.
func TestDocsIndex(t *testing.T) {
	all := pages(t)
	for _, p := range all {
		dir, name := filepath.Split(p.path)
		index := slices.IndexFunc(all, func(q page) bool { return q.path == dir+"README.md" })
		if !strings.HasPrefix(p.path, "docs/") || name == "README.md" || index < 0 {
			continue
		}
		if !strings.Contains(all[index].text, "]("+name+")") {
			t.Errorf("%s is not in %sREADME.md", p.path, dir)
		}
	}
}

// commandIn finds what follows the program's name in a line: the start of a line,
// a prompt, or a path in front of it, so that prose and log lines don't count.
var commandIn = regexp.MustCompile(`(?:^|[$#;&|(] ?|exec \S+ |sudo |unshare (?:-\S+ )*)(?:\S*/)?tapbond ([a-z][^|;&#<>)]*)`)

func TestDocsCommands(t *testing.T) {
	root := rootCmd()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	checked := 0
	for _, p := range pages(t) {
		for _, line := range p.code() {
			for _, m := range commandIn.FindAllStringSubmatch(line, -1) {
				checked++
				if err := checkCommand(root, strings.Fields(m[1])); err != nil {
					t.Errorf("%s: %s: %v", p.path, line, err)
				}
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d commands found", checked)
	}
}

// checkCommand: there is such a command, and it has the flags.
func checkCommand(root *cobra.Command, words []string) error {
	cmd := root
	for len(words) > 0 {
		i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == words[0] || c.HasAlias(words[0]) })
		if i < 0 {
			break
		}
		cmd, words = cmd.Commands()[i], words[1:]
	}
	if cmd == root {
		return fmt.Errorf("there is no command %q", words[0])
	}
	if cmd.HasSubCommands() && len(words) > 0 && !cmd.Runnable() && words[0] == strings.ToLower(words[0]) && !strings.HasPrefix(words[0], "-") {
		return fmt.Errorf("%s has no %q", cmd.CommandPath(), words[0])
	}
	if cmd.DisableFlagParsing {
		return nil // it reads them as the program does that it stands for
	}
	cmd.InitDefaultHelpFlag()
	for _, w := range words {
		w = strings.Trim(w, "[],")
		name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		var f *pflag.Flag
		switch {
		case strings.HasPrefix(w, "--") && name != "":
			if f = cmd.Flag(name); f == nil {
				f = cmd.InheritedFlags().Lookup(name)
			}
		case strings.HasPrefix(w, "-") && len(name) == 1:
			if f = cmd.Flags().ShorthandLookup(name); f == nil {
				f = cmd.InheritedFlags().ShorthandLookup(name)
			}
		default:
			continue
		}
		if f == nil {
			return fmt.Errorf("%s has no %s", cmd.CommandPath(), w)
		}
	}
	return nil
}

// optionRow is a row of a table of options: its first cell names some.
var optionRow = regexp.MustCompile("(?m)^\\| *((?:`[a-z0-9_]+`(?: of a slave)?(?:[ ,=(]| …)*(?: to )?)+)[^|]*\\|")

// The tables of options on the modes' pages name options, and those that the
// mode has.
func TestDocsModes(t *testing.T) {
	all := pages(t)
	for mode := policy.BalanceRR; mode <= policy.BalanceALB; mode++ {
		path := "docs/modes/" + mode.String() + ".md"
		i := slices.IndexFunc(all, func(p page) bool { return p.path == path })
		if i < 0 {
			t.Errorf("%s is missing", path)
			continue
		}
		_, text, ok := strings.Cut(all[i].text, "## Options that matter")
		text, _, _ = strings.Cut(text, "\n## ")
		if !ok {
			t.Errorf("%s has no table of options", path)
		}
		named := 0
		for _, m := range optionRow.FindAllStringSubmatch(text, -1) {
			for i, name := range strings.Split(m[1], "`") {
				if i%2 == 0 {
					continue
				}
				named++
				if o := option.ByName(name); o == nil {
					t.Errorf("%s: there is no option %s", path, name)
				} else if !o.Modes.Has(uint32(mode)) {
					t.Errorf("%s: %s is not for this mode", path, name)
				}
			}
		}
		if named < 3 {
			t.Errorf("%s names %d options", path, named)
		}
	}
}

func TestDocsOptions(t *testing.T) {
	want := optionsPage()
	path := filepath.Join(docsRoot, "docs/options.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("docs/options.md is not what the program knows (%v): go test ./cmd/tapbond -run DocsOptions -update", err)
	}
}

// optionsPage is docs/options.md.
func optionsPage() string {
	var b strings.Builder
	b.WriteString(`# Options

Every option of a bond and of its slaves. ` + "`tapbond options NAME`" + ` says the same. This
page is generated from the table that the program itself goes by.

Options are set when a bond is made, or later, all of a request or none of it:

    tapbond ip link add bond0 type bond mode active-backup miimon 100
    tapbond ip link set bond0 type bond updelay 200
    tapbond ip link set eth1 type bond_slave prio 10
    tapbond set bond0 updelay 200 num_grat_arp 3

Values are written by name or by number. "down" means that the bond must be
administratively down, "empty" that it must have no slaves. miimon and arp_interval turn
each other off. The delays must be multiples of miimon, or are rounded down to
one, and follow it when it changes.
`)
	for _, scope := range []option.Scope{option.ScopeBond, option.ScopeSlave} {
		fmt.Fprintf(&b, "\n## %s\n\n| option | values | default | modes | when | |\n|---|---|---|---|---|---|\n",
			map[option.Scope]string{option.ScopeBond: "Of a bond", option.ScopeSlave: "Of a slave"}[scope])
		for _, o := range option.All() {
			if o.Scope == scope {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", optionNames(o), optionValues(o), optionDefault(o), optionModes(o), optionWhen(o), optionHelp(o))
			}
		}
	}
	return b.String()
}

func optionNames(o *option.Option) string {
	names := "`" + o.Name + "`"
	if o.IPName != "" && o.IPName != o.Name {
		names += ", ip: `" + o.IPName + "`"
	}
	for _, a := range o.Aliases {
		names += ", `" + a + "`"
	}
	return names
}

func optionValues(o *option.Option) string {
	var names []string
	for _, v := range o.Values {
		if !v.Internal {
			names = append(names, fmt.Sprintf("%s (%d)", v.Name, v.N))
		}
	}
	if len(names) > 0 {
		return strings.Join(names, ", ")
	}
	if o.Max > 0 {
		return strings.TrimSpace(fmt.Sprintf("%d to %d %s", o.Min, o.Max, o.Unit))
	}
	return ""
}

func optionDefault(o *option.Option) string {
	if o.Raw {
		return ""
	}
	return defaultOf(o)
}

func optionModes(o *option.Option) string {
	if o.Modes == option.AllModes {
		return "all"
	}
	var numbers []string
	for m := range uint32(7) {
		if o.Modes.Has(m) {
			numbers = append(numbers, fmt.Sprint(m))
		}
	}
	return strings.Join(numbers, " ")
}

func optionWhen(o *option.Option) string {
	switch o.When {
	case option.Down:
		return "down"
	case option.Empty:
		return "empty"
	case option.Down | option.Empty:
		return "down, empty"
	}
	return "any"
}

func optionHelp(o *option.Option) string {
	switch o.Since {
	case "":
		return o.Help
	case "tapbond":
		return o.Help + " (tapbond's own)"
	}
	return o.Help + " (Linux " + o.Since + ")"
}

// Troubleshooting has a row for every reason of a drop and every diagnosis of LACP.
func TestDocsWords(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(docsRoot, "docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for r := policy.None + 1; r < policy.NumReasons; r++ {
		words = append(words, r.String())
	}
	source, err := os.ReadFile(filepath.Join(docsRoot, "lacp/why.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Why\w+ +Why = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		words = append(words, m[1])
	}
	if len(words) < 40 {
		t.Errorf("found only %d words", len(words))
	}
	for _, w := range words {
		if !regexp.MustCompile("(?m)^\\| [^|]*`" + w + "`").Match(text) {
			t.Errorf("docs/troubleshooting.md has no row for %s", w)
		}
	}
}
