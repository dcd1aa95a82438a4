package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/proc"
)

func procCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "proc BOND",
		Short:   "print what /proc/net/bonding/BOND would read",
		Example: "  tapbond proc bond0",
		Args:    words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := daemon.Connect(cmd.Context())
			if err != nil {
				return err
			}
			st, err := c.Bond(cmd.Context(), args[0])
			if err != nil {
				return ofBond(args[0], err)
			}
			var uts unix.Utsname
			if err := unix.Uname(&uts); err != nil {
				return fmt.Errorf("uname: %w", err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), proc.Text(&st, unix.ByteSliceToString(uts.Release[:])))
			return err
		},
	}
}
