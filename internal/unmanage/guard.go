package unmanage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// patience bounds what Look, Hold and Free wait for all managers together:
	// somebody waits for a NIC.
	patience = 2 * time.Second
	// sulk is how long a manager that gave no answer isn't asked again.
	sulk = 30 * time.Second
)

// Guard tells the managers of one network namespace. Its methods may be called
// from any goroutine; they return within two seconds.
type Guard struct {
	managers []manager
	netns    unix.Stat_t

	mu     sync.Mutex
	silent map[string]time.Time // until when a manager isn't asked
}

// manager is one program that configures NICs by itself.
type manager interface {
	name() string
	// has reports whether it runs here and would configure the NIC.
	has(ctx context.Context, nic string) bool
	// hold has it leave the NIC alone, and returns when it does.
	hold(ctx context.Context, nic string) error
	// free has it go on with NICs as before.
	free(ctx context.Context, nics []string) error
	// sweep frees all NICs but those to keep; it is for what a process left
	// behind that is no more.
	sweep(ctx context.Context, keep []string) error
}

// New returns a Guard of the calling thread's network namespace.
func New() (*Guard, error) { return newGuard(settings{run: "/run"}) }

// settings are where things are; tests have them elsewhere.
type settings struct {
	run string // the folder for what lasts until the machine is restarted
	bus string // the system bus's address; empty for the usual one
}

func newGuard(s settings) (*Guard, error) {
	g := &Guard{silent: make(map[string]time.Time)}
	if err := unix.Stat("/proc/thread-self/ns/net", &g.netns); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	bus := &bus{address: s.bus, here: g.here}
	// dhcpcd first: what is waited for it is little, and a bus that says nothing
	// would take all there is.
	g.managers = []manager{newDhcpcd(s.run, g.here), newNetworkManager(s.run, bus), newNetworkd(s.run, bus)}
	return g, nil
}

// here reports whether a process is in the guard's network namespace.
func (g *Guard) here(pid int) bool {
	var st unix.Stat_t
	return unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st) == nil && st.Ino == g.netns.Ino && st.Dev == g.netns.Dev
}

// Held is a NIC and the managers that were told of it.
type Held struct {
	NIC      string
	Managers []string
}

// Look returns the managers that would configure the NIC. Nothing is changed.
func (g *Guard) Look(ctx context.Context, nic string) []string {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var out []string
	for _, m := range g.managers {
		if m.has(g.asking(ctx, m), nic) {
			out = append(out, m.name())
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			g.mute(m.name())
		}
	}
	return out
}

// Hold has managers that Look named leave the NIC alone. The errors tell, one
// a manager, what could not be done.
func (g *Guard) Hold(ctx context.Context, h Held) []error {
	return g.each(ctx, func(ctx context.Context, m manager) error {
		if !slices.Contains(h.Managers, m.name()) {
			return nil
		}
		return m.hold(ctx, h.NIC)
	})
}

// Free has the managers go on with the NICs as they did before Hold.
func (g *Guard) Free(ctx context.Context, held ...Held) []error {
	return g.each(ctx, func(ctx context.Context, m manager) error {
		var nics []string
		for _, h := range held {
			if slices.Contains(h.Managers, m.name()) {
				nics = append(nics, h.NIC)
			}
		}
		if len(nics) == 0 {
			return nil
		}
		return m.free(ctx, nics)
	})
}

// Sweep frees what another process held and didn't free, except the NICs to
// keep.
func (g *Guard) Sweep(ctx context.Context, keep []string) []error {
	return g.each(ctx, func(ctx context.Context, m manager) error { return m.sweep(ctx, keep) })
}

// errSilent stands for a manager that gave no answer a short while ago.
var errSilent = errors.New("it doesn't answer")

// each does something with every manager. One that lets the time pass is not
// asked for a while: its file is written or removed all the same.
func (g *Guard) each(ctx context.Context, do func(context.Context, manager) error) []error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var errs []error
	for _, m := range g.managers {
		err := do(g.asking(ctx, m), m)
		if err == nil {
			continue
		}
		// The connection is closed when the time is over, and the error may be that.
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			g.mute(m.name())
			err = errSilent
		}
		errs = append(errs, fmt.Errorf("%s: %w", m.name(), err))
	}
	return errs
}

// asking is ctx, at its end already for a manager that isn't to be asked.
func (g *Guard) asking(ctx context.Context, m manager) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	if time.Now().Before(g.silent[m.name()]) {
		ended, stop := context.WithCancelCause(ctx)
		stop(errSilent)
		return ended
	}
	return ctx
}

func (g *Guard) mute(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent[name] = time.Now().Add(sulk)
}
