package control

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
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

// Listen opens the control socket of the caller's network namespace, or
// returns ErrBusy. A socket left by a killed server is replaced: the lock
// beside it tells.
func Listen() (*Listener, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	lock, err := takeLock(filepath.Join(dir, "lock"))
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
	if err := os.Chmod(path, 0o660); err != nil {
		l.Close()
		lock.Close()
		return nil, err
	}
	return &Listener{Listener: netutil.LimitListener(l, maxConns), dir: dir, lock: lock}, nil
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
