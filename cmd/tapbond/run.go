package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
)

func runCmd() *cobra.Command {
	var jsonLog, down bool
	cmd := &cobra.Command{
		Use:   "run BOND [OPTION VALUE]... [slaves IFACE...]",
		Short: "run one bond in the foreground",
		Long: `Run one bond in the foreground, in the network namespace it is started in.

Options are the kernel driver's, by its names or iproute2's; values by name or
number. The slaves must be down, as for the kernel. The bond is set up and
lives until the command is interrupted; then its slaves are left as they were
found, but down.`,
		Example: `  tapbond run bond0 mode active-backup miimon 100 slaves eth0 eth1
  tapbond run bond0 mode balance-xor xmit_hash_policy layer3+4 offload off slaves eth0 eth1`,
		Args:                  cobra.MinimumNArgs(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := runner{name: args[0], down: down, out: cmd.OutOrStdout()}
			var err error
			if r.options, r.slaves, err = runWords(args[1:]); err != nil {
				return err
			}
			return r.run(cmd.Context(), logger(jsonLog))
		},
	}
	cmd.Flags().BoolVar(&jsonLog, "log-json", false, "log in JSON, one object a line")
	cmd.Flags().BoolVar(&down, "down", false, "leave the bond administratively down")
	return cmd
}

// runWords splits the words after the bond's name into options and slaves.
func runWords(words []string) (opts []option.Assign, slaves []string, err error) {
	opts, rest, err := option.ParseWords(words)
	if err != nil || len(rest) == 0 {
		return opts, nil, err
	}
	if rest[0] != "slaves" {
		return nil, nil, fmt.Errorf("%q is not an option", rest[0])
	}
	return opts, rest[1:], nil
}

func logger(json bool) *slog.Logger {
	if json {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{ReplaceAttr: exactTime}))
}

// runner is one `tapbond run`.
type runner struct {
	name    string
	options []option.Assign
	slaves  []string
	down    bool
	out     io.Writer
}

// stopTimeout bounds the undoing of everything on exit.
const stopTimeout = 10 * time.Second

func (r *runner) run(ctx context.Context, log *slog.Logger) (err error) {
	preferSelf()
	listener, err := control.Listen()
	if err != nil {
		return err
	}
	defer listener.Close()
	sys, err := bond.NewSystem()
	if err != nil {
		return err
	}
	defer sys.Close()

	bus := bond.NewBus()
	engine := bond.NewEngine(sys, bus)
	// Logging outlives the rest: what the undoing says is said.
	logCtx, stopLog := context.WithCancel(context.Background())
	var logged sync.WaitGroup
	logged.Go(func() { bus.Log(logCtx, log) })
	defer func() { stopLog(); logged.Wait() }()

	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 2)
	go func() { failed <- engine.Run(runCtx, sys.Events()) }()
	go func() { failed <- control.NewServer(engine).Serve(runCtx, listener) }()
	defer func() {
		stopCtx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		defer cancel()
		err = errors.Join(err, engine.CloseAll(stopCtx))
	}()

	b, err := r.build(ctx, engine)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%s is running; interrupt to undo\n", r.name)
	select {
	case <-ctx.Done():
		return nil
	case <-b.Done():
		return fmt.Errorf("%s was deleted", r.name)
	case err := <-failed:
		return err
	}
}

// build makes the bond, with every slave or not at all.
func (r *runner) build(ctx context.Context, engine *bond.Engine) (*bond.Bond, error) {
	b, err := engine.Create(bond.Config{Name: r.name, Options: r.options})
	if err != nil {
		return nil, err
	}
	for _, s := range r.slaves {
		if err := b.Enslave(ctx, s); err != nil {
			return nil, err
		}
	}
	if r.down {
		return b, nil
	}
	return b, b.SetUp(ctx)
}

// exactTime shows microseconds: what a bond does is a matter of them.
func exactTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.StringValue(a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
	}
	return a
}
