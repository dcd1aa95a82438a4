package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of connections and event streams. Those of one user leave room for other
// users, and those of all other users leave root's alone.
const (
	maxUserConns   = 32
	maxOtherConns  = 96 // of all users but root
	maxRootConns   = 128
	maxUserStreams = 16
	maxRootStreams = 48
	// maxRefusers bounds the refusals that are being written at a time.
	maxRefusers   = 16
	refuseTimeout = time.Second
)

// places is a listener that counts connections by user. A user who has all of his
// own gets another one for that which has been silent the longest; if none is
// silent he is refused.
type places struct {
	net.Listener
	mu       sync.Mutex
	conns    map[*placed]struct{}
	streams  map[int]int // by uid
	refusers chan struct{}
}

func newPlaces(l net.Listener) *places {
	return &places{Listener: l, conns: map[*placed]struct{}{}, streams: map[int]int{}, refusers: make(chan struct{}, maxRefusers)}
}

// placed is a connection that has a place.
type placed struct {
	net.Conn
	places *places
	peer   peer
	busy   bool      // a request is under way; guarded by places.mu
	since  time.Time // busy changed
}

// Accept implements net.Listener.
func (p *places) Accept() (net.Conn, error) {
	for {
		conn, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who, _ := conn.RemoteAddr().(peer)
		c := &placed{Conn: conn, places: p, peer: who, since: time.Now()}
		if err := p.admit(c); err != nil {
			p.refuse(conn, err)
			continue
		}
		return c, nil
	}
}

// Close implements net.Conn.
func (c *placed) Close() error {
	c.places.mu.Lock()
	delete(c.places.conns, c)
	c.places.mu.Unlock()
	return c.Conn.Close()
}

// admit gives c a place or returns why there is none.
func (p *places) admit(c *placed) error {
	p.mu.Lock()
	var silent *placed // of the same user, the longest
	own, others := 0, 0
	for k := range p.conns {
		if k.peer.uid != 0 {
			others++
		}
		if k.peer.uid != c.peer.uid {
			continue
		}
		own++
		if !k.busy && (silent == nil || k.since.Before(silent.since)) {
			silent = k
		}
	}
	limit := maxUserConns
	if c.peer.uid == 0 {
		limit = maxRootConns
	}
	full := own >= limit || c.peer.uid != 0 && others >= maxOtherConns
	if full && silent == nil {
		p.mu.Unlock()
		if own >= limit {
			return tooMany("user %d has %d connections open, and that is the limit; end some of them", c.peer.uid, own)
		}
		return tooMany("users other than root have %d connections open, and that is the limit", others)
	}
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	if full {
		silent.Close()
	}
	return nil
}

// state follows what the HTTP server makes of a connection.
func (p *places) state(conn net.Conn, s http.ConnState) {
	c, ok := conn.(*placed)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if busy := s == http.StateActive; busy != c.busy {
		c.busy, c.since = busy, time.Now()
	}
}

// stream counts an event stream of a user until leave is called.
func (p *places) stream(uid int) (leave func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := maxUserStreams
	if uid == 0 {
		limit = maxRootStreams
	}
	if n := p.streams[uid]; n >= limit {
		return nil, tooMany("user %d has %d event streams open (tapbond events -f), and that is the limit; end some of them", uid, n)
	}
	p.streams[uid]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.streams[uid]--; p.streams[uid] == 0 {
			delete(p.streams, uid)
		}
	}, nil
}

func tooMany(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Errno: unix.EUSERS}
}

// refuse answers a connection that gets no place, and closes it. The request is
// read: one that was not would reset the connection under the answer.
func (p *places) refuse(conn net.Conn, why error) {
	select {
	case p.refusers <- struct{}{}:
	default:
		conn.Close()
		return
	}
	go func() {
		defer func() { <-p.refusers }()
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(refuseTimeout))
		_, _ = conn.Read(make([]byte, maxHeader))
		body, _ := json.Marshal(why)
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			http.StatusTooManyRequests, http.StatusText(http.StatusTooManyRequests), len(body), body)
		_, _ = io.CopyN(io.Discard, conn, maxRequest)
	}()
}

// placeKey is where a request's context has its connection.
type placeKey struct{}

func withPlace(ctx context.Context, conn net.Conn) context.Context {
	if c, ok := conn.(*placed); ok {
		return context.WithValue(ctx, placeKey{}, c)
	}
	return ctx
}

// placeOf is the connection that a request came on; nil in tests without one.
func placeOf(ctx context.Context) *placed {
	c, _ := ctx.Value(placeKey{}).(*placed)
	return c
}
