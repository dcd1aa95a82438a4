package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/rundir"
)

// ErrNoServer says that nothing serves the network namespace.
var ErrNoServer = errors.New("no bonds in this network namespace")

// Client talks to the server of the namespace it was made in.
type Client struct {
	dir  string
	http *http.Client
	pid  atomic.Int64 // of the server that was connected to last

	patience patience

	// Configured: what is asked for comes from configuration. A slave of it is taken
	// again when its NIC was unplugged and returns, unless option readd is off.
	Configured bool
}

const (
	pingPath   = "/v1/ping"
	eventsPath = "/v1/events"
)

// NewClient returns a Client; it does not connect yet.
func NewClient() (*Client, error) {
	dir, err := Dir()
	if err != nil {
		return nil, err
	}
	c := &Client{dir: dir, patience: usualPatience}
	c.http = &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
	}}
	return c, nil
}

// dial connects to the server, unless it is stopped.
func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	if err := rundir.Check(c.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // whoever serves there is none of root's
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(c.dir, socketName))
	if errors.Is(err, syscall.EAGAIN) { // its queue is full: it accepts no more
		return nil, c.hung(0)
	}
	u, ok := conn.(*net.UnixConn)
	if err != nil || !ok {
		return conn, err
	}
	c.pid.Store(int64(peerOf(u).pid))
	if err := refuseStopped(u); err != nil {
		u.Close()
		return nil, err
	}
	return u, nil
}

// Dir is the directory of the namespace the client was made in.
func (c *Client) Dir() string { return c.dir }

// ServerPID is the process that serves, 0 if none does.
func (c *Client) ServerPID() int {
	conn, err := net.Dial("unix", filepath.Join(c.dir, socketName))
	if err != nil {
		return 0
	}
	defer conn.Close()
	return peerOf(conn.(*net.UnixConn)).pid
}

// Ping tells whether a server answers: ErrNoServer if there is none, or one
// that is dying.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, http.MethodGet, pingPath, nil, nil)
}

// Bonds returns the state of every bond.
func (c *Client) Bonds(ctx context.Context) ([]bond.State, error) {
	var out []bond.State
	return out, c.do(ctx, http.MethodGet, "/v1/bonds", nil, &out)
}

// Brief returns every bond's name, index and address, and those of its slaves;
// the rest of the states is empty.
func (c *Client) Brief(ctx context.Context) ([]bond.State, error) {
	var out []bond.State
	return out, c.do(ctx, http.MethodGet, "/v1/bonds?brief=true", nil, &out)
}

// Bond returns the state of one bond.
func (c *Client) Bond(ctx context.Context, name string) (bond.State, error) {
	var out bond.State
	return out, c.do(ctx, http.MethodGet, bondPath(name), nil, &out)
}

// Create makes a bond, administratively down and without slaves, and returns
// its name: "bond%d" gets the lowest number that is free.
func (c *Client) Create(ctx context.Context, req CreateRequest) (name string, err error) {
	var out CreateAnswer
	err = c.do(ctx, http.MethodPost, "/v1/bonds", req, &out)
	return out.Name, err
}

// Set changes options of a bond and of its slaves (Assign.Slave), all or none.
func (c *Client) Set(ctx context.Context, name string, opts []option.Assign) error {
	return c.do(ctx, http.MethodPost, bondPath(name)+"/options", SetRequest{Options: opts}, nil)
}

// SetSysfs does the same with values as they are written to the driver's files:
// "+10.1.0.1", "eth0:2", and slaves "+eth0".
func (c *Client) SetSysfs(ctx context.Context, name string, opts []option.Assign) error {
	return c.do(ctx, http.MethodPost, bondPath(name)+"/options", SetRequest{Options: opts, Sysfs: true}, nil)
}

// ReadFile returns what a file of /sys/class/net/BOND/bonding would read.
func (c *Client) ReadFile(ctx context.Context, name, file string) (string, error) {
	var out File
	err := c.do(ctx, http.MethodGet, bondPath(name)+"/files/"+url.PathEscape(file), nil, &out)
	return out.Text, err
}

// ReadFileOf is ReadFile of the bond whose device has that index: ENODEV if
// another one has the name by now.
func (c *Client) ReadFileOf(ctx context.Context, name string, index int, file string) (string, error) {
	var out File
	err := c.do(ctx, http.MethodGet, bondPath(name)+"/files/"+url.PathEscape(file), nil, &out)
	if err == nil && out.Index != index {
		err = &Error{Message: "bond " + name + " is another one", Errno: syscall.ENODEV}
	}
	return out.Text, err
}

// ReadFiles returns what each of these files would read, all at one moment.
func (c *Client) ReadFiles(ctx context.Context, name string) (map[string]string, error) {
	var out Files
	err := c.do(ctx, http.MethodGet, bondPath(name)+"/files", nil, &out)
	return out.Texts, err
}

// Sync returns when every bond has followed what was done to its TAP and its
// slaves from outside.
func (c *Client) Sync(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/v1/sync", nil, nil)
}

// Enslave makes an interface a slave of a bond.
func (c *Client) Enslave(ctx context.Context, name, slave string) error {
	path := bondPath(name) + "/slaves/" + url.PathEscape(slave)
	if c.Configured {
		path += "?configured=true"
	}
	return c.do(ctx, http.MethodPut, path, nil, nil)
}

// Release takes a slave out of a bond.
func (c *Client) Release(ctx context.Context, name, slave string) error {
	return c.do(ctx, http.MethodDelete, bondPath(name)+"/slaves/"+url.PathEscape(slave), nil, nil)
}

// Delete removes a bond.
func (c *Client) Delete(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, bondPath(name), nil, nil)
}

// Events calls each for the events that are kept, or, to follow, for every one
// from now on until ctx ends, each fails, or the server goes.
func (c *Client) Events(ctx context.Context, follow bool, each func(bond.Event) error) error {
	if follow {
		return c.events(ctx, eventsPath, each)
	}
	return c.events(ctx, eventsPath+"?since=0&follow=false", each)
}

// EventsAfter calls each for every event after number seq, until ctx ends, each
// fails, or the server goes.
func (c *Client) EventsAfter(ctx context.Context, seq uint64, each func(bond.Event) error) error {
	return c.events(ctx, fmt.Sprintf("%s?since=%d", eventsPath, seq), each)
}

func (c *Client) events(ctx context.Context, path string, each func(bond.Event) error) error {
	resp, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	dec := json.NewDecoder(resp.Body)
	for {
		var e bond.Event
		if err := dec.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

func bondPath(name string) string { return "/v1/bonds/" + url.PathEscape(name) }

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// send returns an answer that says yes; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	ctx, stop := c.limit(ctx, method, path)
	req, err := http.NewRequestWithContext(ctx, method, "http://tapbond"+path, body)
	if err != nil {
		stop()
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		err = because(ctx, err)
		stop()
		return nil, c.unreachable(err)
	}
	resp.Body = &limitedBody{resp.Body, ctx, stop}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable {
		return nil, ErrNoServer // it is ending
	}
	said := new(Error)
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRequest)).Decode(said); err != nil || said.Message == "" {
		return nil, fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil, said
}

// unreachable says why no server was asked: ErrNoServer, unless one serves that keeps
// its files elsewhere.
func (c *Client) unreachable(err error) error {
	for _, gone := range []error{os.ErrNotExist, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF} {
		if errors.Is(err, gone) {
			if err := elsewhere(c.dir); err != nil {
				return err
			}
			return ErrNoServer
		}
	}
	var hung *HungError
	if errors.As(err, &hung) {
		return hung
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("control socket: %w (root may, and the group given to `tapbond daemon --group`)", os.ErrPermission)
	}
	return err
}
