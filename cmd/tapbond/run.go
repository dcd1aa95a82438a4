package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
)

func runCmd() *cobra.Command {
	var down, keep bool
	var logs logFlags
	cmd := &cobra.Command{
		Use:   "run BOND [OPTION VALUE]... [slaves IFACE...]",
		Short: "run one bond in the foreground",
		Long: `Run one bond in the foreground, in the network namespace it is started in.

Options are the kernel driver's, by its names or iproute2's; values by name or
number. The slaves must be down, as for the kernel. The bond is set up and
lives until the command is interrupted; then its slaves are left as they were
found, but down. If an earlier run was killed, its bond is taken over.`,
		Example: `  tapbond run bond0 mode active-backup miimon 100 slaves eth0 eth1
  tapbond run bond0 mode balance-xor xmit_hash_policy layer3+4 offload off slaves eth0 eth1`,
		Args:                  words(1, -1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			r := runner{name: args[0], down: down, out: cmd.OutOrStdout()}
			var err error
			if r.options, r.slaves, err = runWords(args[1:]); err != nil {
				return wrongWords(cmd, args, err)
			}
			err = withAccepted(serve(cmd.Context(), daemon.Options{Keep: keep, Setup: r.setup}, &logs))
			var elsewhere *control.BusyError
			if errors.Is(err, control.ErrBusy) && !isHung(err) && !errors.As(err, &elsewhere) {
				err = fmt.Errorf("%w; make the bond there: tapbond ip link add %s type bond", err, r.name)
			}
			return err
		},
	}
	logs.add(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "on SIGTERM leave the bond to the next run or daemon")
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
		return nil, nil, fmt.Errorf("%q is no option (tapbond options lists them); slaves follow the word slaves", rest[0])
	}
	return opts, rest[1:], nil
}

// runner is one `tapbond run`.
type runner struct {
	name    string
	options []option.Assign
	slaves  []string
	down    bool
	out     io.Writer
}

// setup makes the bond, or brings one that was taken over to what is asked for.
func (r *runner) setup(ctx context.Context, engine *bond.Engine) (*bond.Bond, error) {
	b := engine.Bond(r.name)
	var err error
	if b != nil {
		err = r.adjust(ctx, b)
	} else {
		b, err = r.build(ctx, engine)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(r.out, "%s is running; interrupt to undo\n", r.name)
	return b, nil
}

// adjust gives a bond that was taken over the options and slaves asked for.
func (r *runner) adjust(ctx context.Context, b *bond.Bond) error {
	st, err := b.State()
	if err != nil {
		return err
	}
	// What it has already can perhaps not be set now, and need not be.
	options := slices.DeleteFunc(slices.Clone(r.options), st.Options.Has)
	if err := b.Set(ctx, option.ViaNetlink, options); err != nil {
		return err
	}
	for _, s := range st.Slaves {
		if !slices.Contains(r.slaves, s.Name) {
			if err := b.Release(ctx, s.Name); err != nil {
				return err
			}
		}
	}
	for _, name := range r.slaves {
		if !slices.ContainsFunc(st.Slaves, func(s bond.SlaveState) bool { return s.Name == name }) {
			if err := b.EnslaveConfigured(ctx, name); err != nil {
				return err
			}
		}
	}
	if r.down {
		return b.SetDown(ctx)
	}
	return b.SetUp(ctx)
}

// build makes the bond, with every slave or not at all.
func (r *runner) build(ctx context.Context, engine *bond.Engine) (*bond.Bond, error) {
	b, err := engine.Create(ctx, bond.Config{Name: r.name, Options: r.options})
	if err != nil {
		return nil, err
	}
	for _, s := range r.slaves {
		if err := b.EnslaveConfigured(ctx, s); err != nil {
			return nil, err
		}
	}
	if r.down {
		return b, nil
	}
	return b, b.SetUp(ctx)
}
