package unmanage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// dropin is a manager that reads a folder of files, each of which can take one
// NIC away from it, and has a name on the system bus.
type dropin struct {
	title          string
	busName        string
	run            string // the folder that our dir is in
	dir            string // in run, where the files are
	prefix, suffix string // of the file's name, around the NIC's
	programs       []string
	bus            *bus

	text func(nic string) string
	// reload has it read its files again.
	reload func(ctx context.Context, conn *dbus.Conn) error
	// managed reports whether it configures the NIC at present.
	managed func(ctx context.Context, conn *dbus.Conn, nic string) (bool, error)
	// insist tries otherwise to have it leave a NIC, or, with free, undoes that.
	// nil where the file is all there is.
	insist func(ctx context.Context, conn *dbus.Conn, nic string, free bool) error
}

func (d *dropin) name() string { return d.title }

// has: it runs here, or it doesn't run yet but is to run here: where systemd
// starts things, whoever comes first at boot.
func (d *dropin) has(ctx context.Context, _ string) bool {
	return d.bus.owner(ctx, d.busName) != 0 || d.expected()
}

// systemdRuns is there while systemd is the machine's init.
const systemdRuns = "systemd/system"

func (d *dropin) expected() bool {
	if _, err := os.Stat(filepath.Join(d.run, systemdRuns)); err != nil || !d.bus.here(1) {
		return false
	}
	return slices.ContainsFunc(d.programs, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
}

// file is the name of a NIC's file.
func (d *dropin) file(nic string) string { return d.prefix + nic + d.suffix }

// plain names mean themselves in every manager's configuration.
func plain(nic string) error {
	bad := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-:@+", r))
	}
	if nic == "" || strings.ContainsFunc(nic, bad) {
		return fmt.Errorf("%q can't be written in its configuration", nic)
	}
	return nil
}

func (d *dropin) hold(ctx context.Context, nic string) error {
	if err := plain(nic); err != nil {
		return err
	}
	pid := d.bus.owner(ctx, d.busName)
	in, err := d.open(pid)
	if err != nil {
		return err
	}
	defer in.close()
	text := d.text(nic)
	if d.insistedOn(in, nic) {
		text += insisted
	}
	if err := in.write(d.file(nic), text); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if pid == 0 {
		return nil // it will read the file when it starts
	}
	return d.ask(ctx, func(conn *dbus.Conn) error {
		err := d.untilLeft(ctx, conn, nic)
		if !errors.Is(err, errStill) || d.insist == nil {
			return err
		}
		// Its other files say otherwise. The file remembers what is to be undone.
		if err := in.write(d.file(nic), d.text(nic)+insisted); err != nil {
			return err
		}
		if err := d.insist(ctx, conn, nic, false); err != nil {
			return err
		}
		return d.untilLeft(ctx, conn, nic)
	})
}

// insisted is the last line of a file that isn't all that was done.
const insisted = "# and by request\n"

func (d *dropin) insistedOn(in *folder, nic string) bool {
	return strings.HasSuffix(in.read(d.file(nic)), insisted)
}

// ask opens the bus, has the files read again and then does what is left to do.
func (d *dropin) ask(ctx context.Context, then func(*dbus.Conn) error) error {
	conn, err := d.bus.open(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := d.reload(ctx, conn); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	return then(conn)
}

var errStill = errors.New("still configures it, whatever its file says")

// leaves bounds how long a manager may take to let a NIC go, once told: it
// sets the NIC down, which we are about to set up.
const (
	leaves    = 500 * time.Millisecond
	lookAgain = 10 * time.Millisecond
)

// untilLeft returns when the manager no longer has the NIC, errStill if that
// doesn't come.
func (d *dropin) untilLeft(ctx context.Context, conn *dbus.Conn, nic string) error {
	limit := time.Now().Add(leaves)
	for {
		managed, err := d.managed(ctx, conn, nic)
		if err != nil || !managed {
			return err
		}
		if time.Now().After(limit) {
			return errStill
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

func (d *dropin) free(ctx context.Context, nics []string) error {
	pid := d.bus.owner(ctx, d.busName)
	in, err := d.open(pid)
	if err != nil {
		return err
	}
	defer in.close()
	var errs []error
	var requests []string
	for _, nic := range nics {
		if d.insistedOn(in, nic) {
			requests = append(requests, nic)
		}
		errs = append(errs, in.remove(d.file(nic)))
	}
	switch {
	case ctx.Err() != nil:
		return errors.Join(append(errs, context.Cause(ctx))...)
	case pid != 0:
		errs = append(errs, d.ask(ctx, func(conn *dbus.Conn) error {
			var errs []error
			for _, nic := range requests {
				errs = append(errs, d.insist(ctx, conn, nic, true))
			}
			return errors.Join(errs...)
		}))
	}
	return errors.Join(errs...)
}

func (d *dropin) sweep(ctx context.Context, keep []string) error {
	pid := d.bus.owner(ctx, d.busName)
	if pid == 0 && !d.expected() {
		return nil // somebody else's files, for a manager of another namespace
	}
	in, err := d.open(pid)
	if err != nil {
		return err
	}
	left, err := in.names()
	in.close()
	if err != nil {
		return err
	}
	var nics []string
	for _, name := range left {
		nic, ours := strings.CutPrefix(name, d.prefix)
		nic, ends := strings.CutSuffix(nic, d.suffix)
		if ours && ends && !slices.Contains(keep, nic) {
			nics = append(nics, nic)
		}
	}
	if len(nics) == 0 {
		return nil
	}
	return d.free(ctx, nics)
}
