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
	return &cobra.Command{
		Use:   "cleanup",
		Short: "undo what a killed daemon left: slaves and host as they were before the bonds",
		Args:  words(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
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
			if err := cleanup(cmd.OutOrStdout(), statefile.Open(l.Dir())); err != nil {
				return err
			}
			daemon.RemoveLog(l.Dir())
			return nil
		},
	}
}

// cleanup undoes every record. Those it can't undo are kept.
func cleanup(out io.Writer, store *statefile.Store) error {
	records, err := store.Load()
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
