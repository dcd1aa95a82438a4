package partner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bench/traffic"
)

// Heard is a frame of the other end.
type Heard struct {
	Frame
	At traffic.Stamp // when the kernel received it
}

// Port is one end of a cable that speaks LACP by script. All methods may be
// called from any goroutine.
type Port struct {
	conn *traffic.FrameConn
	mac  [6]byte
	done chan struct{}
	kick chan struct{} // the script changed

	mu     sync.Mutex
	script Script
	echo   Info // the other end's actor, as last heard
	on     bool
	heard  []Heard // LACPDUs and Marker PDUs, in order
	data   []traffic.Stamp
	sent   []traffic.Stamp // LACPDUs
	more   chan struct{}   // closed and replaced when something is heard
	err    error
}

// Script is what a port does.
type Script struct {
	// Actor is what it says of itself. Collect and Distribute are added by
	// itself, when both ends are in sync, unless Lazy.
	Actor Info
	// Lazy: never collects.
	Lazy bool
	// Period of its LACPDUs; 0 sends none but answers.
	Period time.Duration
	// Mute: it doesn't answer news at once.
	Mute bool
	// Wrong changes what it says of the other end.
	Wrong func(*Info)
	// Tamper changes the frame.
	Tamper func(Frame) Frame
}

// Open opens a port on an interface of a namespace. It is silent until Start.
func Open(at traffic.Place, ifname string, mac [6]byte, s Script) (*Port, error) {
	conn, err := traffic.ListenFrames(at, ifname, nil)
	if err != nil {
		return nil, err
	}
	return open(conn, mac, s), nil
}

// OpenAside is Open without data: what else comes in takes none of the port's
// time, or of the processor's.
func OpenAside(at traffic.Place, ifname string, mac [6]byte, s Script) (*Port, error) {
	conn, err := traffic.ListenType(at, ifname, unix.ETH_P_SLOW)
	if err != nil {
		return nil, err
	}
	return open(conn, mac, s), nil
}

func open(conn *traffic.FrameConn, mac [6]byte, s Script) *Port {
	p := &Port{
		conn: conn, mac: mac, script: s, done: make(chan struct{}), kick: make(chan struct{}, 1), more: make(chan struct{}),
	}
	go p.listen()
	go p.speak()
	return p
}

// Close ends it.
func (p *Port) Close() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	close(p.done)
	return p.conn.Close()
}

// Start has the port speak, at once and from now on.
func (p *Port) Start() { p.Change(func(*Script) {}) }

// Change changes the script, has the port speak by it at once and from now on,
// and returns when that was.
func (p *Port) Change(f func(*Script)) traffic.Stamp {
	p.mu.Lock()
	f(&p.script)
	p.on = true
	at := p.say()
	p.mu.Unlock()
	select {
	case p.kick <- struct{}{}:
	default:
	}
	return at
}

// Set changes the script without a word.
func (p *Port) Set(f func(*Script)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.script)
}

// Stop silences the port and returns when it last spoke.
func (p *Port) Stop() traffic.Stamp {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.on = false
	if len(p.sent) == 0 {
		return 0
	}
	return p.sent[len(p.sent)-1]
}

// Frame is the LACPDU that the port would send now.
func (p *Port) Frame() Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frame()
}

// frame is Frame with the lock held.
func (p *Port) frame() Frame {
	actor, echo := p.script.Actor, p.echo
	if actor.Has(Sync) && echo.Has(Sync) && !p.script.Lazy {
		actor.State |= Collect | Distribute
	}
	if p.script.Wrong != nil {
		p.script.Wrong(&echo)
	}
	f := LACPDU(p.mac, actor, echo)
	if p.script.Tamper != nil {
		f = p.script.Tamper(f)
	}
	return f
}

// say sends a LACPDU; the lock is held.
func (p *Port) say() traffic.Stamp {
	at := traffic.Now()
	p.sent = append(p.sent, at)
	// Without link there is no room, or nobody to send to: so be it.
	if err := p.conn.Send(p.frame()); err != nil && p.err == nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.ENETDOWN) {
		p.err = err
	}
	return at
}

// Send sends any frame.
func (p *Port) Send(f []byte) error { return p.conn.Send(f) }

// speak sends every period.
func (p *Port) speak() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		p.mu.Lock()
		period := p.script.Period
		p.mu.Unlock()
		if period == 0 {
			period = time.Hour
		}
		timer.Reset(period)
		select {
		case <-p.done:
			return
		case <-p.kick:
		case <-timer.C:
			p.mu.Lock()
			if p.on && p.script.Period != 0 {
				p.say()
			}
			p.mu.Unlock()
		}
	}
}

// listen notes what comes in, and answers.
func (p *Port) listen() {
	for {
		b, at, err := p.conn.Receive()
		if err != nil {
			p.mu.Lock()
			if p.err == nil && !errors.Is(err, os.ErrClosed) {
				p.err = err
			}
			p.wake()
			p.mu.Unlock()
			return
		}
		f := Frame(b)
		p.mu.Lock()
		switch {
		case f.IsLACP():
			p.note(f, at)
			p.answer(f)
		case f.IsMarker():
			p.note(f, at)
		default:
			if _, ok := traffic.FindPayload(f); ok {
				p.data = append(p.data, at)
			}
		}
		p.mu.Unlock()
	}
}

func (p *Port) note(f Frame, at traffic.Stamp) {
	p.heard = append(p.heard, Heard{bytes.Clone(f), at})
	p.wake()
}

func (p *Port) wake() {
	close(p.more)
	p.more = make(chan struct{})
}

// answer tells the other end what it doesn't know yet.
func (p *Port) answer(f Frame) {
	actor := f.Actor()
	news := actor != p.echo
	p.echo = actor
	known := f.Partner()
	ours := p.script.Actor
	known.State &= Activity | Timeout | Aggregate | Sync
	ours.State &= Activity | Timeout | Aggregate | Sync
	if p.on && !p.script.Mute && (news || known != ours) {
		p.say()
	}
}

// Await waits for a frame heard at or after since, already or from now on, that
// pleases.
func (p *Port) Await(ctx context.Context, since traffic.Stamp, what string, pleases func(Frame) bool) (Heard, error) {
	for seen := 0; ; {
		p.mu.Lock()
		heard, more, err := p.heard, p.more, p.err
		p.mu.Unlock()
		for ; seen < len(heard); seen++ {
			if heard[seen].At >= since && pleases(heard[seen].Frame) {
				return heard[seen], nil
			}
		}
		if err != nil {
			return Heard{}, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			last := "nothing was heard"
			if n := len(heard); n > 0 {
				last = fmt.Sprintf("the last was %s -> %s", heard[n-1].Actor(), heard[n-1].Partner())
			}
			return Heard{}, fmt.Errorf("waiting for %s: %w; %s", what, context.Cause(ctx), last)
		}
	}
}

// Heard returns the frames heard at or after since, LACPDUs or Marker PDUs.
func (p *Port) Heard(since traffic.Stamp, lacp bool) []Heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Heard
	for _, h := range p.heard {
		if h.At >= since && h.IsLACP() == lacp {
			out = append(out, h)
		}
	}
	return out
}

// Data returns when numbered data frames arrived, in order, from since to until.
func (p *Port) Data(since, until traffic.Stamp) []traffic.Stamp {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []traffic.Stamp
	for _, at := range p.data {
		if at >= since && at <= until {
			out = append(out, at)
		}
	}
	return out
}

// Other is the other end as last heard.
func (p *Port) Other() Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.echo
}

// Err is the first thing that went wrong, nil if nothing did.
func (p *Port) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
