package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
)

func eventsCmd() *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "events [BOND|SLAVE]",
		Short: "print what has changed, when and why, or what changes",
		Long: `Print what has changed, when and why: of all bonds, or of one bond or slave. What
earlier daemons of this network namespace recorded comes first (only root may read
that), also where none runs any more.`,
		Example: `  tapbond events bond0
  tapbond events --since 10m
  tapbond events -n 20 -f`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.of, o.out = strings.Join(args, ""), cmd.OutOrStdout()
			return o.run(cmd)
		},
	}
	cmd.Flags().BoolVarP(&o.asJSON, "json", "j", false, "one JSON object a line")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "print events from now on, as they happen; with -n or --since those before, too")
	cmd.Flags().VarP(&o.last, "number", "n", "print the last `N` events, 1 or more")
	cmd.Flags().Var(&o.since, "since", "print events from this `TIME` on: 10m, 2h, 3d ago; 15:04, 2006-01-02, \"2006-01-02 15:04:05\" or RFC 3339")
	return cmd
}

// eventOptions are what to print.
type eventOptions struct {
	of             string // bond or slave, "" for all
	asJSON, follow bool
	last           count
	since          moment
	out            io.Writer
}

func (o *eventOptions) run(cmd *cobra.Command) error {
	ctx := cmd.Context()
	c, err := daemon.Connect(ctx)
	if err != nil && !isHung(err) {
		return err
	}
	var now []bond.Event // of the daemon that serves
	if c != nil {
		err = c.Events(ctx, false, func(e bond.Event) error { now = append(now, e); return nil })
	}
	if err != nil && !isHung(err) && !errors.Is(err, control.ErrNoServer) {
		return err
	}
	served := err == nil
	all := earlier(now)
	if !isHung(err) {
		if err := o.known(ctx, all); err != nil {
			return err
		}
	}
	if !o.follow || o.last > 0 || !o.since.IsZero() || isHung(err) {
		if err := o.past(cmd, all); err != nil {
			return err
		}
	}
	switch {
	case isHung(err):
		return err
	case !o.follow:
		return nil
	case !served:
		return fmt.Errorf("events: nothing to follow: %w; make one: tapbond ip link add bond0 type bond", err)
	}
	var seq uint64
	if len(now) > 0 {
		seq = now[len(now)-1].Seq
	}
	err = c.EventsAfter(ctx, seq, func(e bond.Event) error {
		if !o.wants(&e) {
			return nil
		}
		return o.print(&e)
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// earlier returns the kept events of earlier daemons in front of those of the one
// that serves.
func earlier(now []bond.Event) []bond.Event {
	dir, err := control.Dir()
	if err != nil {
		return now
	}
	kept, _ := daemon.Journal(dir) // whoever is not root has those of the daemon alone
	if len(now) == 0 {
		return kept
	}
	for i := range kept {
		if !kept[i].Time.Before(now[0].Time) {
			kept = kept[:i]
			break
		}
	}
	return append(kept, now...)
}

// past prints those of the events that are asked for.
func (o *eventOptions) past(cmd *cobra.Command, all []bond.Event) error {
	var wanted []bond.Event
	for i := range all {
		if o.wants(&all[i]) {
			wanted = append(wanted, all[i])
		}
	}
	if n := int(o.last); n > 0 && len(wanted) > n {
		wanted = wanted[len(wanted)-n:]
	}
	if len(wanted) == 0 && !o.asJSON {
		fmt.Fprintln(cmd.ErrOrStderr(), "no such events are kept")
	}
	for i := range wanted {
		if err := o.print(&wanted[i]); err != nil {
			return err
		}
	}
	return nil
}

// known refuses a name that is nobody's, and of which there are no events.
func (o *eventOptions) known(ctx context.Context, events []bond.Event) error {
	if o.of == "" || slices.ContainsFunc(events, func(e bond.Event) bool { return e.Bond == o.of || e.Slave == o.of }) {
		return nil
	}
	_, all, err := states(ctx, "")
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Name == o.of {
			return nil
		}
		for _, s := range all[i].Slaves {
			if s.Name == o.of {
				return nil
			}
		}
	}
	return fmt.Errorf("%s is neither a bond nor a slave, and there are no events of one; %s", o.of, members(all))
}

func (o *eventOptions) wants(e *bond.Event) bool {
	return (o.of == "" || e.Bond == o.of || e.Slave == o.of) && !e.Time.Before(o.since.Time)
}

func (o *eventOptions) print(e *bond.Event) error {
	if o.asJSON {
		return json.NewEncoder(o.out).Encode(e)
	}
	_, err := fmt.Fprintln(o.out, eventLine(e))
	return err
}

// eventLine is an event as text: when, the driver's wording, and why.
func eventLine(e *bond.Event) string {
	line := e.Time.Local().Format("2006-01-02 15:04:05.000000") + " " + e.Text()
	var reason string
	if e.From != "" || e.To != "" {
		reason = noneIfEmpty(e.From) + " -> " + noneIfEmpty(e.To)
	}
	switch {
	case e.Why == "" && reason == "":
		return line
	case e.Why == "":
		return line + " (" + reason + ")"
	case reason == "":
		return line + " (" + e.Why + ")"
	}
	return line + " (" + reason + ": " + e.Why + ")"
}

func noneIfEmpty(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// moment is a time as people give it.
type moment struct{ time.Time }

// momentForms are how a time may be written beside a duration; those without a
// date are today's.
var momentForms = []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly, time.TimeOnly, "15:04"}

// String implements pflag.Value.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

// Type implements pflag.Value.
func (*moment) Type() string { return "time" }

// Set implements pflag.Value.
func (m *moment) Set(text string) error {
	t, err := parseMoment(text, time.Now())
	m.Time = t
	return err
}

func parseMoment(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if d, err := time.ParseDuration(days + "h"); err == nil && d >= 0 {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, form := range momentForms {
		t, err := time.ParseInLocation(form, text, now.Location())
		if err != nil {
			continue
		}
		if t.Year() == 0 { // a time of day
			t = time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
		}
		return t, nil
	}
	return time.Time{}, errors.New("not understood")
}

// count is a number of 1 or more.
type count int

// String implements pflag.Value.
func (n *count) String() string {
	if *n == 0 {
		return ""
	}
	return fmt.Sprint(int(*n))
}

// Type implements pflag.Value.
func (*count) Type() string { return "number" }

// Set implements pflag.Value.
func (n *count) Set(text string) error {
	var v int
	if _, err := fmt.Sscanf(text+"\n", "%d\n", &v); err != nil || v < 1 {
		return errors.New("want 1 or more")
	}
	*n = count(v)
	return nil
}
