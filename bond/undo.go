package bond

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/unmanage"
)

// Left says how a slave was left by Undo.
type Left struct {
	Slave string
	How   string
}

// Undo leaves the host as it was before the bond of a record that no process
// runs: the slaves as they were found, but down, the filters and the TAP gone. A
// NIC that is another one now is left alone; one that somebody uses now loses only
// what the bond did to it, and stays up. What can be undone is, whatever else
// fails; the record keeps the slaves that could not be restored.
func Undo(sys System, r *Record) ([]Left, error) {
	var errs []error
	var left []Left
	var failed []SlaveRecord
	for i := range r.Slaves {
		how, err := undoSlave(sys, &r.Slaves[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("slave %s: %w", r.Slaves[i].Name, err))
			failed = append(failed, r.Slaves[i])
			continue
		}
		left = append(left, Left{r.Slaves[i].Name, how})
	}
	r.Slaves = failed
	if info, found := ownTAP(sys, r); found {
		// By netlink, which needs no /dev/net/tun.
		if err := sys.DeleteTAP(info.Index); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, err)
		}
	}
	return left, errors.Join(errs...)
}

// ownTAP finds the TAP of a record. One that was being made is known by its
// name alone: the record was written when there was none of that name.
func ownTAP(sys System, r *Record) (link.Info, bool) {
	if r.Index == 0 {
		info, err := sys.LinkByName(r.Name)
		return info, err == nil && info.Kind == "tun"
	}
	info, err := sys.LinkByIndex(r.Index)
	if err != nil || info.Kind != "tun" {
		return info, false
	}
	return info, sys.OwnTAP(info) || !r.Marked && info.Name == r.Name
}

// ReleasedDown is how a slave is left that nobody uses.
const ReleasedDown = "released as it was found, but down"

// undoSlave gives a NIC back. The order is that of a release: the mark goes last.
func undoSlave(sys System, r *SlaveRecord) (how string, err error) {
	f, err := r.find(sys)
	if err == nil && f.holding == nicOurs {
		if f.why, err = r.inUse(sys, &f); f.why != "" {
			f.holding = nicTaken
		}
	}
	if err != nil {
		return "", err
	}
	var errs []error
	switch how = ReleasedDown; f.holding {
	case nicGone:
		how = "the interface is gone"
	case nicForeign:
		how = "left alone: " + f.why
	case nicTaken:
		how, err = r.restoreInUse(sys, &f)
		errs = append(errs, err)
	case nicOurs:
		if f.marked || r.Phase == Steady || r.Identity == nil {
			errs = append(errs, r.restore(sys))
		} else { // after a kill the hook may be there without the filter
			errs = append(errs, sys.Unshield(r.Index, r.hooked()))
		}
	}
	errs = append(errs, sys.Managers().Free(context.Background(), unmanage.Held{NIC: r.Name, Managers: r.Managers})...)
	return how, errors.Join(errs...)
}

// restore leaves the NIC as it was found, but down, and then takes the mark away:
// the filter goes when the host's stack has nothing to receive.
func (r *SlaveRecord) restore(sys System) error {
	return errors.Join(sys.RestoreSlave(r.Index, r.Saved), sys.Unshield(r.Index, r.hooked()))
}

// restoreInUse takes away what the bond did to a NIC that somebody uses now. What
// the NIC refuses while it is up is left to who uses it.
func (r *SlaveRecord) restoreInUse(sys System, f *finding) (how string, err error) {
	how = "left up: " + f.why
	if err := sys.RestoreInUse(r.Index, r.inUseAs(f)); err != nil {
		how += "; " + err.Error()
	}
	return how, sys.Unshield(r.Index, r.hooked())
}

// hooked: the NIC had a hook before the bond's filter.
func (r *SlaveRecord) hooked() bool { return r.Identity != nil && r.Identity.Hooked }

// inUseAs is what to put back on a NIC that somebody uses now: the address only
// if it has the one that the bond gave it, the MTU as it is.
func (r *SlaveRecord) inUseAs(f *finding) link.Saved {
	s := r.Saved
	s.MTU = f.MTU
	if f.MAC != r.MAC {
		s.MAC = f.MAC
	}
	return s
}
