package lab

import (
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
)

// Link is one cable of the lab: from A's ethI to the switch, or to B.
type Link struct {
	lab *Lab
	i   int
}

// Side is an end of a link.
type Side uint8

// Sides.
const (
	SideA Side = iota // A's ethI
	SideB             // the switch's pI, or B's ethI
)

// Span is the time an operation took: before and after the system call, on
// the monotonic clock.
type Span struct{ Start, End time.Time }

// Took is the length of the span.
func (s Span) Took() time.Duration { return s.End.Sub(s.Start) }

// Index is the link's number, counted from 0.
func (k *Link) Index() int { return k.i }

// Slave is the name of A's interface: ethI.
func (k *Link) Slave() string { return fmt.Sprintf("eth%d", k.i) }

// slave, port, wireA and wireB are the up to four ends of the link's pairs.

func (k *Link) slave() end {
	return end{k.lab.A, k.Slave(), indexSlave + k.i, SlaveMAC(k.i)}
}

func (k *Link) port() end {
	e := end{k.lab.Switch, fmt.Sprintf("p%d", k.i), indexPort + k.i, PortMAC(k.i)}
	if k.lab.Switch == nil {
		e.host, e.name = k.lab.B, k.Slave()
	}
	if !k.lab.Topology.Wire && k.lab.Topology.NICLike {
		e.index = indexSlave + k.i
	}
	return e
}

func (k *Link) wireA() end {
	e := end{k.lab.Wire, fmt.Sprintf("a%d", k.i), indexPeer + k.i, wireMAC(0, k.i)}
	if k.lab.Topology.NICLike {
		e.index = indexSlave + k.i
	}
	return e
}

func (k *Link) wireB() end {
	return end{k.lab.Wire, fmt.Sprintf("b%d", k.i), indexWireB + k.i, wireMAC(1, k.i)}
}

// peer is the device across from one side of the link: its state is that
// side's carrier.
func (k *Link) peer(s Side) end {
	switch {
	case !k.lab.Topology.Wire && s == SideA:
		return k.port()
	case !k.lab.Topology.Wire:
		return k.slave()
	case s == SideA:
		return k.wireA()
	default:
		return k.wireB()
	}
}

func (k *Link) build() error {
	t := k.lab.Topology
	slave, port := k.slave(), k.port()
	if t.Wire {
		a, b := k.wireA(), k.wireB()
		if err := errors.Join(addVeth(slave, a, t.mtu()), addVeth(b, port, t.mtu())); err != nil {
			return err
		}
		if err := errors.Join(k.join(), k.lab.peerOffloads(a), k.lab.peerOffloads(b)); err != nil {
			return err
		}
		if err := errors.Join(a.host.Up(a.name), b.host.Up(b.name)); err != nil {
			return err
		}
	} else if err := addVeth(slave, port, t.mtu()); err != nil {
		return err
	}
	if err := verifyIndexes(slave, k.peer(SideA).index); err != nil {
		return err
	}
	if err := k.lab.peerOffloads(port); err != nil {
		return err
	}
	if t.SlavesUp {
		if err := slave.host.Up(slave.name); err != nil {
			return err
		}
	}
	switch t.Switch {
	case NoSwitch:
		return port.host.Up(port.name)
	case PerSlaveSwitch:
		return addPort(port.host, port.name, k.i)
	default:
		return addPort(port.host, port.name, 0)
	}
}

// Carrier pulls the cable out at both ends, or plugs it in again. The span is
// that of the call for A's end, which goes first. The carrier is lost early in
// the call; the rest of it the kernel waits for its own readers, for
// milliseconds. Without a wire the device across from A is set down or up.
func (k *Link) Carrier(up bool) (Span, error) {
	span, err := k.CarrierAt(SideA, up)
	if err != nil || !k.lab.Topology.Wire {
		return span, err
	}
	_, err = k.CarrierAt(SideB, up)
	return span, err
}

// CarrierAt takes the carrier from one side only, or gives it back.
func (k *Link) CarrierAt(s Side, up bool) (Span, error) {
	e := k.peer(s)
	dev := &netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: e.index}}
	set := e.host.Handle.LinkSetDown
	if up {
		set = e.host.Handle.LinkSetUp
	}
	span := Span{Start: time.Now()}
	err := set(dev)
	span.End = time.Now()
	if err != nil {
		return span, fmt.Errorf("%s: set carrier %t: %w", e, up, err)
	}
	return span, nil
}

// HasCarrier asks the kernel whether A's end sees a carrier. The interface has
// to be up.
func (k *Link) HasCarrier() (bool, error) {
	e := k.slave()
	link, err := e.host.Handle.LinkByIndex(e.index)
	if err != nil {
		return false, fmt.Errorf("%s: %w", e, err)
	}
	return link.Attrs().RawFlags&lowerUp != 0, nil
}

// lowerUp is IFF_LOWER_UP of linux/if.h.
const lowerUp = 1 << 16
