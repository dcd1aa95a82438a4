package monitor

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapbond/tapbond/internal/prefer"
	"golang.org/x/sys/unix"
)

// How often carrier is read. A lost carrier is noticed within busyInterval
// where it hurts; a read costs a few microseconds.
const (
	busyInterval = 2 * time.Millisecond  // carried a frame within busyFor
	idleInterval = 50 * time.Millisecond // the rest
	// promptInterval is for what the kernel tells of at once: should it not.
	promptInterval = 250 * time.Millisecond
	busyFor        = time.Second
	// checkGap keeps a slave whose sends fail (full queue, lost carrier) from
	// being read more often than this.
	checkGap = 250 * time.Microsecond
)

// Poller reads the carrier of slaves by ioctl, on one goroutine for all of
// them. It belongs to the network namespace it was made in.
//
// It sleeps on a Go timer, not in a system call of its own: a thread that
// often blocks in one keeps the runtime's monitor thread awake, which then
// costs more than all the polling.
type Poller struct {
	sock int

	mu     sync.Mutex
	polled atomic.Pointer[[]*polled] // replaced whole, so that Check takes no lock
	closed bool
	wake   chan struct{} // capacity 1
	done   chan struct{}
}

// polled is one interface. The polling goroutine owns the fields that aren't atomic.
type polled struct {
	index  int
	prompt bool
	frames func() uint64
	report func(up bool)
	kick   atomic.Bool // read it now
	rename atomic.Pointer[string]
	gone   atomic.Bool // removed: report nothing more

	name    string
	req     *glink
	known   bool
	up      bool
	seen    uint64    // frames at the last look
	busyTil time.Time // polled often until then
	last    time.Time // last read
	next    time.Time
}

// NewPoller starts a poller in the caller's network namespace.
func NewPoller() (*Poller, error) {
	sock, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		// A kernel without IPv4 has packet sockets: we need those anyway.
		if sock, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return nil, fmt.Errorf("carrier poller: socket: %w", err)
		}
	}
	p := &Poller{sock: sock, wake: make(chan struct{}, 1), done: make(chan struct{})}
	p.polled.Store(new([]*polled))
	go p.run()
	return p, nil
}

// Add begins to poll an interface. frames returns a number that grows while
// the interface is in use; report is told the carrier once at first and then
// at each change, on the polling goroutine, and must not wait. A prompt interface
// is one whose lost carrier the kernel tells at once: it is polled rarely, used or
// not.
func (p *Poller) Add(index int, prompt bool, frames func() uint64, report func(up bool)) error {
	name, err := nameOf(p.sock, index)
	if err != nil {
		return fmt.Errorf("carrier poller: interface %d: %w", index, err)
	}
	s := &polled{index: index, prompt: prompt, frames: frames, report: report, name: name, req: newGlink(name)}
	p.mu.Lock()
	defer p.mu.Unlock()
	list := append(append([]*polled(nil), *p.polled.Load()...), s)
	p.polled.Store(&list)
	p.Check(index)
	return nil
}

// Remove ends polling an interface. A report under way may still come.
func (p *Poller) Remove(index int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*polled
	for _, s := range *p.polled.Load() {
		if s.index == index {
			s.gone.Store(true)
		} else {
			list = append(list, s)
		}
	}
	p.polled.Store(&list)
}

// Rename follows an interface to its new name.
func (p *Poller) Rename(index int, name string) {
	for _, s := range *p.polled.Load() {
		if s.index == index {
			s.rename.Store(&name)
		}
	}
	p.Check(index)
}

// Check has an interface read at once. It neither waits nor allocates.
func (p *Poller) Check(index int) {
	for _, s := range *p.polled.Load() {
		if s.index == index && !s.kick.Swap(true) {
			p.poke()
		}
	}
}

func (p *Poller) poke() {
	select {
	case p.wake <- struct{}{}:
	default: // one is pending
	}
}

// Close ends the poller.
func (p *Poller) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.polled.Store(new([]*polled))
	p.mu.Unlock()
	close(p.done)
}

func (p *Poller) run() {
	prefer.Goroutine()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-p.done:
			unix.Close(p.sock)
			return
		case <-p.wake:
		case <-timer.C:
		}
		now := time.Now()
		next := now.Add(time.Hour)
		for _, s := range *p.polled.Load() {
			if at := p.turn(s, now); at.Before(next) {
				next = at
			}
		}
		timer.Reset(max(time.Until(next), 0))
	}
}

// turn reads one interface if it is its turn and returns when the next is.
func (p *Poller) turn(s *polled, now time.Time) time.Time {
	due := s.next
	if s.kick.Load() {
		due = s.last.Add(checkGap)
	}
	if now.Before(due) {
		return due
	}
	s.kick.Store(false)
	p.read(s)
	if n := s.frames(); n != s.seen {
		s.seen, s.busyTil = n, now.Add(busyFor)
	}
	s.last = now
	interval := idleInterval
	switch {
	case s.prompt:
		interval = promptInterval
	case now.Before(s.busyTil):
		interval = busyInterval
	}
	// Never later than the interval, and all slaves at once: it is being woken
	// that costs.
	s.next = now.Add(interval - now.Sub(epoch)%interval)
	return s.next
}

var epoch = time.Now()

func (p *Poller) read(s *polled) {
	if name := s.rename.Swap(nil); name != nil {
		s.name, s.req = *name, newGlink(*name)
	}
	up, errno := s.req.read(p.sock)
	switch errno {
	case 0:
	case unix.EOPNOTSUPP:
		var err error
		if up, err = running(p.sock, s.name); err != nil {
			return
		}
	default:
		// Renamed or gone: a netlink event will say which, but it may be late.
		name, err := nameOf(p.sock, s.index)
		if err != nil {
			up = false
			break
		}
		s.name, s.req = name, newGlink(name)
		if up, errno = s.req.read(p.sock); errno != 0 {
			return
		}
	}
	if s.known && s.up == up || s.gone.Load() {
		return
	}
	s.known, s.up = true, up
	s.report(up)
}

// Name returns an interface's present name, at the price of one system call.
func (p *Poller) Name(index int) (string, error) { return nameOf(p.sock, index) }

// ReadCarrier reads an interface's carrier now.
func (p *Poller) ReadCarrier(index int) (bool, error) {
	name, err := nameOf(p.sock, index)
	if err != nil {
		return false, err
	}
	up, errno := newGlink(name).read(p.sock)
	switch errno {
	case 0:
		return up, nil
	case unix.EOPNOTSUPP:
		return running(p.sock, name)
	}
	return false, errno
}
