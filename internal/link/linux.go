package link

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/relations"
)

// Linux is the Host of the network namespace it was made in.
type Linux struct {
	nl      *netlink.Handle
	list    dump.Shared[netlink.Link]
	related dump.Shared[relations.Device]
	addrs   dump.Shared[netlink.Addr]
	entries dump.Shared[netlink.Neigh] // forwarding entries
	views   dump.Shared[view]

	deleting deletions
}

var _ Host = (*Linux)(nil)

// NewLinux opens a netlink socket in the caller's network namespace.
func NewLinux() (*Linux, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink: %w", err)
	}
	return &Linux{nl: h}, nil
}

// Close closes the socket.
func (l *Linux) Close() { l.nl.Close() }

// altNameSize is ALTIFNAMSIZ of linux/if.h: the longest name of an interface, in
// bytes with its end.
const altNameSize = 128

// LinkByName implements Host. The name may be an alternative one.
func (l *Linux) LinkByName(name string) (Info, error) {
	if name == "" || len(name) >= altNameSize {
		return Info{}, fmt.Errorf("%.32s: %w", name, unix.ENODEV)
	}
	x, err := l.nl.LinkByName(name)
	if err != nil {
		return Info{}, notFound(name, err)
	}
	return info(x), nil
}

// LinkByIndex implements Host.
func (l *Linux) LinkByIndex(index int) (Info, error) {
	x, err := l.nl.LinkByIndex(index)
	if err != nil {
		return Info{}, notFound(fmt.Sprintf("interface %d", index), err)
	}
	return info(x), nil
}

// links are all links; many ask at the same time.
func (l *Linux) links() ([]netlink.Link, error) { return l.list.Whole(l.nl.LinkList) }

// Links implements Host.
func (l *Linux) Links() ([]Info, error) {
	list, err := l.links()
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	out := make([]Info, 0, len(list))
	for _, x := range list {
		out = append(out, info(x))
	}
	return out, nil
}

// notFound gives the library's own "not found" the errno it stands for.
func notFound(what string, err error) error {
	if _, ok := err.(netlink.LinkNotFoundError); ok {
		err = unix.ENODEV
	}
	return fmt.Errorf("%s: %w", what, err)
}

func info(x netlink.Link) Info {
	a := x.Attrs()
	i := Info{
		Index: a.Index, Name: a.Name, MTU: a.MTU, Type: arphrd(a.EncapType), Kind: x.Type(),
		MasterIndex: a.MasterIndex, ParentIndex: a.ParentIndex,
		Up:      a.RawFlags&unix.IFF_UP != 0,
		Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
		// The flags have what was asked for by hand; the counters have the bridge
		// that it is a port of, and who captures, too.
		Promisc:  a.Promisc > 0 || a.RawFlags&unix.IFF_PROMISC != 0,
		AllMulti: a.Allmulti > 0 || a.RawFlags&unix.IFF_ALLMULTI != 0,
		Loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
		Master:   a.RawFlags&unix.IFF_MASTER != 0,
		Slave:    a.RawFlags&unix.IFF_SLAVE != 0,
		NoARP:    a.RawFlags&unix.IFF_NOARP != 0,
	}
	switch i.Kind { // the library has words of its own
	case "device":
		i.Kind = ""
	case "tuntap":
		i.Kind = "tun"
	}
	if len(a.HardwareAddr) == 6 {
		i.MAC = [6]byte(a.HardwareAddr)
	}
	if len(a.PermHWAddr) == 6 {
		i.PermMAC = [6]byte(a.PermHWAddr)
	}
	return i
}

// arphrd maps the library's words back for the types that matter here; what it
// has no word for is not Ethernet.
func arphrd(encap string) uint16 {
	switch encap {
	case "ether":
		return unix.ARPHRD_ETHER
	case "loopback":
		return unix.ARPHRD_LOOPBACK
	case "infiniband":
		return unix.ARPHRD_INFINIBAND
	}
	return unix.ARPHRD_VOID
}

// ref is a link by index alone: what requests need.
func ref(index int) netlink.Link {
	return &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: index}}
}

// SetMAC implements Host.
func (l *Linux) SetMAC(index int, mac [6]byte) error {
	if err := l.nl.LinkSetHardwareAddr(ref(index), net.HardwareAddr(mac[:])); err != nil {
		return fmt.Errorf("set address %s: %w", MACString(mac), err)
	}
	return nil
}

// SetMTU implements Host.
func (l *Linux) SetMTU(index, mtu int) error {
	if err := l.nl.LinkSetMTU(ref(index), mtu); err != nil {
		return fmt.Errorf("set MTU %d: %w", mtu, err)
	}
	return nil
}

// SetUp implements Host.
func (l *Linux) SetUp(index int) error {
	if err := l.nl.LinkSetUp(ref(index)); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}

// SetDown implements Host.
func (l *Linux) SetDown(index int) error {
	if err := l.nl.LinkSetDown(ref(index)); err != nil {
		return fmt.Errorf("set down: %w", err)
	}
	return nil
}

// Addresses implements Host.
func (l *Linux) Addresses(index int) ([]netip.Prefix, error) {
	// The kernel lists those of all devices, whichever is asked for.
	list, err := l.addrs.Whole(func() ([]netlink.Addr, error) { return l.nl.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	var out []netip.Prefix
	for _, a := range list {
		if a.LinkIndex != index {
			continue
		}
		if a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) != 0 && a.Flags&unix.IFA_F_OPTIMISTIC == 0 {
			continue
		}
		if ip, ok := netip.AddrFromSlice(a.IP); ok {
			bits, _ := a.Mask.Size()
			out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
		}
	}
	return out, nil
}

// IPv6Router implements Host.
func (l *Linux) IPv6Router(name string) bool {
	b, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", name, "forwarding"))
	return err == nil && strings.TrimSpace(string(b)) == "1"
}
