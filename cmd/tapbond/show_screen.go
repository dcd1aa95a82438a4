package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/plain"
)

const (
	// screenWidth is what the screen fits: a terminal, and watch in one.
	screenWidth = 80
	// labelWidth is the width of the labels in front of its lines.
	labelWidth = 16
	// shownCauses is how many causes of a verdict it has room for.
	shownCauses = 6
)

// screen is what show prints of one bond.
type screen struct {
	w       io.Writer
	st      *bond.State
	now     time.Time
	verbose bool
}

// show prints it: the verdict first, then the slaves, then what went wrong.
func (s *screen) show() {
	st := s.st
	s.wrap("", 4, fmt.Sprintf("%s: %s, %s", st.Name, st.Mode, &st.Verdict))
	s.causes()
	if st.Active != "" {
		s.field("active slave", fmt.Sprintf("%s for %s (%s), %s", st.Active, ago(s.now, st.ActiveAt), st.ActiveWhy, plain.Count(st.Failovers, "failover")))
	}
	s.field("link", fmt.Sprintf("%s, mtu %d, %s", st.MAC, st.MTU, datapath(st)))
	s.field("monitor", monitorText(st))
	if text := settingsText(st); text != "" {
		s.field("options", text)
	}
	s.field("traffic", fmt.Sprintf("tx %s %s, rx %s %s", plain.Count(st.Traffic.TxFrames, "frame"), octets(st.Traffic.TxOctets),
		plain.Count(st.Traffic.RxFrames, "frame"), octets(st.Traffic.RxOctets)))
	if len(st.Slaves) > 0 {
		s.slaves()
	}
	showVLANFilters(s.w, st)
	s.strangers()
	s.outages()
	s.queueIDs()
	if st.AD != nil {
		s.lag()
	}
	if st.Balance != nil {
		s.balance()
	}
	s.drops()
}

// causes prints what the verdict comes from, and what to do. What its line says
// already is not said again.
func (s *screen) causes() {
	v := &s.st.Verdict
	advice := ""
	for i, c := range v.Causes {
		if i == shownCauses && !s.verbose {
			s.field("", fmt.Sprintf("and %d more: tapbond show -v %s", len(v.Causes)-i, s.st.Name))
			break
		}
		if c.Text != v.Summary {
			s.field("cause", c.Text)
		}
		if c.Advice != advice {
			s.field("advice", c.Advice)
		}
		advice = c.Advice
	}
}

// slaves prints the table of slaves.
func (s *screen) slaves() {
	fmt.Fprintln(s.w)
	t := s.table()
	fmt.Fprintln(t, "  SLAVE\tSTATE\tLINK\tSPEED\tSENDS\tFAILS\tTX\tRX\tSINCE")
	for _, x := range s.st.Slaves {
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", x.Name, x.State, x.MIIStatus, speed(x), yes(x.Carries),
			x.Failures, octets(x.Traffic.TxOctets), octets(x.Traffic.RxOctets), ago(s.now, x.Since))
	}
	t.Flush()
	if !s.verbose {
		return
	}
	fmt.Fprintln(s.w)
	for _, x := range s.st.Slaves {
		s.field("why", x.Name+" "+x.MIIStatus+": "+x.Why)
	}
}

func (s *screen) table() *tabwriter.Writer { return tabwriter.NewWriter(s.w, 0, 0, 2, ' ', 0) }

// field prints a labelled text, in as many lines as it takes.
func (s *screen) field(label, text string) {
	s.wrap(fmt.Sprintf("  %-*s", labelWidth-2, label), labelWidth, text)
}

// group is field behind an empty line.
func (s *screen) group(label, text string) {
	fmt.Fprintln(s.w)
	s.field(label, text)
}

// wrap prints text behind a label; further lines are indented.
func (s *screen) wrap(label string, indent int, text string) {
	line, empty := label, true
	for _, word := range strings.Fields(text) {
		switch {
		case empty:
			line += word
		case width(line)+1+width(word) > screenWidth:
			fmt.Fprintln(s.w, line)
			line = strings.Repeat(" ", indent) + word
		default:
			line += " " + word
		}
		empty = false
	}
	fmt.Fprintln(s.w, line)
}

func width(s string) int { return len([]rune(s)) }

// cut shortens text to n characters.
func cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:max(n-1, 0)]) + "…"
}

// showBrief prints a line for each bond.
func showBrief(w io.Writer, states []bond.State) {
	name, mode := len("BOND"), len("MODE")
	for i := range states {
		name, mode = max(name, len(states[i].Name)), max(mode, len(states[i].Mode))
	}
	line := func(a, b, c, d string) {
		fmt.Fprintln(w, cut(fmt.Sprintf("%-*s  %-*s  %-6s  %s", name, a, mode, b, c, d), screenWidth))
	}
	line("BOND", "MODE", "SENDS", "VERDICT")
	for i := range states {
		st := &states[i]
		sends := 0
		for _, s := range st.Slaves {
			if s.Carries {
				sends++
			}
		}
		line(st.Name, st.Mode, fmt.Sprintf("%d/%d", sends, len(st.Slaves)), st.Verdict.String())
	}
}
