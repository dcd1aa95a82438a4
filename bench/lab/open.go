package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Learn says whether the switch takes in what addresses are behind link i. A port
// that doesn't learn forwards all the same.
func (k *Link) Learn(on bool) error {
	if k.lab.Switch == nil {
		return fmt.Errorf("lab %s: link %d leads to no switch", k.lab.Topology.Name, k.i)
	}
	p := k.port()
	port, err := p.host.Handle.LinkByName(p.name)
	if err == nil {
		err = p.host.Handle.LinkSetLearning(port, on)
	}
	if err != nil {
		return fmt.Errorf("%s: learning %t: %w", p, on, err)
	}
	return nil
}

// Forget has the switch forget what addresses are behind link i.
func (k *Link) Forget() error {
	if k.lab.Switch == nil {
		return fmt.Errorf("lab %s: link %d leads to no switch", k.lab.Topology.Name, k.i)
	}
	p := k.port()
	port, err := p.host.Handle.LinkByName(p.name)
	if err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	learned, err := p.host.Handle.NeighList(port.Attrs().Index, unix.AF_BRIDGE)
	if err != nil {
		return fmt.Errorf("%s: addresses: %w", p, err)
	}
	for i := range learned {
		n := &learned[i]
		if n.State&netlink.NUD_PERMANENT != 0 {
			continue
		}
		n.Flags |= netlink.NTF_MASTER // the bridge's table, not the port's
		if err := p.host.Handle.NeighDel(n); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s: forget %s: %w", p, n.HardwareAddr, err)
		}
	}
	return nil
}

// AwaitOpen waits until frames for A get through. The kernel drops what is sent
// into a cable whose far end came up until it has told everybody about that,
// which a busy machine does late; A's end is up and sends by then.
func (k *Link) AwaitOpen(ctx context.Context) error { return awaitOpen(ctx, k.peer(SideA)) }

func awaitOpen(ctx context.Context, e end) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		link, err := e.host.Handle.LinkByName(e.name)
		if err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
		if link.Attrs().OperState == netlink.OperUp { // set together with the queue
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for its carrier: %w", e, context.Cause(ctx))
		}
	}
}
