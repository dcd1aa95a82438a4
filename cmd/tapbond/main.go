// Command tapbond runs and steers link aggregation in place of the Linux
// bonding module.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A reader that goes away (| head) must not keep a command from tidying up.
	signal.Ignore(syscall.SIGPIPE)
	if calledIP() {
		os.Exit(runIP(ctx, os.Args[1:]))
	}
	if err := execute(ctx); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "tapbond:", err)
		}
		os.Exit(1)
	}
}

// execute runs the command that the program's name or its first word tells.
func execute(ctx context.Context) error {
	if name := calledIfup(); name != "" {
		return runIfup(ctx, name, os.Args[1:])
	}
	return rootCmd().ExecuteContext(ctx)
}

// errSaid ends a command that has told the user what went wrong itself.
var errSaid = errors.New("")

func rootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "tapbond",
		Short:         "link aggregation in userspace, in place of the bonding module",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCmd(), daemonCmd(), cleanupCmd(), showCmd(), setCmd(), enslaveCmd(), releaseCmd(), deleteCmd(), eventsCmd(), ipCmd(), explainCmd(), procCmd(), fileCmd(), fsCmd(), optionsCmd(), labCmd(), benchCmd())
	root.AddCommand(upCmd(), ifupCmd(), ifdownCmd())
	return root
}
