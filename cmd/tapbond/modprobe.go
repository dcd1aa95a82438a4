package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/kernel/modshell"
	"github.com/tapbond/tapbond/internal/modparam"
)

// moduleCmds are modprobe, insmod, rmmod and lsmod.
func moduleCmds() []*cobra.Command {
	example := map[string]string{
		"modprobe": "  tapbond modprobe bonding mode=1 miimon=100\n  tapbond modprobe bond0\n  tapbond modprobe -r bonding",
		"insmod":   "  tapbond insmod bonding.ko mode=1 miimon=100 max_bonds=2",
		"rmmod":    "  tapbond rmmod bonding",
		"lsmod":    "  tapbond lsmod | grep bonding",
	}
	short := map[string]string{
		"modprobe": "load the bonding module with the options in modprobe.d, or unload it: what is then made, or undone, is tapbond's",
		"insmod":   "load the bonding module with the parameters given and no others",
		"rmmod":    "unload the bonding module: every bond removed, every slave released",
		"lsmod":    "list the kernel's modules, with bonding while it is loaded here or there is a bond",
	}
	var cmds []*cobra.Command
	for _, tool := range modshell.Tools {
		long := short[tool] + `.

The parameters are the driver's, with its defaults and ranges:
` + indented(modparam.Names()) + `
Bonds made later, by whatever command, begin with them. Other modules are left to
the installed ` + tool + `; so the program may stand in front of it in PATH
(tapbond links DIR). As the first words, "--root DIR" looks for modprobe.d there.`
		if tool == "lsmod" {
			long = short[tool] + ". With arguments it is the installed lsmod."
		}
		cmds = append(cmds, &cobra.Command{
			Use:                tool + " ...",
			Short:              short[tool],
			Long:               long,
			Example:            example[tool],
			DisableFlagParsing: true,
			RunE: func(cmd *cobra.Command, args []string) error {
				if len(args) == 1 && (args[0] == "--help" || args[0] == "-h") {
					return cmd.Help()
				}
				root := ""
				if len(args) > 1 && args[0] == "--root" {
					root, args = args[1], args[2:]
				}
				os.Exit(runModule(cmd.Context(), tool, root, args))
				return nil
			},
		})
	}
	return cmds
}

// indented puts words on lines of 76 columns at most.
func indented(words []string) string {
	var b strings.Builder
	column := 0
	for _, w := range words {
		if column == 0 || column+1+len(w) > 76 {
			b.WriteString("\n   ")
			column = 3
		}
		b.WriteString(" " + w)
		column += 1 + len(w)
	}
	return b.String()[1:] + "\n"
}

func runModule(ctx context.Context, tool, root string, args []string) int {
	s := modshell.Shell{
		Stdout: os.Stdout, Stderr: os.Stderr, Root: root,
		Connect: func(ctx context.Context) (modshell.Client, error) { return daemon.Connect(ctx) },
		Start:   daemon.Start,
		Real:    realCommand,
		Output:  realOutput,
		Kernel:  modshell.LookAtKernel,
	}
	return s.Run(ctx, tool, args)
}
