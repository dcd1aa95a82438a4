package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Lab is a built topology. Its methods may be called from any goroutine.
type Lab struct {
	// Topology is the plan it was built from.
	Topology Topology
	// A is the host under test, B the one behind the links.
	A, B *Host
	// Wire is the middle of the links, nil without Topology.Wire.
	Wire *Host
	// Switch holds the bridges, nil with NoSwitch.
	Switch *Host

	links []*Link
	more  []*Host
	owned bool     // Close removes it
	lock  *os.File // held while owned

	mu        sync.Mutex
	processes []*Process
}

// Roles of the namespaces, the last part of their names.
const (
	roleA      = "a"
	roleB      = "b"
	roleWire   = "wire"
	roleSwitch = "switch"
)

// Build makes the lab. What a killed run of the same name left is removed
// first; a run that is still alive is an error. On error nothing is left.
func Build(ctx context.Context, t Topology) (_ *Lab, err error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	if err := Remove(ctx, t.Name); err != nil {
		return nil, err
	}
	l := &Lab{Topology: t}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("lab %s: %w", t.Name, err), l.Close())
		}
	}()
	if err := l.namespaces(); err != nil {
		return nil, err
	}
	steps := []func() error{l.buildSwitch, l.buildLinks, l.describe}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Lab) namespaces() (err error) {
	t := l.Topology
	roles := []struct {
		role string
		host **Host
		want bool
	}{
		{roleA, &l.A, true}, {roleB, &l.B, true}, {roleWire, &l.Wire, t.Wire}, {roleSwitch, &l.Switch, t.Switch != NoSwitch},
	}
	for _, r := range roles {
		if !r.want {
			continue
		}
		if *r.host, err = newHost(nsName(t.Name, r.role)); err != nil {
			return err
		}
		l.owned = true
	}
	if l.lock, err = lockNS(l.A.Path()); err != nil {
		return err
	}
	// Nothing of our own on the links: wire and switch don't speak IPv6, B
	// makes no addresses up and takes none from routers.
	mute := map[string]string{"ipv6/conf/default/disable_ipv6": "1", "ipv6/conf/all/disable_ipv6": "1"}
	if l.Switch != nil {
		// A switch doesn't filter what it forwards. Kernels without br_netfilter
		// have no such knobs.
		nf := map[string]string{"bridge/bridge-nf-call-iptables": "0", "bridge/bridge-nf-call-ip6tables": "0", "bridge/bridge-nf-call-arptables": "0"}
		if err := l.Switch.sysctl(nf); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, h := range []*Host{l.Wire, l.Switch} {
		if h == nil {
			continue
		}
		if err := h.sysctl(mute); err != nil {
			return err
		}
	}
	return l.B.QuietIPv6()
}

// buildSwitch makes the bridges and B's way to them.
func (l *Lab) buildSwitch() error {
	t := l.Topology
	if t.Switch == NoSwitch {
		return nil
	}
	bridges := 1
	if t.Switch == PerSlaveSwitch {
		bridges = t.Slaves
	}
	for i := range bridges {
		if err := addBridge(l.Switch, i, t.STP, t.mtu()); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		near := end{l.Switch, fmt.Sprintf("t%d", i), indexTrunk + 2*i, trunkMAC(0, i)}
		far := end{l.Switch, fmt.Sprintf("u%d", i), indexTrunk + 2*i + 1, trunkMAC(1, i)}
		if err := addVeth(near, far, t.mtu()); err != nil {
			return err
		}
		if err := errors.Join(addPort(l.Switch, near.name, 0), addPort(l.Switch, far.name, i),
			l.peerOffloads(near), l.peerOffloads(far)); err != nil {
			return err
		}
	}
	port := end{l.Switch, "h0", indexHost, trunkMAC(2, 0)}
	host := end{l.B, "eth0", indexHost + 1, HostMAC()}
	if err := addVeth(port, host, t.mtu()); err != nil {
		return err
	}
	return errors.Join(l.peerOffloads(port), l.peerOffloads(host),
		addPort(l.Switch, port.name, 0), l.B.Up(host.name), l.B.Assign(host.name, AddrB4, AddrB6))
}

// buildLinks makes the links from A's slaves to the switch or to B.
func (l *Lab) buildLinks() error {
	for i := range l.Topology.Slaves {
		k := &Link{lab: l, i: i}
		if err := k.build(); err != nil {
			return fmt.Errorf("link %d: %w", i, err)
		}
		l.links = append(l.links, k)
	}
	return nil
}

func (l *Lab) peerOffloads(e end) error {
	if l.Topology.PeerOffloads {
		return nil
	}
	return e.host.Offloads(e.name, false)
}

// describe notes the plan in the alias of A's lo, for Open.
func (l *Lab) describe() error {
	plan, err := json.Marshal(l.Topology)
	if err != nil {
		return err
	}
	lo, err := l.A.Handle.LinkByName("lo")
	if err != nil {
		return err
	}
	return l.A.Handle.LinkSetAlias(lo, string(plan))
}

// Open returns the lab of that name, built by whatever process. Closing it
// closes the handles only: Remove takes the lab down.
func Open(name string) (_ *Lab, err error) {
	l := &Lab{}
	defer func() {
		if err != nil {
			err = fmt.Errorf("lab %s: %w", name, err)
			l.closeHosts()
		}
	}()
	if l.A, err = openHost(nsName(name, roleA)); err != nil {
		return nil, err
	}
	lo, err := l.A.Handle.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(lo.Attrs().Alias), &l.Topology); err != nil {
		return nil, fmt.Errorf("not built to its end: %w", err)
	}
	if l.B, err = openHost(nsName(name, roleB)); err != nil {
		return nil, err
	}
	if l.Topology.Wire {
		if l.Wire, err = openHost(nsName(name, roleWire)); err != nil {
			return nil, err
		}
	}
	if l.Topology.Switch != NoSwitch {
		if l.Switch, err = openHost(nsName(name, roleSwitch)); err != nil {
			return nil, err
		}
	}
	for i := range l.Topology.Slaves {
		l.links = append(l.links, &Link{lab: l, i: i})
	}
	return l, nil
}

// Link returns link i, counted from 0: the one of A's ethI.
func (l *Lab) Link(i int) *Link { return l.links[i] }

// Links are all links in order.
func (l *Lab) Links() []*Link { return l.links }

// Close stops what was started with Start and, where the lab was built and not
// opened, removes it. Processes still inside are killed. Closing again does
// nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	processes := l.processes
	l.processes = nil
	l.mu.Unlock()
	for _, p := range processes {
		p.Kill()
	}
	l.closeHosts()
	if !l.owned {
		return nil
	}
	l.Keep()
	// A process that is being started elsewhere has a copy of the lock until it
	// has become its own program.
	for deadline := time.Now().Add(2 * time.Second); ; {
		err := Remove(context.Background(), l.Topology.Name)
		if !errors.Is(err, ErrInUse) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Keep gives up the ownership of a built lab: it stays after Close and after
// the process, until Remove.
func (l *Lab) Keep() {
	l.owned = false
	if l.lock != nil {
		l.lock.Close()
		l.lock = nil
	}
}

func (l *Lab) closeHosts() {
	for _, h := range l.more {
		h.close()
	}
	l.more = nil
	for _, h := range []**Host{&l.A, &l.B, &l.Wire, &l.Switch} {
		if *h != nil {
			(*h).close()
			*h = nil
		}
	}
}

// lockNS takes the lock that says a lab is in use: an flock on the namespace's
// own file, gone with the process.
func lockNS(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("flock %s: %w", path, err)
	}
	return f, nil
}

// ErrInUse says that a living process owns the lab of that name.
var ErrInUse = errors.New("in use by a running process")
