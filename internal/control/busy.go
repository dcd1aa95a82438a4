package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tapbond/tapbond/internal/lockfile"
)

// ErrBusy says that the namespace is served already.
var ErrBusy = errors.New("another tapbond serves this network namespace")

// BusyError is ErrBusy for a daemon that keeps its files elsewhere: one in a
// container that shares the network namespace, or one whose folder was removed.
type BusyError struct {
	PID      int    // 0 if it is not visible from here
	Dir, Own string // where its files are, and where this process would have them
}

func (e *BusyError) Error() string {
	who := "a process that is not visible from here"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	text := fmt.Sprintf("%v: %s", ErrBusy, who)
	switch e.Dir {
	case "":
		return text + "; end it first"
	case e.Own:
		return fmt.Sprintf("%s, whose folder %s was removed; end that process and start the daemon again, which takes its bonds over", text, e.Dir)
	}
	return fmt.Sprintf("%s, which keeps its files in %s, not in %s; use that one (TAPBOND_RUN=%s, where that folder is visible), or end it first", text, e.Dir, e.Own, filepath.Dir(e.Dir))
}

// Unwrap returns ErrBusy.
func (e *BusyError) Unwrap() error { return ErrBusy }

// dyingTime is how long a holder that doesn't answer is waited for: a killed process
// takes a moment to be gone.
const dyingTime = time.Second

// waitNamespace takes the lock of the network namespace, which excludes daemons
// that keep their files elsewhere, too. A holder is waited for as long as a killed
// process may take to be gone. warning says that the lock could not be had because
// somebody without rights holds it.
func waitNamespace(dir string) (n *lockfile.Namespace, warning, err error) {
	for limit := time.Now().Add(dyingTime); ; time.Sleep(5 * time.Millisecond) {
		n, err = lockfile.TakeNamespace(dir)
		var held *lockfile.HeldError
		switch {
		case errors.Is(err, lockfile.ErrUntrusted):
			return nil, fmt.Errorf("the lock of the network namespace (abstract unix socket @tapbond): %w; a second daemon would not be noticed", err), nil
		case !errors.As(err, &held):
			return n, nil, err
		case held.About != "", time.Now().After(limit): // one that answers doesn't die
			return nil, nil, &BusyError{PID: held.PID, Dir: held.About, Own: dir}
		}
	}
}

// folderTime is how long a folder may be missing while a daemon begins or ends, or
// makes a folder anew that was removed.
const folderTime = time.Second

// elsewhere returns a BusyError if a daemon serves the calling thread's network
// namespace whose files are not in dir, the folder of that namespace, or were
// removed from there: what serves nothing in dir must not be taken for a namespace
// without bonds.
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
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if time.Now().After(limit) {
			return &BusyError{PID: held.PID, Dir: dir, Own: dir}
		}
	}
}
