package control

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience bounds how long a client waits: no request waits forever, whatever
// state the server is in.
type patience struct {
	ping   time.Duration // an answer that takes no work
	read   time.Duration // one that changes nothing
	change time.Duration // a change, while the server answers pings
	every  time.Duration // between those pings
}

var usualPatience = patience{ping: 3 * time.Second, read: 5 * time.Second, change: time.Minute, every: time.Second}

// limit returns ctx with the limit of a request. Its cause is a HungError then.
// stop releases it.
func (c *Client) limit(ctx context.Context, method, path string) (limited context.Context, stop func()) {
	limited, cancel := context.WithCancelCause(ctx)
	follows := path == eventsPath || strings.HasPrefix(path, eventsPath+"?") && !strings.Contains(path, "follow=false")
	after := c.patience.read
	switch {
	case path == pingPath:
		after = c.patience.ping
	case method != http.MethodGet:
		after = c.patience.change
	}
	var timer *time.Timer
	if !follows {
		timer = time.AfterFunc(after, func() { cancel(c.hung(after)) })
	}
	if follows || method != http.MethodGet {
		go c.watch(limited, cancel)
	}
	return limited, func() {
		if timer != nil {
			timer.Stop()
		}
		cancel(nil)
	}
}

// watch pings the server until ctx ends, and cancels it when no answer comes.
func (c *Client) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(c.patience.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var hung *HungError
		if err := c.Ping(ctx); errors.As(err, &hung) {
			cancel(err)
			return
		}
	}
}

func (c *Client) hung(waited time.Duration) error {
	pid := int(c.pid.Load())
	return &HungError{PID: pid, Stopped: stopped(pid), Waited: waited}
}

// limitedBody is an answer's body that obeys the request's limit.
type limitedBody struct {
	io.ReadCloser
	ctx  context.Context
	stop func()
}

// Read implements io.Reader.
func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = because(b.ctx, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *limitedBody) Close() error {
	b.stop()
	return b.ReadCloser.Close()
}

// because returns why ctx ended, if it did, instead of what followed from that.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}
