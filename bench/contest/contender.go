package contest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tapbond/tapbond/bench/lab"
)

// Contender is one way to aggregate links.
type Contender struct {
	// Name is unique in a run, as "tapbond" or "c-loop".
	Name string
	// Note is what a reader of its figures must know, "" for nothing.
	Note string
	// Plain says that offloads must be off at both ends.
	Plain bool
	// Missing reports why it can't run on this machine, nil if it can.
	Missing func(context.Context) error
	// Start brings it up over host A's eth0..ethN-1.
	Start func(context.Context, *lab.Lab) (*Running, error)
}

// Running is a contender at work.
type Running struct {
	// Ifname is A's interface that carries the traffic.
	Ifname string
	// PIDs are the processes that do the work; none where the kernel does it.
	PIDs []int
	// Stop ends them; nil leaves that to the lab's end.
	Stop func()
}

// Veth is no bond at all: A's eth0 itself. It is the ceiling; the kernel's bond
// costs nothing measurable above it.
func Veth() Contender {
	return Contender{
		Name: "veth", Note: "no bond: the ceiling",
		Missing: func(context.Context) error { return nil },
		Start: func(_ context.Context, l *lab.Lab) (*Running, error) {
			return &Running{Ifname: "eth0"}, l.A.Up("eth0")
		},
	}
}

// Kernel is the kernel's own driver, where it is there.
func Kernel() Contender {
	return Contender{
		Name: "kernel", Note: "the bonding module, active-backup",
		Missing: func(ctx context.Context) error {
			return inScratch(ctx, func(h *lab.Host) error {
				if out, err := h.Command(ctx, "ip", "link", "add", "probe", "type", "bond").CombinedOutput(); err != nil {
					return fmt.Errorf("this kernel has no bonding driver (%s)", firstLine(out))
				}
				return nil
			})
		},
		Start: func(ctx context.Context, l *lab.Lab) (*Running, error) {
			cmds := [][]string{{"link", "add", bondName, "type", "bond", "mode", "active-backup", "miimon", "100"}}
			for i := range l.Topology.Slaves {
				cmds = append(cmds, []string{"link", "set", slaveName(i), "master", bondName})
			}
			for _, args := range cmds {
				if out, err := l.A.Command(ctx, "ip", args...).CombinedOutput(); err != nil {
					return nil, fmt.Errorf("ip %v: %s", args, firstLine(out))
				}
			}
			return &Running{Ifname: bondName}, l.A.Up(bondName)
		},
	}
}

// bondName is A's interface of a contender that makes one.
const bondName = "bond0"

func slaveName(i int) string { return fmt.Sprintf("eth%d", i) }

func slaveNames(l *lab.Lab) []string {
	names := make([]string, l.Topology.Slaves)
	for i := range names {
		names[i] = slaveName(i)
	}
	return names
}

// inScratch runs fn in a namespace of its own.
func inScratch(ctx context.Context, fn func(*lab.Host) error) (err error) {
	l, err := lab.Build(ctx, lab.Topology{Name: "bench-probe", Slaves: 1, Switch: lab.NoSwitch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return fn(l.A)
}
