package bond

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/unmanage"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/tap"
)

// fakeSystem is a machine in memory: links, a TAP, packet sockets.
type fakeSystem struct {
	mu       sync.Mutex
	links    map[int]*link.Info
	carrier  map[int]bool
	speed    map[int]monitor.Speed
	reports  map[int]func(bool)
	ports    map[int]*fakePort
	taps     map[string]*fakeTAP
	addrs    map[int][]netip.Prefix
	uppers   []link.Upper // on the bond
	groups   map[int]link.Groups
	shields  map[int]bool    // which links have the filter
	held     map[string]bool // NICs that a manager was told to leave alone
	clients  map[string][]unmanage.Client
	fail     map[string]error // "op index": what the call answers
	before   func()           // called, locked, before anything is changed
	calls    []string
	sent     []announcement // what control sockets sent
	control  map[int]*fakeControl
	wire     *fakeSystem     // the machine at the other ends of the cables, by interface name
	cut      map[string]bool // cables that lose all, although both ends have carrier
	sendErr  error           // what sending on a control socket answers
	lane     Lane
	observed string
	sending  func([]byte) // sees what is about to leave there; nil for nobody
	next     int
}

type announcement struct {
	slave int
	frame []byte
	at    time.Time
}

func newFakeSystem(nics ...string) *fakeSystem {
	f := &fakeSystem{
		links: map[int]*link.Info{}, carrier: map[int]bool{}, speed: map[int]monitor.Speed{}, reports: map[int]func(bool){},
		ports: map[int]*fakePort{}, control: map[int]*fakeControl{}, cut: map[string]bool{}, taps: map[string]*fakeTAP{}, addrs: map[int][]netip.Prefix{}, shields: map[int]bool{}, held: map[string]bool{}, clients: map[string][]unmanage.Client{}, fail: map[string]error{}, next: 1,
	}
	for i, n := range nics {
		idx := f.addLink(n, [6]byte{2, 0, 0, 0, 0, byte(i)})
		f.carrier[idx] = true
		f.speed[idx] = monitor.Speed{Mbps: 10000, Duplex: monitor.DuplexFull}
	}
	return f
}

func (f *fakeSystem) addLink(name string, mac [6]byte) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addLocked(name, mac)
}

func (f *fakeSystem) addLocked(name string, mac [6]byte) int {
	f.next++
	f.links[f.next] = &link.Info{Index: f.next, Name: name, MAC: mac, MTU: 1500, Type: unix.ARPHRD_ETHER}
	return f.next
}

func (f *fakeSystem) call(op string, index int, args ...any) error {
	if f.before != nil {
		f.before()
	}
	f.calls = append(f.calls, strings.TrimSpace(fmt.Sprintf("%s %d %s", op, index, fmt.Sprint(args...))))
	return f.fail[fmt.Sprintf("%s %d", op, index)]
}

func (f *fakeSystem) index(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.indexLocked(name)
}

// indexLocked is index for who holds the lock.
func (f *fakeSystem) indexLocked(name string) int {
	for i, l := range f.links {
		if l.Name == name {
			return i
		}
	}
	return 0
}

func (f *fakeSystem) LinkByName(name string) (link.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, l := range f.links {
		if l.Name == name {
			return *l, nil
		}
	}
	return link.Info{}, unix.ENODEV
}

func (f *fakeSystem) LinkByIndex(index int) (link.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.links[index]; l != nil {
		return *l, nil
	}
	return link.Info{}, unix.ENODEV
}

// change alters a link as somebody outside would, or records our own call.
func (f *fakeSystem) change(op string, index int, fn func(*link.Info), args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call(op, index, args...); err != nil {
		return err
	}
	l := f.links[index]
	if l == nil {
		return unix.ENODEV
	}
	fn(l)
	return nil
}

func (f *fakeSystem) SetMAC(index int, mac [6]byte) error {
	return f.change("mac", index, func(l *link.Info) { l.MAC = mac }, link.MACString(mac))
}

func (f *fakeSystem) SetMTU(index, mtu int) error {
	return f.change("mtu", index, func(l *link.Info) { l.MTU = mtu }, mtu)
}

func (f *fakeSystem) SetUp(index int) error {
	return f.change("up", index, func(l *link.Info) { l.Up = true })
}

func (f *fakeSystem) SetDown(index int) error {
	return f.change("down", index, func(l *link.Info) { l.Up = false })
}

func (f *fakeSystem) SaveSlave(index int) (link.Saved, error) {
	i, err := f.LinkByIndex(index)
	return link.Saved{MAC: i.MAC, MTU: i.MTU}, err
}

func (f *fakeSystem) RestoreSlave(index int, s link.Saved) error {
	return f.change("restore", index, func(l *link.Info) { l.MAC, l.MTU, l.Up = s.MAC, s.MTU, false })
}

func (f *fakeSystem) PrepareSlave(index int) error {
	return f.change("prepare", index, func(*link.Info) {})
}

func (f *fakeSystem) AddressLists(int) (unicast, multicast [][6]byte, err error) {
	return nil, nil, nil
}
func (f *fakeSystem) Uppers(int) ([]link.Upper, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.uppers), nil
}
func (f *fakeSystem) IPv6Router(string) bool { return false }

func (f *fakeSystem) Groups(index int) (link.Groups, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.groups[index], nil
}

func (f *fakeSystem) Addresses(index int) ([]netip.Prefix, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.addrs[index], nil
}

func (f *fakeSystem) OpenTAP(o tap.Options) (tap.Device, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fail["tap "+o.Name]; err != nil {
		return nil, err
	}
	index := 0
	for i, l := range f.links {
		switch {
		case l.Name != o.Name:
		case !o.Adopt || l.Kind != "tun":
			return nil, unix.EEXIST
		default:
			index = i
		}
	}
	if err := f.call("tap", index); err != nil {
		return nil, err
	}
	if index == 0 {
		index = f.addLocked(o.Name, [6]byte{2, 0xff, 0, 0, 0, 1})
		f.links[index].Kind = "tun"
	}
	t := &fakeTAP{sys: f, name: o.Name, index: index, q: newFakeQueue()}
	f.taps[o.Name] = t
	return t, nil
}

func (f *fakeSystem) OpenPort(index int, o nic.Options) (nic.Port, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.call("port", index); err != nil {
		return nil, err
	}
	p := &fakePort{fakeQueue: newFakeQueue(), sys: f, index: index, offload: o.Offload, leaveIP: o.LeaveIP}
	f.ports[index] = p
	return p, nil
}

// OpenLane gives the fake one that a test has put there.
func (f *fakeSystem) OpenLane(index int) (Lane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lane, f.call("lane", index)
}

func (f *fakeSystem) Observed(int) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.observed, nil
}

func (f *fakeSystem) OpenControl(index int) (nic.ControlPort, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &fakeControl{sys: f, index: index, in: make(chan nicFrame, 1024), closed: make(chan struct{})}
	f.control[index] = c
	return c, f.call("control", index)
}

func (f *fakeSystem) Shield(index int, seat Seat) (Shield, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.call("shield", index)
	f.shields[index] = err == nil
	return &fakeShield{sys: f, index: index}, err
}

func (f *fakeSystem) Speed(index int) monitor.Speed {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.speed[index]
}

func (f *fakeSystem) Carrier(index int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.carrier[index]
}

func (f *fakeSystem) WatchCarrier(index int, _ bool, _ func() uint64, report func(bool)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports[index] = report
	return nil
}

func (f *fakeSystem) UnwatchCarrier(index int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.reports, index)
}

func (f *fakeSystem) RenameCarrier(int, string) {}
func (f *fakeSystem) CheckCarrier(int)          {}

func (f *fakeSystem) Managers() Managers { return fakeManagers{f} }

// fakeManagers is one manager that would have every NIC.
type fakeManagers struct{ sys *fakeSystem }

func (m fakeManagers) Look(context.Context, string) []string { return []string{"manager"} }

func (m fakeManagers) Clients(nic string) []unmanage.Client {
	m.sys.mu.Lock()
	defer m.sys.mu.Unlock()
	return m.sys.clients[nic]
}

func (m fakeManagers) Hold(_ context.Context, h unmanage.Held) []error {
	return m.set(true, h)
}

func (m fakeManagers) Free(_ context.Context, held ...unmanage.Held) []error {
	return m.set(false, held...)
}

// set tells the manager of NICs, whether it then answers or not.
func (m fakeManagers) set(hold bool, held ...unmanage.Held) (errs []error) {
	m.sys.mu.Lock()
	defer m.sys.mu.Unlock()
	for _, h := range held {
		if !slices.Contains(h.Managers, "manager") {
			continue
		}
		op := "free"
		if hold {
			op = "hold"
		}
		if err := m.sys.call(op, m.sys.indexLocked(h.NIC)); err != nil {
			errs = append(errs, err)
		}
		if delete(m.sys.held, h.NIC); hold {
			m.sys.held[h.NIC] = true
		}
	}
	return errs
}

func (m fakeManagers) Sweep(_ context.Context, keep []string) []error {
	m.sys.mu.Lock()
	defer m.sys.mu.Unlock()
	maps.DeleteFunc(m.sys.held, func(nic string, _ bool) bool { return !slices.Contains(keep, nic) })
	return nil
}

// holds returns the NICs that the manager leaves alone.
func (f *fakeSystem) holds() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.held))
}

// plug changes the carrier of a NIC, as a cable does.
func (f *fakeSystem) plug(name string, up bool) {
	i := f.index(name)
	f.mu.Lock()
	f.carrier[i] = up
	report := f.reports[i]
	f.mu.Unlock()
	if report != nil {
		report(up)
	}
}

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

func (t *fakeTAP) Delete() error {
	t.sys.mu.Lock()
	_ = t.sys.call("untap", t.index)
	delete(t.sys.links, t.index)
	t.sys.mu.Unlock()
	return t.Close()
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
		control.arrive(frame, false)
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
func (c *fakeControl) arrive(frame []byte, tagged bool) {
	c.mu.Lock()
	wanted := slices.Contains(c.filter.EtherTypes, binary.BigEndian.Uint16(frame[12:]))
	c.mu.Unlock()
	if !wanted {
		return
	}
	select {
	case c.in <- nicFrame{slices.Clone(frame), tagged}:
	default:
	}
}

func (c *fakeControl) Receive(buf []byte) (nic.Received, error) {
	select {
	case f := <-c.in:
		return nic.Received{N: copy(buf, f.b), Tagged: f.tagged}, nil
	case <-c.closed:
		return nic.Received{}, os.ErrClosed
	}
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
	return err
}

// rig is an engine with one bond in virtual time.
type rig struct {
	t   *testing.T
	sys *fakeSystem
	e   *Engine
	b   *Bond
	tap *fakeTAP
}

// run makes a bond over the NICs, sets it up, and runs fn in virtual time.
func run(t *testing.T, options string, nics []string, fn func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSystem(nics...), options, nics)
		r.must(r.b.SetUp(t.Context()))
		fn(r)
		if err := r.e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// newRig makes a bond that is down over the NICs.
func newRig(t *testing.T, sys *fakeSystem, options string, nics []string) *rig {
	t.Helper()
	r := &rig{t: t, sys: sys}
	r.e = NewEngine(r.sys, NewBus(), nil)
	assigns, rest, err := option.ParseWords(strings.Fields(options))
	if err != nil || len(rest) > 0 {
		t.Fatal(err, rest)
	}
	if r.b, err = r.e.Create(t.Context(), Config{Name: "bond0", Options: assigns}); err != nil {
		t.Fatal(err)
	}
	r.tap, _ = r.b.dev.(*fakeTAP)
	for _, n := range nics {
		r.must(r.b.Enslave(t.Context(), n))
	}
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) set(words string) error {
	a, rest, err := option.ParseWords(strings.Fields(words))
	if err != nil || len(rest) > 0 {
		return errors.Join(err, fmt.Errorf("rest %v", rest))
	}
	return r.b.Set(r.t.Context(), option.ViaNetlink, a)
}

func (r *rig) state() State {
	r.t.Helper()
	synctest.Wait()
	st, err := r.b.State()
	r.must(err)
	return st
}

// log returns the engine's lines so far.
func (r *rig) log() []string {
	synctest.Wait()
	var out []string
	events, _ := r.e.bus.Since(r.t.Context(), 0)
	for i := range events {
		out = append(out, events[i].Text())
	}
	return out
}

// transmit has the host send a frame and returns which slaves sent it on.
func (r *rig) transmit(frame []byte) []string {
	r.t.Helper()
	before := map[string]int{}
	count := func(out map[string]int) {
		r.sys.mu.Lock()
		defer r.sys.mu.Unlock()
		for i, p := range r.sys.ports {
			if l := r.sys.links[i]; l != nil {
				out[l.Name] = p.written()
			}
		}
	}
	count(before)
	r.tap.q.in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}
	if r.b.lag != nil {
		pass(2 * holdTime) // it may have to wait
	}
	synctest.Wait()
	after := map[string]int{}
	count(after)
	var out []string
	for n, c := range after {
		for range c - before[n] {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// receive has a slave hear a frame and reports whether the host got it.
func (r *rig) receive(slave string, frame []byte) bool {
	r.t.Helper()
	n := r.tap.q.written()
	r.port(r.sys.index(slave)).in <- []vnet.Packet{{Buf: slices.Concat(make([]byte, vnet.HdrLen), frame)}}
	synctest.Wait()
	return r.tap.q.written() > n
}

// Frames of tests.
var (
	toPeer    = frameOf("02 00 00 00 00 aa 02 00 00 00 00 00 88 b5")
	toBond    = frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 88 b5")
	flooded   = frameOf("ff ff ff ff ff ff 02 00 00 00 00 aa 88 b5")
	ownBack   = frameOf("ff ff ff ff ff ff 02 00 00 00 00 00 88 b5")
	bpdu      = frameOf("01 80 c2 00 00 00 02 00 00 00 00 aa 00 26")
	slowProto = frameOf("01 80 c2 00 00 02 02 00 00 00 00 aa 88 09")
)

func frameOf(hex string) []byte {
	b := make([]byte, 0, 60)
	for f := range strings.FieldsSeq(hex) {
		var x byte
		fmt.Sscanf(f, "%02x", &x)
		b = append(b, x)
	}
	return append(b, make([]byte, 60-len(b))...)
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// link returns a link as it is.
func (r *rig) link(index int) link.Info {
	r.t.Helper()
	i, err := r.sys.LinkByIndex(index)
	r.must(err)
	return i
}

// unplugNIC has a link vanish.
func (r *rig) unplugNIC(index int) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	delete(r.sys.links, index)
}

// failing has a call ("op index") answer err from now on.
func (r *rig) failing(call string, err error) {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	r.sys.fail[call] = err
}

func (r *rig) port(index int) *fakePort {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	return r.sys.ports[index]
}

func (p *fakePort) membership() nic.Membership {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.member
}

func (r *rig) announced() int {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	return len(r.sys.sent)
}
