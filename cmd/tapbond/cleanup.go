package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/control"
	"github.com/tapbond/tapbond/internal/daemon"
	"github.com/tapbond/tapbond/internal/statefile"
)

func cleanupCmd() *cobra.Command {
	var force, all bool
	cmd := &cobra.Command{
		Use:   "cleanup [--force IFACE|--all]",
		Short: "clean up after a killed daemon: restore slaves and host as they were before the bonds",
		Long: `Undo what a daemon left that was killed: slaves as they were found, but down, and the
bonds gone. A NIC that is another one by now is left alone; one that is in use again
stays up.

With --force what no record tells of is undone, too, by the marks that bonds leave: the
filter on a slave, and a TAP's own. A slave gets its permanent address and the sysctls of
a new device; its MTU stays. Give one interface, or --all.`,
		Args: words(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case !force && (all || len(args) > 0):
				return errors.New("without --force cleanup undoes what the records tell of, and takes no interface")
			case force && all == (len(args) > 0):
				return errors.New("--force needs an interface, or --all")
			}
			return cleanupHere(cmd.OutOrStdout(), force, args)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "undo also what no record tells of")
	cmd.Flags().BoolVar(&all, "all", false, "with --force: everything that has a mark of a bond")
	return cmd
}

// cleanupHere cleans up in this network namespace, which nobody may serve.
func cleanupHere(out io.Writer, force bool, args []string) error {
	if err := privileged(); err != nil {
		return err
	}
	l, err := control.Listen("")
	if isHung(err) {
		return fmt.Errorf("%w; or end it with kill -9 and run `tapbond cleanup` again", err)
	}
	if errors.Is(err, control.ErrBusy) {
		return errors.New("a daemon serves this network namespace; `tapbond delete BOND` undoes a bond of it")
	}
	if err != nil {
		return err
	}
	defer l.Close()
	store := statefile.Open(l.Dir())
	switch {
	case len(args) > 0:
		return cleanupOne(out, store, args[0])
	case force:
		err = cleanupAll(out, store)
	default:
		err = cleanup(out, store)
	}
	if err == nil {
		daemon.ForgetHistory(l.Dir())
	}
	return err
}

// cleanup undoes every record. Those it can't undo are kept.
func cleanup(out io.Writer, store *statefile.Store) error {
	records, err := store.Load()
	var foreign *statefile.VersionError
	if errors.As(err, &foreign) {
		return err
	}
	errs := []error{err}
	sys, err := bond.NewSystem()
	if err != nil {
		return err
	}
	defer sys.Close()
	for i := range records {
		records[i].Phase = bond.Going
	}
	_ = store.Save(records) // if this process is killed, the next one goes on with it
	var left []bond.Record
	var kept []string
	for i := range records {
		r := &records[i]
		how, err := bond.Undo(sys, r)
		if err == nil {
			fmt.Fprintf(out, "%s: undone\n", r.Name)
		}
		for _, l := range how {
			fmt.Fprintf(out, "%s: %s\n", l.Slave, l.How)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Name, err))
			left = append(left, *r)
			for _, s := range r.Slaves {
				kept = append(kept, s.Name)
			}
		}
	}
	module, err := store.Module()
	errs = append(errs, err)
	if module != nil {
		errs = append(errs, cleanRemnants(out, sys, module))
		if len(left)+len(module.Left) == 0 {
			fmt.Fprintln(out, "module bonding: unloaded")
			module = nil
		}
	} else if len(records) == 0 {
		fmt.Fprintln(out, "nothing to undo")
	}
	errs = append(errs, sys.Managers().Sweep(context.Background(), kept)...)
	return errors.Join(append(errs, store.Save(left), store.SaveModule(module))...)
}

// cleanRemnants removes what an unloading of the module could not remove.
func cleanRemnants(out io.Writer, sys bond.System, module *bond.ModuleRecord) error {
	var errs []error
	module.Left = slices.DeleteFunc(module.Left, func(r bond.Remnant) bool {
		if _, err := bond.Undo(sys, r.Record()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Name, err))
			return false
		}
		fmt.Fprintf(out, "%s: undone\n", r.Name)
		return true
	})
	return errors.Join(errs...)
}
