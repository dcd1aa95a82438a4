package control

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// users is a listener whose connections are of the users it is told.
type users struct {
	conns chan net.Conn
}

type userConn struct {
	net.Conn
	who peer
}

func (c userConn) RemoteAddr() net.Addr { return c.who }

func (l users) Accept() (net.Conn, error) {
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (users) Close() error   { return nil }
func (users) Addr() net.Addr { return peer{} }

// crowd opens n connections of a user; those that got a place are returned.
type crowd struct {
	t *testing.T
	l users
	p *places
}

func newCrowd(t *testing.T) *crowd {
	c := &crowd{t: t, l: users{make(chan net.Conn, 1)}}
	c.p = newPlaces(c.l)
	return c
}

// open makes a connection of a user and reports whether it got a place.
func (c *crowd) open(uid int) *placed {
	c.t.Helper()
	near, far := net.Pipe()
	c.t.Cleanup(func() { near.Close(); far.Close() })
	k := &placed{Conn: userConn{far, peer{1, uid}}, places: c.p, peer: peer{1, uid}, since: time.Now()}
	if err := c.p.admit(k); err != nil {
		var no *Error
		if !errors.As(err, &no) || no.Errno != unix.EUSERS || status(no.Errno) != http.StatusTooManyRequests {
			c.t.Errorf("refused with %v", err)
		}
		return nil
	}
	return k
}

func (c *crowd) count(uid int) (n int) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for k := range c.p.conns {
		if k.peer.uid == uid {
			n++
		}
	}
	return n
}

// Whatever others do, there are places for root, and for another user.
func TestPlacesPerUser(t *testing.T) {
	c := newCrowd(t)
	busy := func(uid int) bool {
		k := c.open(uid)
		if k != nil {
			c.p.state(k, http.StateActive)
		}
		return k != nil
	}
	for i := range 10 * maxUserConns {
		if got := busy(1000); got != (i < maxUserConns) {
			t.Fatalf("connection %d of user 1000: %v", i, got)
		}
	}
	if !busy(1001) || !busy(0) {
		t.Error("one user takes the places of another one, or of root")
	}
	for uid := 1001; uid < 1020; uid++ {
		for range maxUserConns {
			busy(uid)
		}
	}
	if busy(2000) {
		t.Error("all users but root have more than their places")
	}
	for i := range maxRootConns - 1 {
		if !busy(0) {
			t.Fatalf("root is refused with %d", i)
		}
	}
	if busy(0) {
		t.Error("root has no limit")
	}
}

// Connections that say nothing give way to those of the same user, the oldest
// first, and never to another user's.
func TestSilentConnectionsGiveWay(t *testing.T) {
	c := newCrowd(t)
	other := c.open(1001)
	first := c.open(1000)
	for range 3 * maxUserConns {
		if c.open(1000) == nil {
			t.Fatal("refused beside silent ones")
		}
	}
	if n := c.count(1000); n != maxUserConns {
		t.Errorf("%d places are taken", n)
	}
	if _, err := first.Write([]byte{1}); err == nil {
		t.Error("the oldest is still open")
	}
	if n := c.count(1001); n != 1 || other == nil {
		t.Errorf("another user has %d", n)
	}
}

func TestStreamsPerUser(t *testing.T) {
	p := newPlaces(users{})
	var leave []func()
	take := func(uid, want int) {
		t.Helper()
		for i := range want + 1 {
			done, err := p.stream(uid)
			if (err == nil) != (i < want) {
				t.Fatalf("stream %d of user %d: %v", i, uid, err)
			}
			if err == nil {
				leave = append(leave, done)
			}
		}
	}
	take(1000, maxUserStreams)
	take(1001, maxUserStreams)
	take(0, maxRootStreams)
	for _, done := range leave {
		done()
	}
	take(1000, maxUserStreams)
}

// Over the socket: a refused client reads why.
func TestRefusedClientReadsWhy(t *testing.T) {
	c, path := impatient(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlaces(peers{l})
	defer p.Close()
	for range maxRootConns {
		k := &placed{places: p, peer: peer{1, os.Geteuid()}, busy: true}
		if err := p.admit(k); err != nil && os.Geteuid() == 0 {
			t.Fatal(err)
		}
	}
	go func() {
		for {
			if _, err := p.Accept(); err != nil {
				return
			}
		}
	}()
	var no *Error
	if _, err := c.Bonds(t.Context()); !errors.As(err, &no) || no.Errno != unix.EUSERS {
		t.Errorf("%v", err)
	}
}
