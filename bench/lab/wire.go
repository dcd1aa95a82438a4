package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Direction is a way along a link. The values may be combined.
type Direction uint8

// Directions.
const (
	ToB  Direction = 1 << iota // frames from A
	ToA                        // frames for A
	Both = ToB | ToA
)

// each calls fn for every single direction in d.
func (d Direction) each(fn func(Direction) error) error {
	for _, one := range [...]Direction{ToB, ToA} {
		if d&one != 0 {
			if err := fn(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry and exit are the wire's ends where frames of a single direction come
// in and go out.
func (k *Link) entry(d Direction) end {
	if d == ToB {
		return k.wireA()
	}
	return k.wireB()
}

func (k *Link) exit(d Direction) end {
	if d == ToB {
		return k.wireB()
	}
	return k.wireA()
}

// Preferences of the filters in a wire end's ingress hook: the lower goes
// first, the last one carries frames to the other end.
const (
	prefDrop uint16 = 1 + iota
	prefEtherType
	prefLoss
	prefCustom
	prefForward = 10
)

// join makes the two ends of the wire one cable: what comes in at either goes
// out at the other, every frame as it is.
func (k *Link) join() error {
	return Both.each(func(d Direction) error {
		in, out := k.entry(d), k.exit(d)
		clsact := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: in.index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
		}}
		if err := in.host.Handle.QdiscAdd(clsact); err != nil {
			return fmt.Errorf("%s: clsact: %w", in, err)
		}
		redirect := &netlink.U32{
			FilterAttrs: netlink.FilterAttrs{
				LinkIndex: in.index, Parent: netlink.HANDLE_MIN_INGRESS,
				Priority: prefForward, Protocol: unix.ETH_P_ALL,
			},
			Actions: []netlink.Action{netlink.NewMirredAction(out.index)},
		}
		if err := in.host.Handle.FilterAdd(redirect); err != nil {
			return fmt.Errorf("%s: redirect to %s: %w", in, out.name, err)
		}
		return nil
	})
}
