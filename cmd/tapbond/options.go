package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/policy"
)

func optionsCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "options [NAME]",
		Short:   "list the options of bonds and slaves, or describe one",
		Example: "  tapbond options miimon",
		Args:    words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				listOptions(cmd.OutOrStdout())
				return nil
			}
			o := option.ByName(args[0])
			if o == nil {
				_, _, err := option.ParseWords([]string{args[0], ""}) // knows what was meant
				return fmt.Errorf("%w; tapbond options lists all", err)
			}
			describeOption(cmd.OutOrStdout(), o)
			return nil
		},
	}
}

func listOptions(w io.Writer) {
	for _, scope := range []option.Scope{option.ScopeBond, option.ScopeSlave} {
		fmt.Fprintln(w, map[option.Scope]string{option.ScopeBond: "of a bond:", option.ScopeSlave: "\nof a slave:"}[scope])
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, o := range option.All() {
			if o.Scope == scope {
				fmt.Fprintf(t, "  %s\t%s\n", o.Name, o.Help)
			}
		}
		t.Flush()
	}
}

func describeOption(w io.Writer, o *option.Option) {
	fmt.Fprintf(w, "%s: %s\n", o.Name, o.Help)
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-9s %s\n", what, text)
		}
	}
	var others []string
	if o.IPName != "" && o.IPName != o.Name {
		others = append(others, o.IPName+" (ip)")
	}
	line("also", strings.Join(append(others, o.Aliases...), ", "))
	var values []string
	for _, v := range o.Values {
		if !v.Internal {
			values = append(values, fmt.Sprintf("%s (%d)", v.Name, v.N))
		}
	}
	line("values", strings.Join(values, ", "))
	if o.Max > 0 {
		line("range", strings.TrimSpace(fmt.Sprintf("%d to %d %s", o.Min, o.Max, o.Unit)))
	}
	if !o.Raw {
		line("default", defaultOf(o))
	}
	line("modes", modesOf(o))
	switch o.When {
	case option.Down:
		line("when", "while the bond is down")
	case option.Empty:
		line("when", "while the bond has no slaves")
	case option.Down | option.Empty:
		line("when", "while the bond is down and has no slaves")
	}
	if o.Since == "tapbond" {
		line("since", "tapbond's own, the kernel has none")
	} else if o.Since != "" {
		line("since", "Linux "+o.Since)
	}
}

func defaultOf(o *option.Option) string {
	v := option.Defaults()
	if w := v.Word(o.ID, &option.Runtime{}); w != "" {
		return w
	}
	return fmt.Sprint(o.Default)
}

func modesOf(o *option.Option) string {
	if o.Modes == option.AllModes {
		return "all"
	}
	var names []string
	for m := range uint32(7) {
		if o.Modes.Has(m) {
			names = append(names, policy.Mode(m).String())
		}
	}
	return strings.Join(names, ", ")
}
