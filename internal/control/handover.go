package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/lockfile"
	"github.com/tapbond/tapbond/internal/rundir"
)

// A server that has nothing to serve hands over to whoever wants its place, and
// one that is ending is waited for.

// endingTime is how long a holder of the lock that serves no more is waited for:
// it undoes its bonds, or was just killed.
const endingTime = 9 * time.Second

// handOver asks the server to end if it has no bonds.
func (c *Client) handOver(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/handover", nil, nil)
}

func (s *Server) handOver(w http.ResponseWriter, _ *http.Request) {
	if s.HandOver == nil || !s.HandOver() {
		answer(w, nil, &Error{Message: "this daemon stays: it has bonds, or was started to stay", Errno: unix.EBUSY})
		return
	}
	answer(w, nil, nil)
}

// waitLock takes the lock of a namespace's directory: ErrBusy if a server holds it
// that stays.
func waitLock(dir string) (*os.File, error) {
	c, err := NewClient()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), endingTime)
	defer cancel()
	for {
		if err := rundir.Make(dir); err != nil {
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			return nil, err
		}
		lock, err := lockfile.Take(filepath.Join(dir, lockName))
		if errors.Is(err, os.ErrNotExist) { // one that ended has just removed dir
			continue
		}
		if !errors.Is(err, lockfile.ErrHeld) {
			return lock, err
		}
		var hung *HungError
		switch err := c.handOver(ctx); {
		case err == nil, errors.Is(err, ErrNoServer):
		case errors.As(err, &hung):
			return nil, fmt.Errorf("%w: %w", ErrBusy, hung)
		default:
			return nil, ErrBusy
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: it is ending, and has not ended within %v", ErrBusy, endingTime)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
