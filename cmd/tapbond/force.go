package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/statefile"
)

// cleanupAll undoes every record that can be read, and then what has a mark of ours.
// Records that can't be read are set aside.
func cleanupAll(out io.Writer, store *statefile.Store) error {
	var foreign *statefile.VersionError
	err := cleanup(out, store)
	if errors.As(err, &foreign) {
		err = nil
	}
	sys, serr := bond.NewSystem()
	if serr != nil {
		return errors.Join(err, serr)
	}
	defer sys.Close()
	strays, serr := bond.Strays(sys)
	errs := []error{err, serr}
	for _, i := range strays {
		how, err := bond.UndoMarked(sys, i)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", i.Name, err))
			continue
		}
		fmt.Fprintf(out, "%s: %s\n", i.Name, how)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if foreign != nil {
		fmt.Fprintf(out, "%s\n", store.GiveUp())
	}
	return errors.Join(sys.Managers().Sweep(context.Background(), nil)...)
}

// cleanupOne undoes one bond or one slave: as its record tells, or by its mark where
// no record does.
func cleanupOne(out io.Writer, store *statefile.Store, name string) error {
	sys, err := bond.NewSystem()
	if err != nil {
		return err
	}
	defer sys.Close()
	records, err := store.Load() // what can't be read tells nothing
	var foreign *statefile.VersionError
	if err != nil && !errors.As(err, &foreign) {
		fmt.Fprintln(out, err)
	}
	for i := range records {
		r := &records[i]
		if r.Name == name {
			how, err := bond.Undo(sys, r)
			for _, l := range how {
				fmt.Fprintf(out, "%s: %s\n", l.Slave, l.How)
			}
			if err == nil {
				fmt.Fprintf(out, "%s: undone\n", name)
				records = slices.Delete(records, i, i+1)
			}
			return errors.Join(err, store.Save(records))
		}
		if slices.ContainsFunc(r.Slaves, func(s bond.SlaveRecord) bool { return s.Name == name }) {
			how, err := bond.UndoSlave(sys, r, name)
			if err == nil {
				fmt.Fprintf(out, "%s: %s\n", name, how)
			}
			return errors.Join(err, store.Save(records))
		}
	}
	info, err := sys.LinkByName(name)
	if err != nil {
		return err
	}
	how, err := bond.UndoMarked(sys, info)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s\n", name, how)
	return nil
}
