package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"
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
		lock, err := takeLock(filepath.Join(dir, "lock"))
		if !errors.Is(err, ErrBusy) || !errors.Is(c.Ping(ctx), ErrNoServer) {
			return lock, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// takeLock takes the lock file of a namespace. The file goes with its holder,
// so what was locked must still be what has the name.
func takeLock(path string) (*os.File, error) {
	for {
		lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			lock.Close()
			if errors.Is(err, unix.EWOULDBLOCK) {
				return nil, ErrBusy
			}
			return nil, fmt.Errorf("flock %s: %w", path, err)
		}
		locked, err := lock.Stat()
		if err != nil {
			lock.Close()
			return nil, err
		}
		if named, err := os.Stat(path); err == nil && os.SameFile(locked, named) {
			return lock, nil
		}
		lock.Close()
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
