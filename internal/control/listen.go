package control

import (
	"errors"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"
)

// Limits of what clients may ask for, so that a slow or hostile one costs little.
const (
	maxRequest     = 64 << 10 // bytes of a request's body
	maxHeader      = 16 << 10
	requestTimeout = 5 * time.Second // to send a request
	idleTimeout    = 30 * time.Second
)

// Listener is the control socket of the namespace it was opened in.
type Listener struct {
	*places
	socket *socket
	dir    string
	locks  *locks
}

// Listen opens the control socket of the caller's network namespace, root's and
// the group's if one is named, or returns ErrBusy. A socket left by a killed
// server is replaced: the lock beside it tells.
func Listen(group string) (*Listener, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	held, err := takeLocks(dir)
	if err != nil {
		return nil, err
	}
	s, err := openSocket(filepath.Join(dir, socketName), group)
	if err != nil {
		held.Close()
		return nil, err
	}
	return &Listener{places: newPlaces(peers{s}), socket: s, dir: dir, locks: held}, nil
}

// grant sets who may connect.
func grant(path, group string) error {
	if err := os.Chmod(path, 0o660); err != nil || group == "" {
		return err
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	return os.Chown(path, -1, gid)
}

// Dir is the directory of the namespace served.
func (l *Listener) Dir() string { return l.dir }

// Warning says what an administrator should know although the socket is open, nil
// if there is nothing.
func (l *Listener) Warning() error { return l.locks.warning }

// Close stops listening and removes what belongs to the socket.
func (l *Listener) Close() error {
	return errors.Join(l.places.Close(), l.locks.Close())
}

// httpServer wraps a handler in the limits.
func httpServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, maxRequest),
		ReadHeaderTimeout: requestTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
	}
}
