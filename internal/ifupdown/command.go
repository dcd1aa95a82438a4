package ifupdown

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/tapbond/tapbond/bond/option"
)

// Commands (up, pre-up …) are not run. But old files make their bonds by them, so
// those about bonding are read: modprobe, ifenslave, ip link, echo into /sys.

// effect is what one command does to bonds.
type effect struct {
	bond   string // "": every bond, as the module's parameters are
	opts   []option.Assign
	slaves []string
	module bool // options are the module's
	bare   bool // it does what is done anyway
	weak   bool // the master may be no bond
}

// outcome is what a line of commands comes to.
type outcome struct {
	effects []effect
	rest    []string // commands that have nothing to do with bonding
	unclear string   // why it can't be read, though it is about bonding
}

// about reports whether a command may be about bonding at all.
var about = regexp.MustCompile(`\bbonding\b|\bbonding_masters\b|\bifenslave\b|\btype\s+bond\b|\bmodprobe\s.*\bbond\d+\b|\bmaster\s+\S*bond`)

// maxCommand bounds a line of commands, in bytes.
const maxCommand = 4096

// script reads a line's commands. Nothing of it is run.
type script struct {
	vars    map[string]string // IFACE, and those of loops
	aliases []string
	steps   int // commands read so far, those of loops each time
	out     outcome
}

// commands reads the text of an up line in the stanza of iface.
func commands(text, iface string, aliases []string) outcome {
	if len(text) > maxCommand {
		if about.MatchString(text) {
			return outcome{unclear: fmt.Sprintf("is longer than %d bytes", maxCommand)}
		}
		return outcome{rest: []string{text[:maxCommand/10] + "…"}}
	}
	s := &script{vars: map[string]string{"IFACE": iface}, aliases: aliases}
	f, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		if about.MatchString(text) {
			return outcome{unclear: err.Error()}
		}
		return outcome{rest: []string{text}}
	}
	for _, stmt := range f.Stmts {
		s.stmt(stmt)
	}
	if s.out.unclear != "" && !about.MatchString(text) {
		return outcome{rest: []string{text}}
	}
	return s.out
}

func (s *script) cannot(format string, args ...any) {
	if s.out.unclear == "" {
		s.out.unclear = fmt.Sprintf(format, args...)
	}
}

func (s *script) stmt(st *syntax.Stmt) {
	if s.steps++; s.steps > maxLines {
		s.cannot("more than %d commands", maxLines)
		return
	}
	switch c := st.Cmd.(type) {
	case *syntax.CallExpr:
		s.call(st, c)
	case *syntax.BinaryCmd:
		if c.Op != syntax.AndStmt && c.Op != syntax.OrStmt {
			s.other(st)
			return
		}
		s.stmt(c.X)
		s.stmt(c.Y)
	case *syntax.Block:
		for _, in := range c.Stmts {
			s.stmt(in)
		}
	case *syntax.Subshell:
		for _, in := range c.Stmts {
			s.stmt(in)
		}
	case *syntax.TestClause:
	case *syntax.IfClause:
		s.condition(st, c)
	case *syntax.ForClause:
		s.loop(st, c)
	default:
		s.other(st)
	}
}

// condition reads an if without an else: what it does if it does it.
func (s *script) condition(st *syntax.Stmt, c *syntax.IfClause) {
	if c.Else != nil {
		s.other(st)
		return
	}
	for _, in := range append(c.Cond, c.Then...) {
		s.stmt(in)
	}
}

// loop reads a for over words that are known.
func (s *script) loop(st *syntax.Stmt, c *syntax.ForClause) {
	iter, ok := c.Loop.(*syntax.WordIter)
	if !ok || !about.MatchString(shownStmt(st)) {
		s.other(st)
		return
	}
	var items []string
	for _, w := range iter.Items {
		text, known := s.word(w.Parts)
		if !known || strings.ContainsAny(text, "*?[{") || len(items) == maxPorts {
			s.other(st)
			return
		}
		items = append(items, text)
	}
	for _, item := range items {
		if s.steps > maxLines {
			return
		}
		s.vars[iter.Name.Value] = item
		for _, in := range c.Do {
			s.stmt(in)
		}
	}
	delete(s.vars, iter.Name.Value)
}

// doers are the commands that can change a bond.
var doers = regexp.MustCompile(`\b(modprobe|insmod|ifenslave|tee|ip|eval|sh|bash)\b|>\s*"?/sys/`)

// looks are commands that only look.
var looks = regexp.MustCompile(`^!?\s*(lsmod|grep|test|\[|ls|cat /(proc|sys)/\S+|true)\b[^;&>]*$`)

func shownStmt(st *syntax.Stmt) string {
	var b strings.Builder
	_ = syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, st)
	return strings.TrimSpace(b.String())
}

// other is a command that isn't looked into.
func (s *script) other(st *syntax.Stmt) {
	text := shownStmt(st)
	switch {
	case about.MatchString(text) && doers.MatchString(text):
		s.cannot("%q is about bonding and can't be read; the bond's options belong into bond- lines", text)
	case looks.MatchString(text) && !doers.MatchString(text):
	default:
		s.out.rest = append(s.out.rest, text)
	}
}

// call reads a simple command.
func (s *script) call(st *syntax.Stmt, c *syntax.CallExpr) {
	var words []string
	for _, w := range c.Args {
		text, ok := s.word(w.Parts)
		if !ok {
			s.other(st)
			return
		}
		words = append(words, text)
	}
	into := ""
	for _, r := range st.Redirs {
		target, ok := s.word(r.Word.Parts)
		switch {
		case ok && r.Op == syntax.DplOut, ok && target == "/dev/null":
		case ok && (r.Op == syntax.RdrOut || r.Op == syntax.AppOut) && r.N == nil:
			into = target
		default:
			s.other(st)
			return
		}
	}
	if len(words) == 0 {
		return
	}
	if e, ours, err := s.effect(words, into); err != "" {
		s.cannot("%s", err)
	} else if ours {
		s.out.effects = append(s.out.effects, e)
	} else {
		s.other(st)
	}
}

// word is the text of a shell's word; ok is false if only a shell could tell.
func (s *script) word(parts []syntax.WordPart) (text string, ok bool) {
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			text += strings.ReplaceAll(p.Value, `\`, "")
		case *syntax.SglQuoted:
			text += p.Value
		case *syntax.DblQuoted:
			in, ok := s.word(p.Parts)
			if !ok {
				return "", false
			}
			text += in
		case *syntax.ParamExp:
			if p.Param == nil || p.Exp != nil || p.Repl != nil || p.Slice != nil || p.Length || p.Excl {
				return "", false
			}
			value, known := s.vars[p.Param.Value]
			if !known {
				return "", false
			}
			text += value
		default:
			return "", false
		}
	}
	return text, true
}

// bare: a command about bonding that stands without up, as where a line was broken.
func (l line) bare() bool {
	switch path.Base(l.words[0]) {
	case "modprobe", "insmod", "ifenslave", "ip", "echo", "ifconfig":
		return true
	}
	return false
}

// text is the shell's part of a line of commands.
func (l line) text() string {
	if l.bare() {
		return strings.Join(l.words, " ")
	}
	return l.value()
}

// isCommand: lines with commands of the shell; after is true for those of the way
// down, of which ifdown does what is about bonding anyway.
func (l line) isCommand() (yes, after bool) {
	if l.bare() {
		return true, false
	}
	switch l.words[0] {
	case "up", "pre-up", "post-up":
		return true, false
	case "down", "pre-down", "post-down":
		return true, true
	}
	return false, false
}
