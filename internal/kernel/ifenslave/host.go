package ifenslave

import (
	"context"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/ifup"
)

// NIC is what there is to know of an interface.
type NIC struct {
	Name     string
	Exists   bool
	Ethernet bool
	Up       bool
	MAC      string
	MTU      int
	// Kernels: a bond of the kernel's own module, or its slave.
	Kernels bool
}

// Host looks at interfaces and prepares them.
type Host interface {
	NIC(name string) (NIC, error)
	// NICs returns all of them, in the kernel's order.
	NICs() ([]NIC, error)
	// Prepare sets an interface down and takes its IPv4 addresses away, as a
	// slave is to have none. undo puts it back, with the routes it had.
	Prepare(name string) (undo func() error, err error)
}

// Links is the Host of the network namespace that the calling thread is in.
type Links struct{}

var _ Host = Links{}

// NIC implements Host.
func (Links) NIC(name string) (NIC, error) {
	l, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) || errors.Is(err, unix.ERANGE) || errors.Is(err, unix.EINVAL) {
		return NIC{Name: name}, nil // a name that is too long is no interface's either
	}
	if err != nil {
		return NIC{}, err
	}
	return nic(l), nil
}

// NICs implements Host.
func (Links) NICs() ([]NIC, error) {
	links, err := dump.Whole(netlink.LinkList)
	var out []NIC
	for _, l := range links {
		out = append(out, nic(l))
	}
	return out, err
}

func nic(l netlink.Link) NIC {
	a := l.Attrs()
	return NIC{
		Name: a.Name, Exists: true, Ethernet: a.EncapType == "ether", Up: a.RawFlags&unix.IFF_UP != 0,
		MAC: a.HardwareAddr.String(), MTU: a.MTU, Kernels: a.RawFlags&(unix.IFF_MASTER|unix.IFF_SLAVE) != 0,
	}
}

// Prepare implements Host.
func (Links) Prepare(name string) (func() error, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return nil, err
	}
	addrs, err := dump.Whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_V4) })
	if err != nil {
		return nil, fmt.Errorf("addresses: %w", err)
	}
	up, err := ifup.SetDown(name)
	if err != nil {
		return nil, err
	}
	undo := func() error {
		var errs []error
		for i := range addrs { // before the link comes up: its routes need them
			addrs[i].Flags = 0 // those of the state
			errs = append(errs, netlink.AddrReplace(l, &addrs[i]))
		}
		if up != nil {
			errs = append(errs, up(context.Background()))
		}
		return errors.Join(errs...)
	}
	for i := range addrs {
		if err := netlink.AddrDel(l, &addrs[i]); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return nil, errors.Join(fmt.Errorf("address %s: %w", addrs[i].IPNet, err), undo())
		}
	}
	return undo, nil
}
