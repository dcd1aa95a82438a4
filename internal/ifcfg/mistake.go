package ifcfg

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file.
type Pos struct {
	File string
	Line int // counted from 1; 0 means the file as a whole
	// nth tells several settings of one line apart.
	nth int
}

// String returns "FILE:LINE", or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Level is how much a remark matters.
type Level uint8

// The levels there are.
const (
	Minor   Level = iota // a line without effect; nobody has to act
	Note                 // somebody may have to act
	Warning              // something was asked for that can't be had; an error if rules are strict
)

// Remark is something to say about a place: a mistake, or a note.
type Remark struct {
	Pos
	Text  string
	Level Level // of a note; a mistake has none
}

// String returns "FILE:LINE: TEXT".
func (r Remark) String() string {
	if r.File == "" {
		return r.Text
	}
	return r.Pos.String() + ": " + r.Text
}

// Label is what a note is printed under.
func (r Remark) Label() string {
	if r.Level == Warning {
		return "warning"
	}
	return "note"
}

// maxRemarks bounds what is listed of one kind: nobody reads more, and files of a
// megabyte could ask for a million.
const maxRemarks = 1000

// remarks collects what is found, each once.
type remarks struct {
	mistakes, notes []Remark
	said            map[Remark]bool
}

func (r *remarks) wrong(at Pos, format string, args ...any) {
	r.mistakes = r.add(r.mistakes, Remark{Pos: at, Text: fmt.Sprintf(format, args...)})
}

func (r *remarks) note(at Pos, format string, args ...any) { r.say(Note, at, format, args...) }
func (r *remarks) warn(at Pos, format string, args ...any) { r.say(Warning, at, format, args...) }

func (r *remarks) say(level Level, at Pos, format string, args ...any) {
	r.notes = r.add(r.notes, Remark{at, fmt.Sprintf(format, args...), level})
}

func (r *remarks) take(o remarks) {
	for _, m := range o.mistakes {
		r.mistakes = r.add(r.mistakes, m)
	}
	for _, n := range o.notes {
		r.notes = r.add(r.notes, n)
	}
}

func (r *remarks) add(list []Remark, n Remark) []Remark {
	key := n
	key.nth = 0
	if r.said[key] || len(list) > maxRemarks {
		return list
	}
	if len(list) == maxRemarks {
		return append(list, Remark{Pos: Pos{File: n.File}, Text: "there is more like this; it is not listed", Level: n.Level})
	}
	if r.said == nil {
		r.said = map[Remark]bool{}
	}
	r.said[key] = true
	return append(list, n)
}

// sorted is by file and line, as a reader corrects them.
func sorted(list []Remark) []Remark {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Remark) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return list
}

// Mistakes is the error of files that can't be followed: every mistake in all
// of them, and the warnings. Nothing may be done for them.
type Mistakes []Remark

// Error returns one line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, r := range m {
		lines[i] = r.String()
		if r.Level == Warning {
			lines[i] = "warning: " + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}
