package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/control"
)

func showCmd() *cobra.Command {
	var asJSON, brief, verbose bool
	cmd := &cobra.Command{
		Use:     "show [BOND]",
		Short:   "show the bonds of this network namespace: healthy? what carries traffic? since when and why?",
		Example: "  tapbond show bond0\n  tapbond show -b\n  watch tapbond show -v bond0",
		Args:    words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			c, states, err := states(cmd.Context(), name)
			if isHung(err) && !asJSON {
				showRecords(cmd.OutOrStdout(), name, time.Now())
			}
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				return enc.Encode(states)
			}
			if len(states) == 0 {
				return showModule(cmd.Context(), cmd.OutOrStdout(), c)
			}
			if brief {
				showBrief(cmd.OutOrStdout(), states)
				return nil
			}
			for i := range states {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				s := screen{w: cmd.OutOrStdout(), st: &states[i], now: time.Now(), verbose: verbose}
				s.show()
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&asJSON, "json", "j", false, "all there is to know, as JSON")
	cmd.Flags().BoolVarP(&brief, "brief", "b", false, "one line for each bond")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "reasons of the slaves' links, each port's LACP, every outage, bucket and client")
	cmd.MarkFlagsMutuallyExclusive("json", "brief", "verbose")
	return cmd
}

// showModule tells of the module where there is no bond.
func showModule(ctx context.Context, w io.Writer, c *control.Client) error {
	m, err := c.Module(ctx)
	if err == nil && !m.Loaded || errors.Is(err, control.ErrNoServer) {
		_, err = fmt.Fprintln(w, "no bonds in this network namespace")
		return err
	}
	if err != nil {
		return err
	}
	line := "no bonds; the module is loaded, bonds begin with"
	for _, p := range m.Parameters {
		line += " " + p.String()
	}
	if len(m.Parameters) == 0 {
		line += " the driver's defaults"
	}
	if len(m.Left) > 0 {
		line += "\nleft of an unloading, which rmmod tries again: " + strings.Join(m.Left, ", ")
	}
	_, err = fmt.Fprintln(w, line)
	return err
}
