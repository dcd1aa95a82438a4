// Command tapbond runs and steers link aggregation in place of the Linux
// bonding module.
package main

import (
	"context"
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
	if be, ok := calledAs(); ok {
		os.Exit(be(ctx, os.Args[1:]))
	}
	os.Exit(ended(execute(ctx, os.Args[1:])))
}

func rootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "tapbond",
		Example:       "  tapbond show",
		Short:         "link aggregation in userspace, in place of the bonding module",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(runCmd(), daemonCmd(), cleanupCmd(), showCmd(), checkCmd(), setCmd(), enslaveCmd(), releaseCmd(), deleteCmd(), eventsCmd(), ipCmd(), ifenslaveCmd(), linksCmd(), explainCmd(), procCmd(), fileCmd(), fsCmd(), optionsCmd(), labCmd(), benchCmd())
	root.AddCommand(upCmd(), downCmd(), restartCmd(), reloadCmd(), ifupCmd(), ifdownCmd())
	root.AddCommand(moduleCmds()...)
	strict(root)
	return root
}
