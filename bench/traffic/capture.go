package traffic

import (
	"context"
	"errors"
	"os"
	"time"
)

// Sighting is the first frame of a flow that an interface saw.
type Sighting struct {
	Header
	At Stamp
}

// Lookout waits at one interface for a frame of a flow that was sent at or
// after a time.
type Lookout struct {
	conn *FrameConn
	flow uint16
}

// NewLookout opens a lookout for received frames. What arrives from now on is
// kept for Wait.
func NewLookout(at Place, ifname string, flow uint16) (*Lookout, error) {
	conn, err := ListenFrames(at, ifname, Match(int(flow)))
	if err != nil {
		return nil, err
	}
	return &Lookout{conn: conn, flow: flow}, nil
}

// Wait returns the first frame whose time of sending is not before since, as
// found in its payload; false when ctx ends or the lookout is closed first.
func (l *Lookout) Wait(ctx context.Context, since Stamp) (Sighting, bool, error) {
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Now()) })
	defer stop()
	for {
		frame, at, err := l.conn.Receive()
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
			return Sighting{}, false, nil
		}
		if err != nil {
			return Sighting{}, false, err
		}
		// The UDP header ends where our payload begins.
		if h, ok := FindPayload(frame); ok && h.Flow == l.flow && h.Sent >= since {
			return Sighting{h, at}, true, nil
		}
	}
}

// Close ends a Wait.
func (l *Lookout) Close() error { return l.conn.Close() }
