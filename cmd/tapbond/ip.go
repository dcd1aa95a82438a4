package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/installed"
	"github.com/tapbond/tapbond/internal/kernel/ipshell"
)

func ipCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "ip ...",
		Short: "the ip command, with tapbond's bonds in it",
		Long: `The ip command of iproute2, with tapbond's bonds in it: ip link add, set, del and
show understand bonds and their slaves as on a kernel with the bonding module.
Everything else is done by the installed ip.

    alias ip='tapbond ip'

or a link called ip, in front of PATH, to the tapbond program.`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			os.Exit(runIP(cmd.Context(), args))
			return nil
		},
	}
}

func runIP(ctx context.Context, args []string) int {
	real, err := installed.Find("ip")
	if err != nil {
		fmt.Fprintf(os.Stderr, "tapbond ip: %v (iproute2)\n", err)
		return 1
	}
	s := ipshell.Shell{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Real: real,
		Connect: func(ctx context.Context) (ipshell.Client, error) { return daemon.Connect(ctx) },
		Start:   daemon.Start,
	}
	return s.Run(ctx, args)
}
