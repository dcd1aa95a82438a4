package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
)

func setCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "set BOND OPTION VALUE...",
		Short:   "change options of a running bond, all of them or none",
		Example: `  tapbond set bond0 active_slave eth1`,
		Args:    words(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, rest, err := option.ParseWords(args[1:])
			switch {
			case err != nil:
				return wrongWords(cmd, args, err)
			case len(rest) > 0:
				return fmt.Errorf("set: %q is no option to set; add and take slaves: tapbond enslave %s IFACE, tapbond release %s IFACE", rest[0], args[0], args[0])
			case len(args) == 2 && opts[0].Value == "" && opts[0].Option != "active_slave":
				return fmt.Errorf("set: option %s: value missing; to clear the list: tapbond set %s %s ''", args[1], args[0], args[1])
			}
			c, err := daemon.Connect(cmd.Context())
			if err != nil {
				return err
			}
			return ofBond(args[0], withAccepted(c.Set(cmd.Context(), args[0], opts)))
		},
	}
}

func enslaveCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "enslave BOND IFACE...",
		Short:   "make interfaces slaves of a running bond",
		Example: "  tapbond enslave bond0 eth0 eth1",
		Args:    words(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachSlave(cmd.Context(), args, func(c *control.Client, slave string) error {
				return c.Enslave(cmd.Context(), args[0], slave)
			})
		},
	}
}

func releaseCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "release BOND IFACE...",
		Short:   "take slaves out of a running bond",
		Example: "  tapbond release bond0 eth1",
		Args:    words(2, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return eachSlave(cmd.Context(), args, func(c *control.Client, slave string) error {
				return c.Release(cmd.Context(), args[0], slave)
			})
		},
	}
}

func eachSlave(ctx context.Context, args []string, do func(*control.Client, string) error) error {
	c, err := daemon.Connect(ctx)
	if err != nil {
		return err
	}
	for _, slave := range args[1:] {
		if err := do(c, slave); err != nil {
			return ofBond(args[0], err)
		}
	}
	return nil
}

func deleteCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "delete BOND",
		Short:   "release a running bond's slaves and remove it",
		Example: "  tapbond delete bond0",
		Args:    words(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := daemon.Connect(cmd.Context())
			if err != nil {
				return err
			}
			return ofBond(args[0], c.Delete(cmd.Context(), args[0]))
		},
	}
}
