package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/ifenslave"
	"github.com/tapbond/tapbond/internal/kernel/installed"
)

func ifenslaveCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "ifenslave [-acdfhuvV] MASTER SLAVE...",
		Short: "the ifenslave command: give NICs to a bond, take them away, change the active one",
		Long: `The ifenslave command, for tapbond's bonds. Under the name ifenslave
(tapbond links DIR) scripts that call it work as they are.`,
		Example: `  tapbond ifenslave bond0 eth0 eth1
  tapbond ifenslave -c bond0 eth1
  tapbond ifenslave -d bond0 eth0 eth1`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			os.Exit(runIfenslave(cmd.Context(), args))
			return nil
		},
	}
}

func runIfenslave(ctx context.Context, args []string) int {
	s := ifenslave.Shell{
		Stdout: os.Stdout, Stderr: os.Stderr, Version: version, Host: ifenslave.Links{},
		Connect: func(ctx context.Context) (ifenslave.Client, error) { return daemon.Connect(ctx) },
		Real: func(args []string) int {
			if _, err := installed.Find("ifenslave"); err != nil {
				fmt.Fprintln(os.Stderr, "ifenslave: the bond is the kernel's own, and no other ifenslave is installed: ip link set IFACE down master BOND")
				return 1
			}
			return realCommand("ifenslave", args)
		},
	}
	return s.Run(ctx, args)
}
