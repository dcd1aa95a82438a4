package lab

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Faults of a wire are silent: both ends keep their carrier. Each kind can be
// set for each direction; setting it again replaces it. They need
// Topology.Wire.

// ErrNoWire says that the lab has no place to put faults.
var ErrNoWire = errors.New("lab has no wire namespace")

// Drop loses every frame of a direction.
func (k *Link) Drop(d Direction) error {
	return k.filter(d, prefDrop, []bpf.Instruction{bpf.RetConstant{Val: verdictDrop}})
}

// DropEtherTypes loses the frames with one of the types, at most 100. Where a
// frame is tagged the type is the one behind its outer tag.
func (k *Link) DropEtherTypes(d Direction, types ...uint16) error {
	if len(types) > 100 {
		return fmt.Errorf("link %d: %d ethertypes: want at most 100", k.i, len(types))
	}
	const offset = 12 // the kernel has taken the outer tag out already
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: offset, Size: 2}}
	for i, t := range types {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(t), SkipTrue: uint8(len(types) - i)})
	}
	program = append(program, bpf.RetConstant{Val: verdictNext}, bpf.RetConstant{Val: verdictDrop})
	return k.filter(d, prefEtherType, program)
}

// Loss loses each frame with probability p, 0 to 1, by the kernel's own random
// numbers.
func (k *Link) Loss(d Direction, p float64) error {
	if math.IsNaN(p) || p < 0 || p > 1 {
		return fmt.Errorf("link %d: loss %g: want 0 to 1", k.i, p)
	}
	threshold := p * (1 << 32) // of 2^32 numbers, the lowest so many lose
	if threshold < 1 {
		return k.clear(d, prefLoss)
	}
	return k.filter(d, prefLoss, []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: uint32(threshold - 1), SkipTrue: 1},
		bpf.RetConstant{Val: verdictDrop},
		bpf.RetConstant{Val: verdictNext},
	})
}

// DropWhere loses the frames for which the program returns other than 0. It is
// a program as for a socket: it sees the frame from the destination MAC on,
// without the outer VLAN tag.
func (k *Link) DropWhere(d Direction, program []bpf.Instruction) error {
	verdicts := make([]bpf.Instruction, len(program))
	for i, in := range program {
		if ret, ok := in.(bpf.RetConstant); ok {
			if ret.Val != 0 {
				ret.Val = verdictDrop
			} else {
				ret.Val = verdictNext
			}
			in = ret
		} else if _, ok := in.(bpf.RetA); ok {
			return fmt.Errorf("link %d: filter returns a computed value: want constants", k.i)
		}
		verdicts[i] = in
	}
	return k.filter(d, prefCustom, verdicts)
}

// Rate lets frames of a direction through at so many bits a second, in bursts
// of so many octets (at least one frame), queueing up to latency; more is lost.
// It works on the wire's far end: super-frames of A longer than the burst are
// lost unless PeerOffloads is off.
func (k *Link) Rate(d Direction, bits uint64, burst uint32, latency time.Duration) error {
	if bits < 8 || burst == 0 || latency < 0 {
		return fmt.Errorf("link %d: rate %d bit/s, burst %d, latency %s: out of range", k.i, bits, burst, latency)
	}
	if k.lab.Wire == nil {
		return ErrNoWire
	}
	octets := bits / 8
	queue := float64(octets)*latency.Seconds() + float64(burst)
	if queue > math.MaxUint32 {
		return fmt.Errorf("link %d: rate %d bit/s for %s is more than a queue can hold", k.i, bits, latency)
	}
	return d.each(func(one Direction) error {
		e := k.exit(one)
		err := e.host.Handle.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: e.index, Handle: rateHandle, Parent: netlink.HANDLE_ROOT},
			Rate:       octets, Limit: uint32(queue), Buffer: netlink.Xmittime(octets, burst),
		})
		if err != nil {
			return fmt.Errorf("%s: tbf: %w", e, err)
		}
		return nil
	})
}

var rateHandle = netlink.MakeHandle(1, 0)

// Heal takes all faults of a direction away, carrier loss excepted.
func (k *Link) Heal(d Direction) error {
	if k.lab.Wire == nil {
		return ErrNoWire
	}
	for _, pref := range [...]uint16{prefDrop, prefEtherType, prefLoss, prefCustom} {
		if err := k.clear(d, pref); err != nil {
			return err
		}
	}
	return d.each(func(one Direction) error {
		e := k.exit(one)
		err := e.host.Handle.QdiscDel(&netlink.Tbf{QdiscAttrs: netlink.QdiscAttrs{
			LinkIndex: e.index, Handle: rateHandle, Parent: netlink.HANDLE_ROOT,
		}})
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) { // none there
			return fmt.Errorf("%s: remove tbf: %w", e, err)
		}
		return nil
	})
}

func (k *Link) filter(d Direction, pref uint16, program []bpf.Instruction) error {
	if k.lab.Wire == nil {
		return ErrNoWire
	}
	return d.each(func(one Direction) error { return setFilter(k.entry(one), pref, program) })
}

func (k *Link) clear(d Direction, pref uint16) error {
	if k.lab.Wire == nil {
		return ErrNoWire
	}
	return d.each(func(one Direction) error { return clearFilter(k.entry(one), pref) })
}
