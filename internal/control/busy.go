package control

import (
	"errors"
	"fmt"
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
	Mounts   bool   // Dir is in another mount namespace
}

func (e *BusyError) Error() string {
	who := "a process that is not visible from here"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	text := fmt.Sprintf("%v: %s", ErrBusy, who)
	switch {
	case e.Dir == "":
		return text + "; end it first"
	case e.Mounts:
		enter := "its container"
		if e.PID != 0 {
			enter = fmt.Sprintf("nsenter --mount --net --target %d", e.PID)
		}
		return fmt.Sprintf("%s, whose folder %s is in another mount namespace; use it from there (%s), give both the same folder, or end it first", text, e.Dir, enter)
	case e.Dir == e.Own:
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
			other := held.About == dir && folderOf(held.PID, dir) == folderOther
			return nil, nil, &BusyError{PID: held.PID, Dir: held.About, Own: dir, Mounts: other}
		}
	}
}
