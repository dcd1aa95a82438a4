package control

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/lockfile"
	"github.com/tapbond/tapbond/internal/rundir"
)

// socket is a listener at a path, which is opened again if somebody removes it.
type socket struct {
	path, group string

	mu     sync.Mutex
	l      *net.UnixListener
	file   os.FileInfo
	closed bool
}

func openSocket(path, group string) (*socket, error) {
	s := &socket{path: path, group: group}
	return s, s.open()
}

// open replaces what is at the path; connections that were accepted go on.
func (s *socket) open() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	before := unix.Umask(0o177) // nobody else connects until it is granted
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: s.path, Net: "unix"})
	unix.Umask(before)
	if err != nil {
		return err
	}
	file, err := os.Lstat(s.path)
	if err == nil && file.Mode()&os.ModeSocket == 0 {
		err = fmt.Errorf("%s: somebody else has put something there", s.path)
	}
	if err == nil {
		err = grant(s.path, s.group)
	}
	if err != nil {
		l.Close()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.l != nil {
		s.l.SetUnlinkOnClose(false) // the path is the new one's
		_ = s.l.Close()
	}
	s.l, s.file = l, file
	return nil
}

// intact reports whether the socket is still what the path leads to.
func (s *socket) intact() bool {
	now, err := os.Lstat(s.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	return err == nil && os.SameFile(now, s.file)
}

// Accept implements net.Listener.
func (s *socket) Accept() (net.Conn, error) {
	for {
		s.mu.Lock()
		l := s.l
		s.mu.Unlock()
		conn, err := l.Accept()
		if err == nil {
			return conn, nil
		}
		s.mu.Lock()
		replaced := !s.closed && s.l != l
		s.mu.Unlock()
		if !replaced {
			return nil, err
		}
	}
}

// Addr implements net.Listener.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close implements net.Listener.
func (s *socket) Close() error {
	intact := s.intact()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.l.SetUnlinkOnClose(intact) // else the path is somebody else's
	return s.l.Close()
}

// Mend makes the folder, its lock and the socket again if somebody removed them, and
// reports whether that was so.
func (l *Listener) Mend() (bool, error) {
	locked := l.locks.intact()
	if locked && l.socket.intact() {
		return false, nil
	}
	if err := rundir.Make(l.dir); err != nil {
		return true, err
	}
	if !locked {
		file, err := lockfile.Take(filepath.Join(l.dir, lockName))
		if err != nil {
			return true, err
		}
		_ = l.locks.file.Close()
		l.locks.file = file
	}
	return true, l.socket.open()
}

// intact reports whether the lock that is held is still what has its name.
func (l *locks) intact() bool {
	now, err := os.Lstat(l.file.Name())
	own, oerr := l.file.Stat()
	return err == nil && oerr == nil && os.SameFile(now, own)
}
