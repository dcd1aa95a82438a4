package bond

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
)

// Strays returns the devices that have a mark of ours: NICs with our filter, and
// our TAPs, in this order. Whether a record tells of them is not asked.
func Strays(sys System) ([]link.Info, error) {
	all, err := sys.Links()
	if err != nil {
		return nil, err
	}
	var nics, taps []link.Info
	for _, i := range all {
		if i.Kind == "tun" {
			if sys.OwnTAP(i) {
				taps = append(taps, i)
			}
			continue
		}
		marked, err := sys.Marked(i.Index)
		if err != nil {
			return nil, err
		}
		if marked {
			nics = append(nics, i)
		}
	}
	return append(nics, taps...), nil
}

// Strays returns the devices that have a mark of ours and belong to no bond.
func (e *Engine) Strays() []link.Info {
	all, _ := Strays(e.sys)
	return slices.DeleteFunc(all, func(i link.Info) bool { return e.owns(i.Index) || e.keep.holds(i.Index) })
}

// UndoMarked undoes what a bond did to a device that has a mark of ours and no
// record: a TAP is deleted; a NIC gets its permanent address and the sysctls of a
// new device, loses the filter and is set down, unless somebody uses it. It returns
// how the device was left.
func UndoMarked(sys System, i link.Info) (string, error) {
	if i.Kind == "tun" {
		// One of an older version has no mark; no process has it open, then.
		if !sys.OwnTAP(i) && i.Carrier {
			return "", fmt.Errorf("%s is a TAP of another program, and in use", i.Name)
		}
		return "deleted", sys.DeleteTAP(i.Index)
	}
	marked, err := sys.Marked(i.Index)
	if err == nil && !marked {
		err = fmt.Errorf("%s has no filter of ours: %w", i.Name, unix.ENOENT)
	}
	if err != nil {
		return "", err
	}
	saved, err := sys.Unsaved(i)
	if err != nil {
		return "", err
	}
	r := SlaveRecord{Name: i.Name, Index: i.Index, Saved: saved, MAC: i.MAC}
	f := finding{Info: i}
	if f.why, err = r.taken(sys, &f); err == nil && f.why == "" {
		f.why, err = r.inUse(sys, &f)
	}
	if err != nil {
		return "", err
	}
	how := "released, down"
	if f.why != "" {
		how, err = r.restoreInUse(sys, &f)
	} else {
		err = r.restore(sys)
	}
	if i.PermMAC == ([6]byte{}) {
		how += fmt.Sprintf("; it has no permanent address and keeps %s", link.MACString(i.MAC))
	}
	return how + fmt.Sprintf("; its MTU stays %d", i.MTU), err
}

// UndoSlave undoes what the bond of a record did to one slave, and takes it out of
// the record. It returns how the slave was left.
func UndoSlave(sys System, r *Record, name string) (how string, err error) {
	for i := range r.Slaves {
		if r.Slaves[i].Name != name {
			continue
		}
		if how, err = undoSlave(sys, &r.Slaves[i]); err == nil {
			r.Slaves = append(r.Slaves[:i:i], r.Slaves[i+1:]...)
		}
		return how, err
	}
	return "", errors.New("no such slave")
}
