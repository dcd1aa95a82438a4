package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Ledger is the double entry of one direction's frames: what was put in, by
// the sender or by something that copies, and where each of them ended. It
// closes if both sides are equal, to the frame.
type Ledger struct {
	Title string
	lines []line
}

type line struct {
	in     bool
	where  string
	what   string
	frames uint64
}

// In adds frames that came into being: sent, or copied on the way.
func (l *Ledger) In(where, what string, frames uint64) {
	l.lines = append(l.lines, line{true, where, what, frames})
}

// Out adds frames that ended: received, or dropped for a reason.
func (l *Ledger) Out(where, what string, frames uint64) {
	l.lines = append(l.lines, line{false, where, what, frames})
}

// OutReasons adds drops by reason, in the order of their names.
func (l *Ledger) OutReasons(where string, reasons map[string]uint64) {
	names := make([]string, 0, len(reasons))
	for name := range reasons {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l.Out(where, name, reasons[name])
	}
}

// Sums are the two sides.
func (l *Ledger) Sums() (in, out uint64) {
	for _, e := range l.lines {
		if e.in {
			in += e.frames
		} else {
			out += e.frames
		}
	}
	return in, out
}

// Check returns nil if the ledger closes, else an error with the whole table.
func (l *Ledger) Check() error {
	if in, out := l.Sums(); in != out {
		return fmt.Errorf("ledger %s does not close: %d in, %d out, difference %d\n%s",
			l.Title, in, out, int64(in-out), l)
	}
	return nil
}

// String is the table. Losses of nothing are left out.
func (l *Ledger) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-24s %-28s %12s %12s\n", l.Title, "", "in", "out")
	for i, e := range l.lines {
		switch {
		case e.frames == 0 && i > 0:
		case e.in:
			fmt.Fprintf(&b, "%-24s %-28s %12d\n", e.where, e.what, e.frames)
		default:
			fmt.Fprintf(&b, "%-24s %-28s %12s %12d\n", e.where, e.what, "", e.frames)
		}
	}
	in, out := l.Sums()
	fmt.Fprintf(&b, "%-24s %-28s %12d %12d\n", "sum", "", in, out)
	return b.String()
}
