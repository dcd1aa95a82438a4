package lockfile

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// namespaceName is an address in the abstract space of unix sockets. Each network
// namespace has such a space of its own, which no mount and no folder divides.
const namespaceName = "@tapbond"

const (
	// answerTime bounds the exchange between a holder and another process.
	answerTime = 500 * time.Millisecond
	// maxAbout is the longest text a holder is expected to send, in bytes.
	maxAbout = 4096
)

// ErrUntrusted says that a process without rights in the network namespace holds
// its lock. Anybody may bind the address, so such a holder excludes nobody.
var ErrUntrusted = errors.New("held by a process without rights in the network namespace")

// HeldError says that another process holds a network namespace's lock.
type HeldError struct {
	PID   int    // 0 if it is not visible from here
	About string // what it gave to TakeNamespace; empty if it doesn't answer
}

func (e *HeldError) Error() string { return fmt.Sprintf("held by process %d (%s)", e.PID, e.About) }

// Unwrap returns ErrHeld.
func (e *HeldError) Unwrap() error { return ErrHeld }

// Namespace is the lock of a network namespace. It ends with its process.
type Namespace struct{ l *net.UnixListener }

// TakeNamespace takes the lock of the calling thread's network namespace. Other
// processes that try learn the text about. The error is a HeldError, or
// ErrUntrusted.
func TakeNamespace(about string) (*Namespace, error) {
	for {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: namespaceName, Net: "unix"})
		if err == nil {
			n := &Namespace{l}
			go n.answer(about)
			return n, nil
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, fmt.Errorf("lock of the network namespace: %w", err)
		}
		if err := holder(); !errors.Is(err, unix.ECONNREFUSED) { // else it is free by now
			return nil, err
		}
	}
}

// Holder returns who holds the lock of the calling thread's network namespace; nil
// if nobody does, or only somebody without rights there.
func Holder() *HeldError {
	var held *HeldError
	_ = errors.As(holder(), &held)
	return held
}

// Close gives the lock up.
func (n *Namespace) Close() error { return n.l.Close() }

func (n *Namespace) answer(about string) {
	for {
		c, err := n.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptor is left: the lock holds all the same
			time.Sleep(answerTime)
			continue
		}
		_ = c.SetDeadline(time.Now().Add(answerTime))
		_, _ = io.WriteString(c, about)
		c.Close()
	}
}

// holder asks who holds the lock.
func holder() error {
	d := net.Dialer{Timeout: answerTime}
	c, err := d.Dial("unix", namespaceName)
	if err != nil {
		return err
	}
	defer c.Close()
	who, err := peer(c.(*net.UnixConn))
	if err != nil {
		return err
	}
	if !trusted(who) {
		return fmt.Errorf("process %d of user %d: %w", who.Pid, who.Uid, ErrUntrusted)
	}
	_ = c.SetDeadline(time.Now().Add(answerTime))
	about, _ := io.ReadAll(io.LimitReader(c, maxAbout))
	return &HeldError{PID: int(who.Pid), About: strings.TrimSpace(string(about))}
}

func peer(c *net.UnixConn) (who *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	if cerr := raw.Control(func(fd uintptr) {
		who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil {
		return nil, cerr
	}
	return who, err
}
