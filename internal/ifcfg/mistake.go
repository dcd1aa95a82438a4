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
}

// String returns "FILE:LINE", or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Remark is something to say about a place: a mistake, or a note.
type Remark struct {
	Pos
	Text string
}

// String returns "FILE:LINE: TEXT".
func (r Remark) String() string {
	if r.File == "" {
		return r.Text
	}
	return r.Pos.String() + ": " + r.Text
}

// remarks collects what is found, each once.
type remarks struct {
	mistakes, notes []Remark
}

func (r *remarks) wrong(at Pos, format string, args ...any) {
	r.mistakes = add(r.mistakes, Remark{at, fmt.Sprintf(format, args...)})
}

func (r *remarks) note(at Pos, format string, args ...any) {
	r.notes = add(r.notes, Remark{at, fmt.Sprintf(format, args...)})
}

func (r *remarks) take(o remarks) {
	for _, m := range o.mistakes {
		r.mistakes = add(r.mistakes, m)
	}
	for _, n := range o.notes {
		r.notes = add(r.notes, n)
	}
}

func add(list []Remark, r Remark) []Remark {
	if slices.Contains(list, r) {
		return list
	}
	return append(list, r)
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
// of them. Nothing may be done for them.
type Mistakes []Remark

// Error returns one line for each mistake.
func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, r := range m {
		lines[i] = r.String()
	}
	return strings.Join(lines, "\n")
}
