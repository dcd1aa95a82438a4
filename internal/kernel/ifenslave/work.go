package ifenslave

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
)

// run does what is asked for about one bond.
func (j *job) run(ctx context.Context) int {
	master, err := j.Host.NIC(j.master)
	if err != nil {
		return j.complain(exitFailed, "ifenslave: %v", err)
	}
	if !master.Exists {
		j.complain(0, "Master '%s': Error: handshake with driver failed. Aborting", j.master)
		return j.complain(exitFailed, "There is no interface %s: `modprobe bonding` makes bond0, `ip link add %s type bond` this one", j.master, j.master)
	}
	j.master = master.Name // it may have been called by an alternative one
	slaves := j.names[1:]
	b := j.bond(j.master)
	switch {
	case len(slaves) == 0 && (j.detach || j.change):
		return j.misused(nil)
	case len(slaves) == 0:
		j.show(master)
		return exitOK
	case b == nil:
		return j.complain(exitFailed, "Illegal operation; the specified interface '%s' is not a master. Aborting", j.master)
	case !b.Up:
		return j.complain(exitFailed, "Illegal operation; the specified master interface '%s' is not up.", j.master)
	}
	if !j.change && !j.detach && !master.Ethernet && !j.force {
		return j.complain(exitFailed, "Illegal operation: The specified master interface '%s' is not ethernet-like; -f goes on all the same", j.master)
	}
	if j.change {
		return j.changeActive(ctx, slaves[0])
	}
	status := exitOK
	for _, slave := range slaves {
		var got int
		if j.detach {
			got = j.release(ctx, slave)
		} else {
			got = j.enslave(ctx, slave)
		}
		if got != exitOK {
			status = got // of the last one that failed, as ever
		}
	}
	return status
}

func (j *job) tell(format string, args ...any) {
	if j.verbose {
		j.complain(0, format, args...)
	}
}

// because adds the reason, which the original keeps for -v.
func (j *job) because(err error) {
	var errno unix.Errno
	if errors.As(err, &errno) {
		j.complain(0, "  %v", err)
		j.tell("  errno %d: %s", int(errno), option.Strerror(errno))
		return
	}
	j.complain(0, "  %v", err)
}

func (j *job) enslave(ctx context.Context, name string) int {
	nic, err := j.Host.NIC(name)
	switch {
	case err != nil:
		return j.complain(exitFailed, "Slave '%s': Error: get settings failed: %v. Skipping", name, err)
	case !nic.Exists:
		return j.complain(exitNoDev, "Slave '%s': Error: get settings failed: %s. Skipping", name, option.Strerror(unix.ENODEV))
	}
	name = nic.Name
	failed := func() int {
		return j.complain(exitFailed, "Master '%s', Slave '%s': Error: Enslave failed", j.master, name)
	}
	if nic.Kernels || j.masterOf(name) != nil {
		j.complain(0, "Illegal operation: The specified slave interface '%s' is already a slave", name)
		return failed()
	}
	undo, err := j.Host.Prepare(name)
	if err != nil {
		j.complain(0, "Slave '%s': Error: bring interface down failed: %v", name, err)
		return failed()
	}
	j.tell("Interface '%s': set down, its IPv4 addresses cleared", name)
	if err := j.client.Enslave(ctx, j.master, name); err != nil {
		failed()
		j.because(errors.Join(err, undo()))
		return exitFailed
	}
	j.tell("Master '%s', Slave '%s': enslaved", j.master, name)
	return exitOK
}

func (j *job) release(ctx context.Context, name string) int {
	nic, err := j.Host.NIC(name)
	if err != nil || !nic.Exists {
		return j.complain(exitFlags, "Slave '%s': Error: get flags failed. Skipping", name)
	}
	name = nic.Name
	failed := func() int {
		return j.complain(exitFailed, "Master '%s', Slave '%s': Error: Release failed", j.master, name)
	}
	if j.masterOf(name) == nil {
		j.complain(0, "Illegal operation: The specified slave interface '%s' is not a slave", name)
		return failed()
	}
	if err := j.client.Release(ctx, j.master, name); err != nil {
		failed()
		j.because(err)
		return exitFailed
	}
	j.tell("Master '%s', Slave '%s': released", j.master, name)
	return exitOK
}

func (j *job) changeActive(ctx context.Context, name string) int {
	nic, err := j.Host.NIC(name)
	if err != nil || !nic.Exists {
		return j.complain(exitFlags, "Slave '%s': Error: get flags failed. Aborting", name)
	}
	name = nic.Name
	failed := func() int {
		return j.complain(exitFailed, "Master '%s', Slave '%s': Error: Change active failed", j.master, name)
	}
	if j.masterOf(name) == nil {
		j.complain(0, "Illegal operation: The specified slave interface '%s' is not a slave", name)
		return failed()
	}
	if err := j.client.Set(ctx, j.master, []option.Assign{{Option: "active_slave", Value: name}}); err != nil {
		failed()
		j.because(err)
		return exitFailed
	}
	j.tell("Master '%s', Slave '%s': active", j.master, name)
	return exitOK
}
