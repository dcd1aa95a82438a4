package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/daemon"
)

func fileCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "file BOND NAME",
		Short:   "print what /sys/class/net/BOND/bonding/NAME would read",
		Example: `  tapbond file bond0 active_slave`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := daemon.Connect(cmd.Context())
			if err != nil {
				return err
			}
			text, err := c.ReadFile(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
}
