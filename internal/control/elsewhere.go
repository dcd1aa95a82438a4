package control

import (
	"fmt"
	"os"
	"time"

	"github.com/tapbond/tapbond/internal/lockfile"
)

// folderTime is how long a folder may be missing while a daemon begins or ends, or
// makes a folder anew that was removed.
const folderTime = time.Second

// elsewhere returns a BusyError if a daemon serves the calling thread's network
// namespace whose files are not in dir, the folder of that namespace: they have
// another path, are in another mount namespace, or were removed. What serves nothing
// in dir must not be taken for a namespace without bonds.
func elsewhere(dir string) error {
	if own, err := Dir(); err != nil || own != dir {
		return nil // a client of another namespace
	}
	for limit := time.Now().Add(folderTime); ; time.Sleep(folderTime / 50) {
		held := lockfile.Holder()
		switch {
		case held == nil, held.About == "" && !stopped(held.PID): // none, or one that is dying
			return nil
		case held.About != dir:
			return &BusyError{PID: held.PID, Dir: held.About, Own: dir}
		}
		where := folderOf(held.PID, dir)
		switch {
		case where == folderSame:
			return nil // it begins or ends
		case where == folderOther, where == folderUnknown && time.Now().After(limit):
			return &BusyError{PID: held.PID, Dir: dir, Own: dir, Mounts: true}
		case where == folderGone && time.Now().After(limit):
			return &BusyError{PID: held.PID, Dir: dir, Own: dir}
		}
	}
}

// folder says how a path of another process compares with the same path here.
type folder uint8

const (
	folderSame    folder = iota
	folderOther          // another one, or on one side only
	folderGone           // on neither side
	folderUnknown        // the process is not visible, or not ours to look into
)

func folderOf(pid int, dir string) folder {
	here, missing := os.Stat(dir)
	if pid == 0 {
		return folderUnknown
	}
	there, err := os.Stat(fmt.Sprintf("/proc/%d/root%s", pid, dir))
	switch {
	case os.IsPermission(err) && missing == nil:
		return folderSame // for all that can be told
	case os.IsPermission(err):
		return folderUnknown
	case err != nil && missing != nil:
		return folderGone
	case err == nil && missing == nil && os.SameFile(here, there):
		return folderSame
	}
	return folderOther
}
