package ifcfg

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// Setting is one KEY=VALUE of a file.
type Setting struct {
	Key, Value string
	Pos
}

// File is one file as read: its settings in the order they stand.
type File struct {
	Path     string // for messages
	Name     string // after "ifcfg-": "bond0"
	Settings []Setting
	text     []byte
	lines    []*Line  // one for each setting
	broken   []*Line  // what is no setting
	tails    []Remark // texts behind values
	by       Setting  // MASTER, where it stands for a name
	remarks
}

// mentions reports whether a word stands anywhere in the file, understood or
// not.
func (f *File) mentions(word string) bool { return bytes.Contains(f.text, []byte(word)) }

// parseFile reads the settings of a file. The shell's grammar decides what a
// line means, but nothing is expanded or run: whatever isn't a literal is a
// mistake. Of a file with an error of syntax, what stands before it is read.
func parseFile(path, name string, data []byte) *File {
	f := &File{Path: path, Name: name, text: data}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	data = bytes.TrimRight(data, "\r\x1a")
	data = f.withoutTails(data)
	data = bytes.ReplaceAll(data, []byte{0}, []byte("\ufffd"))
	data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	if n := openings(data); n > maxOpenings {
		f.wrong(Pos{File: path}, "is shell code, which is not run: only KEY=VALUE is read")
		return f
	}
	p := syntax.NewParser(syntax.Variant(syntax.LangBash))
	broken := false
	for s, err := range p.StmtsSeq(bytes.NewReader(data)) {
		switch {
		case broken: // the parser tells of an error twice, and goes on after a break
		case err != nil:
			f.syntax(err)
			broken = true
		default:
			f.statement(s)
		}
	}
	return f
}

// maxValue bounds a value that is put together of several lines, in bytes.
const maxValue = 4096

// maxOpenings bounds how deep the parser can be led: it calls itself for what is
// nested. In assignments there are hardly any.
const maxOpenings = 256

// openings counts what nesting begins with.
func openings(data []byte) int {
	n := bytes.Count(data, []byte("if")) + bytes.Count(data, []byte("while")) + bytes.Count(data, []byte("until"))
	for _, b := range []byte("([{`!") {
		n += bytes.Count(data, []byte{b})
	}
	return n
}

func (f *File) at(p syntax.Pos) Pos { return Pos{File: f.Path, Line: int(p.Line())} }

// wrong adds a mistake, and a line for what can't be a setting.
func (f *File) wrong(at Pos, format string, args ...any) {
	f.remarks.wrong(at, format, args...)
	if at.Line > 0 && at.nth == 0 {
		f.broken = append(f.broken, &Line{Pos: at, Fate: Refused})
	}
}

// syntax reports where the shell would stop reading.
func (f *File) syntax(err error) {
	var parse syntax.ParseError
	var lang syntax.LangError
	switch {
	case errors.As(err, &parse):
		f.wrong(f.at(parse.Pos), "%s", parse.Text)
	case errors.As(err, &lang):
		f.wrong(f.at(lang.Pos), "is shell code, which is not run: only KEY=VALUE is read")
	default:
		f.wrong(Pos{File: f.Path}, "%v", err)
	}
}

func (f *File) statement(s *syntax.Stmt) {
	at := f.at(s.Pos())
	if len(s.Redirs) > 0 || s.Background || s.Coprocess || s.Negated || s.Disown {
		f.wrong(at, "is shell code, which is not run: only KEY=VALUE is read")
		return
	}
	switch c := s.Cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) > 0 {
			f.command(at, c)
			return
		}
		f.assign(c.Assigns)
	case *syntax.DeclClause:
		if c.Variant.Value != "export" {
			f.wrong(at, "%s is shell code, which is not run: only KEY=VALUE is read", c.Variant.Value)
			return
		}
		f.assign(c.Args)
	default:
		f.wrong(at, "is shell code, which is not run: only KEY=VALUE is read")
	}
}

// command says what a line that would run a program was perhaps meant to be.
func (f *File) command(at Pos, c *syntax.CallExpr) {
	first := c.Args[0].Lit()
	switch {
	case slices.ContainsFunc(c.Assigns, func(a *syntax.Assign) bool { return a.Name == nil || a.Name.Value == "" }):
		f.wrong(at, "is no KEY=VALUE")
	case len(c.Assigns) > 0 && c.Assigns[0].Value == nil && unread(c.Assigns[0].Name.Value):
		f.note(at, `%s: has no value, since blanks stand around "="`, c.Assigns[0].Name.Value)
	case len(c.Assigns) > 0 && c.Assigns[0].Value == nil:
		f.wrong(at, `%s: no blanks may stand around "="`, c.Assigns[0].Name.Value)
	case len(c.Assigns) > 0:
		f.wrong(at, `%s: a value with blanks needs quotes: %[1]s="…"`, c.Assigns[len(c.Assigns)-1].Name.Value)
	case strings.HasPrefix(first, "="):
		f.wrong(at, `the key before "=" is missing`)
	case len(c.Args) > 1 && leading(c.Args[1]) == "=" && unread(first):
		f.note(at, `%s: has no value, since blanks stand around "="`, first)
	case first != "" && (len(c.Args) > 1 && strings.HasPrefix(leading(c.Args[1]), "=") || strings.HasSuffix(first, "=")):
		f.wrong(at, `%s: no blanks may stand around "="`, strings.TrimSuffix(first, "="))
	default:
		f.wrong(at, "would run %q, which is not done: only KEY=VALUE is read", leading(c.Args[0]))
	}
}

// leading is the literal that a word begins with.
func leading(w *syntax.Word) string {
	if lit, ok := w.Parts[0].(*syntax.Lit); ok {
		return lit.Value
	}
	return "…"
}

func (f *File) assign(list []*syntax.Assign) {
	for _, a := range list {
		// The parser takes "A@1]=2[3" for a name with an index; a shell would run it.
		if a.Name == nil || !syntax.ValidName(a.Name.Value) {
			f.wrong(f.at(a.Pos()), "is no KEY=VALUE")
			continue
		}
		s := Setting{Key: a.Name.Value, Pos: f.at(a.Pos())}
		switch {
		case a.Array != nil || a.Index != nil:
			f.wrong(s.Pos, "%s: a list in parentheses is not understood", s.Key)
			continue
		case a.Naked: // export KEY
			continue
		}
		var b strings.Builder
		if a.Append {
			b.WriteString(f.Get(s.Key).Value)
		}
		if b.Len() > maxValue {
			f.wrong(s.Pos, "%s: is longer than %d bytes", s.Key, maxValue)
			continue
		}
		if a.Value != nil && !f.literal(&b, s, a.Value.Parts, false) {
			continue
		}
		s.Value = strings.TrimSpace(b.String())
		s.nth = len(f.Settings) + 1
		if strings.ContainsRune(s.Value, utf8.RuneError) && !slices.Contains(silent, s.Key) {
			f.wrong(s.Pos, "%s: is no text (UTF-8)", s.Key)
		}
		if i := strings.IndexAny(s.Value, "“”„‘’"); i >= 0 {
			f.wrong(s.Pos, `%s: has typographic quotation marks; plain ones are "…"`, s.Key)
			continue
		}
		f.Settings = append(f.Settings, s)
		f.lines = append(f.lines, &Line{Pos: s.Pos, Text: s.Key + "=" + s.Value})
	}
}

// literal appends the text of a word's parts. Anything but text is a mistake.
func (f *File) literal(b *strings.Builder, s Setting, parts []syntax.WordPart, quoted bool) bool {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			unescape(b, p.Value, quoted)
			continue
		case *syntax.SglQuoted:
			if !p.Dollar {
				b.WriteString(p.Value)
				continue
			}
		case *syntax.DblQuoted:
			if !p.Dollar {
				if !f.literal(b, s, p.Parts, true) {
					return false
				}
				continue
			}
		case *syntax.CmdSubst, *syntax.ProcSubst:
			f.wrong(f.at(part.Pos()), "%s: holds a command for the shell; values are taken as they stand, nothing is run", s.Key)
			return false
		case *syntax.ParamExp:
			f.wrong(f.at(part.Pos()), "%s: refers to a variable; values are taken as they stand", s.Key)
			return false
		}
		f.wrong(f.at(part.Pos()), "%s: holds something for the shell to work out; values are taken as they stand", s.Key)
		return false
	}
	return true
}

// unescape takes the backslashes away as a shell does: in double quotes only
// some characters can be escaped.
func unescape(b *strings.Builder, text string, quoted bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
}

// Get returns the setting that counts for a key, the last one; its line is 0 if
// there is none.
func (f *File) Get(key string) Setting {
	for i := len(f.Settings) - 1; i >= 0; i-- {
		if f.Settings[i].Key == key {
			return f.Settings[i]
		}
	}
	return Setting{}
}

// Has reports whether the key stands in the file, with a value.
func (f *File) Has(key string) bool { return f.Get(key).Value != "" }
