package contest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// Contender is one way to aggregate links.
type Contender struct {
	// Name is unique in a run, as "tapbond" or "c-loop". Variants of one have
	// its name before a slash.
	Name string
	// Note is what a reader of its figures must know, "" for nothing.
	Note string
	// Plain says that offloads must be off at both ends.
	Plain bool
	// Does are the kinds of work it can be set up for.
	Does []Kind
	// Steady is how long it has to carry without a break before it is taken for
	// settled; 0 for at once.
	Steady time.Duration
	// Missing reports why it can't run on this machine, nil if it can.
	Missing func(context.Context) error
	// Start brings it up over host A's eth0..ethN-1, as the kind of work asks,
	// before the context ends; what it started outlives that.
	Start func(context.Context, *lab.Lab, Kind) (*Running, error)
}

// Kind is what a contender is set up for. Its text is the name of the lab.
type Kind string

// The kinds.
const (
	// Single is one link in the contender's own mode, else active-backup.
	Single Kind = "single"
	// Idle is many links in the contender's own mode, and nothing to do.
	Idle Kind = "idle"
	// Failover is active-backup with two links.
	Failover Kind = "failover"
	// Flows is a hash over several links, layer3+4 where there is a choice.
	// Addresses differ at layer 2 too.
	Flows Kind = "flows"
	// Limited is a hash by layer3+4 over links of limited rate.
	Limited Kind = "limited"
	// RoundRobin is balance-rr over links of limited rate.
	RoundRobin Kind = "rr"
)

// mode is the kernel's name of the mode a kind asks for, and of the hash.
func (k Kind) mode() (mode, hash string) {
	switch k {
	case Flows, Limited:
		return "balance-xor", "layer3+4"
	case RoundRobin:
		return "balance-rr", ""
	}
	return "active-backup", ""
}

var allKinds = []Kind{Single, Idle, Failover, Flows, Limited, RoundRobin}

func (c *Contender) does(k Kind) bool { return slices.Contains(c.Does, k) }

// Running is a contender at work.
type Running struct {
	// Ifname is A's interface that carries the traffic.
	Ifname string
	// Far is B's, "" for eth0.
	Far string
	// PIDs are the processes that do the work; none where the kernel does it.
	PIDs []int
	// Helpers are processes that are no load from outside either.
	Helpers []int
	// Stop ends them; nil leaves that to the lab's end.
	Stop func()
}

func (r *Running) far() string {
	if r.Far == "" {
		return "eth0"
	}
	return r.Far
}

// Veth is no bond at all: A's eth0 itself. It is the ceiling; the kernel's bond
// costs nothing measurable above it.
func Veth() Contender {
	return Contender{
		Name: "veth", Note: "no bond: the ceiling",
		Does:    []Kind{Single},
		Missing: func(context.Context) error { return nil },
		Start: func(_ context.Context, l *lab.Lab, _ Kind) (*Running, error) {
			return &Running{Ifname: "eth0"}, l.A.Up("eth0")
		},
	}
}

// Kernel is the kernel's own driver, where it is there.
func Kernel() Contender {
	return Contender{
		Name: "kernel", Note: "the bonding module, active-backup where nothing else is asked for",
		Does: allKinds,
		Missing: func(ctx context.Context) error {
			return inScratch(ctx, func(h *lab.Host) error {
				if out, err := h.Command(ctx, "ip", "link", "add", "probe", "type", "bond").CombinedOutput(); err != nil {
					return fmt.Errorf("this kernel has no bonding driver (%s)", firstLine(out))
				}
				return nil
			})
		},
		Start: func(ctx context.Context, l *lab.Lab, k Kind) (*Running, error) {
			mode, hash := k.mode()
			add := []string{"link", "add", bondName, "type", "bond", "mode", mode, "miimon", "100"}
			if hash != "" {
				add = append(add, "xmit_hash_policy", hash)
			}
			cmds := [][]string{add}
			for _, slave := range slaveNames(l) {
				cmds = append(cmds, []string{"link", "set", slave, "master", bondName})
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

func slaveNames(l *lab.Lab) []string {
	names := make([]string, l.Topology.Slaves)
	for i := range names {
		names[i] = l.Link(i).Slave()
	}
	return names
}

// inScratch runs fn in a namespace of its own.
func inScratch(ctx context.Context, fn func(*lab.Host) error) (err error) {
	l, err := lab.Build(ctx, lab.Topology{Name: labName("probe"), Slaves: 1, Switch: lab.NoSwitch})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return fn(l.A)
}
