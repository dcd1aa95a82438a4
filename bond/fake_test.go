package bond

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/unmanage"
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
	hooks    map[int]bool    // which links have the hook for it
	marks    map[int]bool    // which TAPs have our mark
	ipv6     map[int]string  // sysctl disable_ipv6, "0" for others
	held     map[string]bool // NICs that a manager was told to leave alone
	vlans    fakeVLANs
	clients  map[string][]unmanage.Client
	alt      map[string]string // alternative names of links
	restored []link.Moved      // NICs in other namespaces
	rules    map[int][]string  // others' on the ingress hooks
	fail     map[string]error  // "op index": what the call answers
	before   func()            // called, locked, before anything is changed
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
		ports: map[int]*fakePort{}, control: map[int]*fakeControl{}, cut: map[string]bool{}, taps: map[string]*fakeTAP{}, addrs: map[int][]netip.Prefix{}, shields: map[int]bool{}, hooks: map[int]bool{}, marks: map[int]bool{}, vlans: newFakeVLANs(), ipv6: map[int]string{}, held: map[string]bool{}, clients: map[string][]unmanage.Client{}, fail: map[string]error{}, next: 1,
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
		if l.Name == name || f.alt[name] == l.Name {
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

func (f *fakeSystem) RestoreMoved(m link.Moved) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restored = append(f.restored, m)
	return f.fail["moved"]
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
	return link.Saved{MAC: i.MAC, MTU: i.MTU, IPv6: f.noIPv6(index)}, err
}

func (f *fakeSystem) RestoreSlave(index int, s link.Saved) error {
	if err := f.change("restore", index, func(l *link.Info) { l.Up = false }); err != nil {
		return err
	}
	return f.RestoreInUse(index, s)
}

func (f *fakeSystem) PrepareSlave(index int) error {
	return f.change("prepare", index, func(*link.Info) { f.ipv6[index] = "1" })
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
		_ = f.call("mark", index)
		f.marks[index] = true
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
	if !f.hooks[index] {
		if err := f.call("hook", index); err != nil {
			return nil, err
		}
		f.hooks[index] = true
	}
	err := f.call("shield", index)
	if err == nil {
		f.shields[index] = true
	}
	return &fakeShield{sys: f, index: index}, err
}

func (f *fakeSystem) BypassedRules(index int, _ string, _ bool) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rules[index], nil
}

func (f *fakeSystem) Driven(index int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fail[fmt.Sprintf("driven %d", index)]
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
