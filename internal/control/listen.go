package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/net/netutil"

	"github.com/tapbond/tapbond/internal/lockfile"
)

// Limits of what clients may ask for, so that a slow or hostile one costs little.
const (
	maxRequest     = 1 << 20 // octets of a request's body
	maxHeader      = 16 << 10
	maxConns       = 64
	requestTimeout = 5 * time.Second // to send a request
	idleTimeout    = 30 * time.Second
)

// ErrBusy says that the namespace is served already.
var ErrBusy = errors.New("another tapbond serves this network namespace")

// Listener is the control socket of the namespace it was opened in.
type Listener struct {
	net.Listener
	dir  string
	lock *os.File
}

// Listen opens the control socket of the caller's network namespace, root's and
// the group's if one is named, or returns ErrBusy. A socket left by a killed
// server is replaced: the lock beside it tells.
func Listen(group string) (*Listener, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := waitLock(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, socketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		lock.Close()
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	if err := grant(path, group); err != nil {
		l.Close()
		lock.Close()
		return nil, err
	}
	return &Listener{Listener: netutil.LimitListener(peers{l}, maxConns), dir: dir, lock: lock}, nil
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

// dyingTime is how long a holder of the lock that doesn't answer is waited for:
// a killed process takes a moment to be gone.
const dyingTime = time.Second

func waitLock(dir string) (*os.File, error) {
	c, err := NewClient()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dyingTime)
	defer cancel()
	for {
		lock, err := lockfile.Take(filepath.Join(dir, "lock"))
		if !errors.Is(err, lockfile.ErrHeld) {
			return lock, err
		}
		if !errors.Is(c.Ping(ctx), ErrNoServer) {
			return nil, ErrBusy
		}
		select {
		case <-ctx.Done():
			return nil, ErrBusy
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Close stops listening and removes what belongs to the socket.
func (l *Listener) Close() error {
	err := l.Listener.Close()
	_ = os.Remove(filepath.Join(l.dir, "lock"))
	_ = os.Remove(l.dir)
	return errors.Join(err, l.lock.Close())
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
