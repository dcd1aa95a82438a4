package bond

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/tap"
)

// fakeQueue is one end of a wire: what is put in is read, what is written is kept.
type fakeQueue struct {
	in     chan []vnet.Packet
	closed chan struct{}
	once   sync.Once
	end    error

	mu  sync.Mutex
	out []vnet.Packet
}

func newFakeQueue() *fakeQueue {
	return &fakeQueue{in: make(chan []vnet.Packet, 16), closed: make(chan struct{}), end: os.ErrClosed}
}

func (q *fakeQueue) ReadBatch() ([]vnet.Packet, error) {
	select {
	case p := <-q.in:
		return p, nil
	case <-q.closed:
		return nil, q.end
	}
}

func (q *fakeQueue) WriteBatch(pkts []vnet.Packet) vnet.Sent {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := vnet.Sent{OK: len(pkts)}
	for _, p := range pkts {
		s.Octets += len(p.Frame())
		q.out = append(q.out, vnet.Packet{Buf: slices.Clone(p.Buf)})
	}
	return s
}

func (q *fakeQueue) written() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.out)
}

func (q *fakeQueue) Close() error {
	q.once.Do(func() { close(q.closed) })
	return nil
}

func (q *fakeQueue) die(err error) {
	q.end = err
	q.Close()
}

type fakeTAP struct {
	sys     *fakeSystem
	name    string
	index   int
	q       *fakeQueue
	more    []*fakeQueue // beyond the first
	steered []uint16
	mu      sync.Mutex
	carrier bool
	mbps    uint32

	elsewhere, discarded bool
}

func (t *fakeTAP) Name() string { return t.name }
func (t *fakeTAP) Index() int   { return t.index }
func (t *fakeTAP) Queues() []tap.Queue {
	out := []tap.Queue{t.q}
	for _, q := range t.more {
		out = append(out, q)
	}
	return out
}
func (t *fakeTAP) Offload() bool { return true }
func (t *fakeTAP) Close() error {
	for _, q := range t.more {
		_ = q.Close()
	}
	return t.q.Close()
}

func (t *fakeTAP) Grow(n int) error {
	for 1+len(t.more) < n {
		t.more = append(t.more, newFakeQueue())
	}
	return nil
}

func (t *fakeTAP) Steer(ids []uint16) error {
	t.sys.mu.Lock()
	defer t.sys.mu.Unlock()
	t.steered = ids
	return t.sys.fail["steer"]
}

func (t *fakeTAP) SetCarrier(up bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.carrier = up
	return nil
}

func (t *fakeTAP) SetSpeed(mbps uint32, _ tap.Duplex) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mbps = mbps
	return nil
}

func (t *fakeTAP) shows() (bool, uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.carrier, t.mbps
}

func (t *fakeTAP) Elsewhere() bool { return t.elsewhere }

func (t *fakeTAP) Discard() error {
	t.discarded = true
	return t.Close()
}

func (t *fakeTAP) Delete() error {
	t.sys.mu.Lock()
	err := t.sys.call("untap", t.index)
	if err == nil {
		delete(t.sys.links, t.index)
	}
	t.sys.mu.Unlock()
	return errors.Join(err, t.Close())
}

type fakePort struct {
	*fakeQueue
	sys     *fakeSystem
	index   int
	offload bool
	leaveIP bool
	member  nic.Membership
	stats   nic.Stats // fixed before the port is asked
}

func (p *fakePort) Writer() vnet.Writer { return p }

// WriteBatch keeps the frames and has the other end of the cable receive them.
func (p *fakePort) WriteBatch(pkts []vnet.Packet) vnet.Sent {
	for i := range pkts {
		p.sys.cross(p.index, pkts[i].Frame())
	}
	return p.fakeQueue.WriteBatch(pkts)
}

func (p *fakePort) Index() int       { return p.index }
func (p *fakePort) Offload() bool    { return p.offload }
func (p *fakePort) Stats() nic.Stats { return p.stats }
func (p *fakePort) SetMembership(m nic.Membership) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.member = m
	return nil
}

// cross has a frame that left by an interface arrive at the other end of its
// cable: at the data socket, and at the control socket if that asked for it.
func (f *fakeSystem) cross(index int, frame []byte) {
	f.mu.Lock()
	l, peer := f.links[index], f.wire
	lost := peer == nil || l == nil || !f.carrier[index] || f.cut[l.Name]
	f.mu.Unlock()
	if lost {
		return
	}
	at := peer.index(l.Name)
	peer.mu.Lock()
	port, control := peer.ports[at], peer.control[at]
	lost = !peer.carrier[at]
	peer.mu.Unlock()
	if lost {
		return
	}
	if control != nil {
		control.arrive(frame)
	}
	if port != nil {
		port.arrive(frame)
	}
}

// arrive has the interface's data socket receive a frame, if there is room.
func (p *fakePort) arrive(frame []byte) {
	select {
	case p.in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}:
	default:
	}
}

type nicFrame struct {
	b      []byte
	tagged bool
	tci    uint16
}

type fakeControl struct {
	sys    *fakeSystem
	index  int
	in     chan nicFrame
	closed chan struct{}
	once   sync.Once

	mu     sync.Mutex
	filter nic.Filter
	groups []nic.MAC
}

func (c *fakeControl) Send(frame []byte) error {
	c.sys.mu.Lock()
	if err := c.sys.sendErr; err != nil {
		c.sys.mu.Unlock()
		return err
	}
	c.sys.sent = append(c.sys.sent, announcement{slave: c.index, frame: slices.Clone(frame), at: time.Now()})
	look := c.sys.sending
	c.sys.mu.Unlock()
	if look != nil {
		look(frame)
	}
	c.sys.cross(c.index, frame)
	return nil
}

// arrive has the control socket receive a frame if its filter lets it through.
// As the kernel does, it takes the outer tag off.
func (c *fakeControl) arrive(frame []byte) {
	got := nicFrame{b: slices.Clone(frame)}
	if isTag(frame[12:]) {
		got.tagged, got.tci = true, binary.BigEndian.Uint16(frame[14:])
		got.b = slices.Delete(got.b, 12, 16)
	}
	c.mu.Lock()
	f := c.filter
	c.mu.Unlock()
	at := 12
	for f.Tags && at < 20 && isTag(got.b[at:]) {
		at += 4
	}
	if !slices.Contains(f.EtherTypes, binary.BigEndian.Uint16(got.b[at:])) {
		return
	}
	select {
	case c.in <- got:
	default:
	}
}

func isTag(b []byte) bool { return b[0] == 0x81 && b[1] == 0 || b[0] == 0x88 && b[1] == 0xa8 }

func (c *fakeControl) Receive(buf []byte) (nic.Received, error) {
	select {
	case f := <-c.in:
		return nic.Received{N: copy(buf, f.b), Tagged: f.tagged, TCI: f.tci}, nil
	case <-c.closed:
		return nic.Received{}, os.ErrClosed
	}
}

func (c *fakeControl) ReceiveCuts(cuts []nic.Cut) (int, error) {
	got, err := c.Receive(cuts[0].Data[:])
	cuts[0].Received = got
	for n := 1; err == nil && n < len(cuts); n++ {
		select {
		case f := <-c.in:
			cuts[n].Received = nic.Received{N: copy(cuts[n].Data[:], f.b), Tagged: f.tagged, TCI: f.tci}
		default:
			return n, nil
		}
	}
	return len(cuts), err
}

func (c *fakeControl) SetFilter(f nic.Filter) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filter = f
	return nil
}

func (c *fakeControl) JoinGroup(m nic.MAC) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.groups = append(c.groups, m)
	return nil
}

func (c *fakeControl) LeaveGroup(nic.MAC) error { return nil }

func (c *fakeControl) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

type fakeShield struct {
	sys   *fakeSystem
	index int
}

func (s *fakeShield) Check() (bool, error) {
	s.sys.mu.Lock()
	defer s.sys.mu.Unlock()
	return s.sys.shields[s.index], nil
}

func (s *fakeShield) Mend() error {
	s.sys.mu.Lock()
	defer s.sys.mu.Unlock()
	err := s.sys.call("mend", s.index)
	s.sys.shields[s.index] = true
	return err
}

func (s *fakeShield) Remove() error {
	s.sys.mu.Lock()
	defer s.sys.mu.Unlock()
	err := s.sys.call("unshield", s.index)
	delete(s.sys.shields, s.index)
	delete(s.sys.hooks, s.index)
	return err
}
