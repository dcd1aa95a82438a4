package monitor

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// WatchEvent is one thing the kernel said; exactly one field is set.
type WatchEvent struct {
	Link *LinkEvent
	Addr *AddrEvent
	// BridgePort is the index of a bridge's port whose VLANs or state changed.
	BridgePort int
	// Routes: routes came or went.
	Routes bool
	Hook   *HookEvent
	Moved  *MovedEvent
	// Resync: events were lost. Whatever was known must be read again.
	Resync bool
}

// LinkEvent is the state of a link when something about it changed.
type LinkEvent struct {
	Index       int
	Name        string
	MAC         [6]byte // zero if the link has no 6-octet address
	MTU         int
	Up          bool // administratively
	Carrier     bool
	Promisc     bool
	AllMulti    bool
	Kind        string
	ParentIndex int // the device it is stacked on, or its veth peer's index; 0 none
	MasterIndex int // 0 none
	Deleted     bool
}

// AddrEvent is an IP address that came or went.
type AddrEvent struct {
	Index   int
	Prefix  netip.Prefix
	Deleted bool
}

// watchBuffer is the receive buffer of a netlink socket: a storm of events on
// a host with hundreds of links must fit while we are busy.
const watchBuffer = 4 << 20

// resubscribe is the pause before a lost subscription is made again.
const resubscribe = 20 * time.Millisecond

// Watch is a subscription to the links, addresses, routes and removed filters of the
// network namespace it was made in.
type Watch struct {
	events chan WatchEvent
	done   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
}

// NewWatch subscribes. The caller must take Events until Close: while it
// doesn't, the kernel's events wait in the socket, and when that is full they
// are lost and a Resync follows.
func NewWatch() (*Watch, error) {
	w := &Watch{events: make(chan WatchEvent, 64), done: make(chan struct{})}
	links, err := w.subscribeLinks()
	if err != nil {
		return nil, fmt.Errorf("watch links: %w", err)
	}
	addrs, err := w.subscribeAddrs()
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("watch addresses: %w", err)
	}
	routes, err := subscribeRoutes()
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("watch routes: %w", err)
	}
	hooks, err := subscribeRaw(unix.RTNLGRP_TC)
	if err != nil {
		routes.Close()
		w.Close()
		return nil, fmt.Errorf("watch filters: %w", err)
	}
	moves, err := subscribeRaw(unix.RTNLGRP_LINK)
	if err != nil {
		routes.Close()
		hooks.Close()
		w.Close()
		return nil, fmt.Errorf("watch moved links: %w", err)
	}
	w.wg.Go(func() { w.pumpRoutes(routes) })
	w.wg.Go(func() { w.pumpRaw(hooks, removals, WatchEvent{Hook: &HookEvent{}}) })
	w.wg.Go(func() { w.pumpRaw(moves, departures) })
	w.wg.Go(func() { // has the pumps end
		<-w.done
		routes.Close()
		hooks.Close()
		moves.Close()
	})
	w.wg.Go(func() { pump(w, links, w.subscribeLinks, linkEvent) })
	w.wg.Go(func() { pump(w, addrs, w.subscribeAddrs, addrEvent) })
	return w, nil
}

// Events is where the events come; closed by Close.
func (w *Watch) Events() <-chan WatchEvent { return w.events }

// Close ends the subscription.
func (w *Watch) Close() {
	w.once.Do(func() {
		close(w.done)
		go func() {
			w.wg.Wait()
			close(w.events)
		}()
	})
}

// mayForce: this process may have a larger buffer than the system's maximum,
// which takes CAP_NET_ADMIN of the host, not of a container's user namespace.
// Without it the buffer is the maximum, and a Resync comes sooner.
var mayForce = sync.OnceValue(func() bool {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, watchBuffer) == nil
})

func (w *Watch) subscribeLinks() (chan netlink.LinkUpdate, error) {
	ch := make(chan netlink.LinkUpdate, 64)
	return ch, netlink.LinkSubscribeWithOptions(ch, w.done, netlink.LinkSubscribeOptions{
		ReceiveBufferSize: watchBuffer, ReceiveBufferForceSize: mayForce(),
	})
}

func (w *Watch) subscribeAddrs() (chan netlink.AddrUpdate, error) {
	ch := make(chan netlink.AddrUpdate, 64)
	return ch, netlink.AddrSubscribeWithOptions(ch, w.done, netlink.AddrSubscribeOptions{
		ReceiveBufferSize: watchBuffer, ReceiveBufferForceSize: mayForce(),
	})
}

// pump takes updates to the events channel. The library ends a subscription
// whose socket overran: it is made again and the reader told to look for itself.
func pump[T any](w *Watch, ch chan T, again func() (chan T, error), convert func(T) (WatchEvent, bool)) {
	for {
		for u := range ch {
			if ev, ok := convert(u); ok && !w.emit(ev) {
				go func() { // let the library's goroutine end
					for range ch {
					}
				}()
				return
			}
		}
		for {
			select {
			case <-w.done:
				return
			case <-time.After(resubscribe):
			}
			var err error
			if ch, err = again(); err == nil {
				break
			}
		}
		if !w.emit(WatchEvent{Resync: true}) {
			return
		}
	}
}

func (w *Watch) emit(ev WatchEvent) bool {
	select {
	case w.events <- ev:
		return true
	case <-w.done:
		return false
	}
}

func linkEvent(u netlink.LinkUpdate) (WatchEvent, bool) {
	if u.Family != unix.AF_UNSPEC {
		return WatchEvent{BridgePort: int(u.Index)}, u.Family == unix.AF_BRIDGE
	}
	a := u.Link.Attrs()
	ev := &LinkEvent{
		Index: a.Index, Name: a.Name, MTU: a.MTU, Kind: u.Type(), ParentIndex: a.ParentIndex, MasterIndex: a.MasterIndex,
		Up:       a.RawFlags&unix.IFF_UP != 0,
		Carrier:  a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0,
		Promisc:  a.RawFlags&unix.IFF_PROMISC != 0,
		AllMulti: a.RawFlags&unix.IFF_ALLMULTI != 0,
		Deleted:  u.Header.Type == unix.RTM_DELLINK,
	}
	if len(a.HardwareAddr) == len(ev.MAC) {
		ev.MAC = [6]byte(a.HardwareAddr)
	}
	return WatchEvent{Link: ev}, true
}

func (u LinkEvent) String() string {
	return fmt.Sprintf("%d %s up=%v carrier=%v deleted=%v", u.Index, u.Name, u.Up, u.Carrier, u.Deleted)
}

func addrEvent(u netlink.AddrUpdate) (WatchEvent, bool) {
	ip, ok := netip.AddrFromSlice(u.LinkAddress.IP)
	if !ok {
		return WatchEvent{}, false
	}
	bits, _ := u.LinkAddress.Mask.Size()
	return WatchEvent{Addr: &AddrEvent{Index: u.LinkIndex, Prefix: netip.PrefixFrom(ip.Unmap(), bits), Deleted: !u.NewAddr}}, true
}
