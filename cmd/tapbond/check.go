package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
)

// checkNothing is the exit status of a check that found nothing to judge, as
// monitoring plugins have it for "unknown".
const checkNothing = 3

func checkCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "check [BOND]",
		Short: "judge bonds by the exit status: 0 healthy, 1 degraded, 2 failed, 3 nothing there",
		Long: `Print one line and exit 0 if the bond is healthy, 1 if it is degraded, 2 if it
failed or its daemon does not answer, and 3 if there is no such bond or it can't be
read. Without BOND all bonds of this network namespace count; the worst decides.
For probes of containers, and for Nagios, Icinga and the like as a plugin.`,
		Example: "  tapbond check bond0",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := words(0, 1)(cmd, args); err != nil {
				return exitStatus{checkNothing, err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			status := check(cmd.Context(), cmd.OutOrStdout(), strings.Join(args, ""))
			if status == 0 {
				return nil
			}
			return exitStatus{status, errSaid}
		},
	}
}

// check prints the line and returns the exit status.
func check(ctx context.Context, w io.Writer, name string) int {
	_, all, err := states(ctx, name)
	switch {
	case isHung(err):
		fmt.Fprintf(w, "FAILED: %v\n", err)
		return bond.SeverityFailed.ExitStatus()
	case err != nil:
		fmt.Fprintf(w, "UNKNOWN: %v\n", err)
		return checkNothing
	case len(all) == 0:
		fmt.Fprintln(w, "UNKNOWN: no bonds in this network namespace")
		return checkNothing
	}
	line, status := checkLine(all)
	fmt.Fprintln(w, line)
	return status
}

// checkLine judges bonds: the worst first.
func checkLine(all []bond.State) (line string, status int) {
	order := bond.Words()
	slices.SortStableFunc(all, func(a, b bond.State) int {
		return slices.Index(order, a.Verdict.Word) - slices.Index(order, b.Verdict.Word)
	})
	var parts []string
	for i := range all {
		v := &all[i].Verdict
		status = max(status, v.Severity.ExitStatus())
		part := all[i].Name + " " + v.String()
		if len(v.Causes) > 0 && v.Causes[0].Text != v.Summary {
			cause := &v.Causes[0]
			part += " (" + cause.Text + ")"
		}
		parts = append(parts, part)
	}
	grade := []string{"OK", "DEGRADED", "FAILED"}[status]
	return grade + ": " + strings.Join(parts, "; "), status
}
