package ifcfg

import "slices"

// Fate is what became of one line of a file. Every reader gives each line one:
// nothing is dropped in silence.
type Fate uint8

// The fates there are.
const (
	Open    Fate = iota // none yet; no line is left so
	Applied             // steps or options come of it
	Implied             // it asks for what is so anyway
	Noted               // a note or a warning names it
	Refused             // a mistake names it
	Foreign             // it is about an interface that no bond has to do with
)

var fates = [...]string{"open", "applied", "implied", "noted", "refused", "foreign"}

func (f Fate) String() string { return fates[f] }

// Line is one line of a file, or one KEY=VALUE, with its fate.
type Line struct {
	Pos
	Text string
	Fate Fate
}

// settle gives each line the fate that the remarks about it decide, and notes
// those that have no other.
func (r *remarks) settle(lines []*Line) {
	said := map[Pos]Fate{}
	for _, n := range r.notes {
		said[n.Pos] = Noted
	}
	for _, m := range r.mistakes {
		said[m.Pos] = Refused
	}
	for _, l := range lines {
		if f, ok := said[l.Pos]; ok {
			l.Fate = f
		}
		if l.Fate == Open {
			r.note(l.Pos, "%s: without effect here", l.Text)
			l.Fate = Noted
		}
	}
}

// SettleAll gives every line its fate by all remarks there are, and notes those that
// have none.
func (s *Set) SettleAll() {
	all := remarks{mistakes: slices.Clone(s.mistakes), notes: slices.Clone(s.notes)}
	for _, b := range s.Bonds {
		all.mistakes, all.notes = append(all.mistakes, b.mistakes...), append(all.notes, b.notes...)
	}
	for _, v := range s.Slaves {
		all.mistakes, all.notes = append(all.mistakes, v.mistakes...), append(all.notes, v.notes...)
	}
	before := len(all.notes)
	all.settle(s.lines)
	for _, n := range all.notes[before:] {
		s.note(n.Pos, "%s", n.Text)
	}
}
