package bond

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/relations"
	"github.com/tapbond/tapbond/monitor"
)

// Engine runs the bonds of one network namespace.
type Engine struct {
	sys  System
	bus  *Bus
	keep *keeper

	mu    sync.Mutex
	bonds map[string]*Bond
	// links says whose an interface index is: a bond's TAP, its slave, or a NIC
	// that is about to become or has not quite ceased to be one.
	links map[int]*Bond

	departures departures

	module  *module       // nil: nobody loaded it
	begin   option.Values // what bonds begin with then
	loading sync.Mutex    // held while the module is loaded or unloaded

	retired bool
}

// ErrRetired answers who wants a bond of an engine that has ended for want of
// bonds. Another process serves him.
var ErrRetired = errors.New("ending: there was no bond any more")

// Retire ends an engine that has no bond, nor is making one, nor has the module
// loaded: it makes none from now on. Otherwise it does nothing and returns false.
func (e *Engine) Retire() bool {
	left := len(e.keep.remains())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.retired = e.retired || left == 0 && !e.loadedLocked()
	return e.retired
}

// NewEngine returns an engine without bonds. What must outlive the process goes
// to store; nil keeps nothing.
func NewEngine(sys System, bus *Bus, store Store) *Engine {
	e := &Engine{sys: sys, bus: bus, bonds: make(map[string]*Bond), links: make(map[int]*Bond), begin: option.Defaults()}
	e.keep = newKeeper(e, store)
	return e
}

// Bus is where the engine's events appear.
func (e *Engine) Bus() *Bus { return e.bus }

// Run takes the kernel's events to the bonds they concern, until ctx ends or
// the event source fails.
func (e *Engine) Run(ctx context.Context, events <-chan monitor.WatchEvent) error {
	go e.keep.run(ctx)
	go e.retrying(ctx)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev, ok := <-events:
			if !ok {
				return errors.New("link events ended")
			}
			e.dispatch(ev)
		}
	}
}

// Create makes a bond with the options given, all or nothing. A name with %d
// in it gets the lowest number that is free, as the kernel's names do.
func (e *Engine) Create(ctx context.Context, cfg Config) (*Bond, error) {
	if before, after, ok := strings.Cut(cfg.Name, "%d"); ok {
		return e.createNumbered(ctx, cfg, before, after)
	}
	e.mu.Lock()
	if e.retired {
		e.mu.Unlock()
		return nil, ErrRetired
	}
	if e.bonds[cfg.Name] != nil {
		e.mu.Unlock()
		if err := e.makeWay(ctx, cfg); err != nil {
			return nil, err
		}
		e.mu.Lock()
		if e.retired || e.bonds[cfg.Name] != nil { // somebody was faster
			e.mu.Unlock()
			return nil, fmt.Errorf("%s: %w", cfg.Name, unix.EEXIST)
		}
	}
	e.bonds[cfg.Name] = reserved
	e.mu.Unlock()
	b, err := newBond(ctx, e, cfg)
	e.register(cfg.Name, b)
	// Only now: at any moment the one record or the other is there.
	unkept := e.keep.note(cfg.Name, false)
	if err != nil {
		return nil, err
	}
	if unkept != nil {
		return nil, errors.Join(fmt.Errorf("%s: keep its record: %w", cfg.Name, unkept), b.Close(ctx))
	}
	b.refresh()
	return b, nil
}

// register puts a bond in the place kept for it; nil gives the place up.
func (e *Engine) register(name string, b *Bond) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.bonds, name)
	if b != nil {
		e.bonds[name] = b
		e.links[b.index] = b
	}
}

// maxNumbered is how many names with a number are tried, the kernel's bound too.
const maxNumbered = 8 * 4096

func (e *Engine) createNumbered(ctx context.Context, cfg Config, before, after string) (*Bond, error) {
	for n := range maxNumbered {
		cfg.Name = before + strconv.Itoa(n) + after
		if _, err := e.sys.LinkByName(cfg.Name); err == nil {
			continue
		}
		b, err := e.Create(ctx, cfg)
		if errors.Is(err, unix.EEXIST) {
			continue // somebody was faster
		}
		return b, err
	}
	return nil, fmt.Errorf("%s%%d%s: %w", before, after, unix.ENFILE)
}

// reserved stands for a bond that is being made.
var reserved = new(Bond)

// Bond returns the bond of that name, nil if there is none.
func (e *Engine) Bond(name string) *Bond {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b := e.bonds[name]; b != reserved {
		return b
	}
	return nil
}

// Bonds returns all bonds by name.
func (e *Engine) Bonds() []*Bond {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []*Bond
	for _, b := range e.bonds {
		if b != reserved {
			out = append(out, b)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].index < out[j].index })
	return out
}

// Delete releases a bond's slaves and removes its TAP.
func (e *Engine) Delete(ctx context.Context, name string) error {
	b := e.Bond(name)
	if b != nil {
		return e.remove(ctx, b, true)
	}
	for _, r := range e.keep.remains() {
		if r.Name == name { // it could not be taken over
			return errors.Join(e.undo(&r), e.keep.flush())
		}
	}
	return fmt.Errorf("%s: %w", name, unix.ENODEV)
}

// tapGone deletes a bond whose TAP somebody deleted.
func (e *Engine) tapGone(b *Bond) {
	go func() { _ = e.remove(context.Background(), b, false) }()
}

// remove ends a bond; the lock is never given back, so nothing comes after.
func (e *Engine) remove(ctx context.Context, b *Bond, tapPresent bool) error {
	if err := b.lock(ctx); err != nil {
		return err
	}
	if !tapPresent {
		b.tapLeft()
	}
	errs := b.shutdown(tapPresent)
	e.mu.Lock()
	for name, x := range e.bonds {
		if x == b {
			delete(e.bonds, name)
		}
	}
	delete(e.links, b.index)
	e.mu.Unlock()
	_ = e.keep.flush() // what can't be saved is gone all the same
	return errs
}

// closePatience is how long CloseAll waits for a bond that serves a request.
const closePatience = 10 * time.Second

// CloseAll deletes every bond, undoes what could not be taken over, and forgets
// the module. Bonds are removed side by side; each has its own time.
func (e *Engine) CloseAll(ctx context.Context) error {
	defer e.forgetModule()
	bonds := e.Bonds()
	err := forEach(len(bonds), func(i int) error {
		ctx, cancel := context.WithTimeout(ctx, closePatience)
		defer cancel()
		if err := e.remove(ctx, bonds[i], true); !errors.Is(err, ErrGone) {
			return err
		}
		return nil
	})
	return errors.Join(err, e.undoLeft(), e.keep.flush())
}

func (e *Engine) dispatch(ev monitor.WatchEvent) {
	switch {
	case ev.Link != nil:
		e.linkEvent(*ev.Link)
	case ev.BridgePort != 0:
		for _, b := range e.Bonds() {
			if ev.BridgePort == b.index || b.concerns(ev.BridgePort, 0, 0) {
				b.refresh()
			}
		}
	case ev.Routes:
		for _, b := range e.Bonds() {
			if b.probed.Load() != nil {
				b.refresh()
			}
		}
	case ev.Moved != nil:
		e.linkMoved(*ev.Moved)
	case ev.Hook != nil:
		e.hookEvent(*ev.Hook)
	case ev.Addr != nil:
		for _, b := range e.Bonds() {
			b.addressEvent(ev.Addr.Index)
		}
	case ev.Resync:
		e.linkAppeared()
		for _, b := range e.Bonds() {
			b.addressEvent(0)
		}
	}
}

func (e *Engine) linkEvent(ev monitor.LinkEvent) {
	b := e.owner(ev.Index)
	if b == nil {
		if !ev.Deleted {
			e.linkAppeared()
		}
		// Perhaps a device stacked on a bond: its addresses are announced too.
		for _, b := range e.Bonds() {
			if b.concerns(ev.Index, ev.ParentIndex, ev.MasterIndex) || e.owner(ev.ParentIndex) == b && (ev.Kind == "vlan" || relations.NatureOf(ev.Kind).Claims) {
				b.refresh()
			}
		}
		return
	}
	if ev.Index == b.index {
		if ev.Deleted {
			e.tapGone(b)
			return
		}
		b.refresh()
		return
	}
	b.box.post(func() {
		if s := b.slaveByIndex(ev.Index); s != nil {
			b.slaveEvent(s, ev)
		}
	})
}

func (e *Engine) owner(index int) *Bond {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.links[index]
}

// owns: the interface is a bond's TAP or slave.
func (e *Engine) owns(index int) bool { return e.owner(index) != nil }

// claim reserves an interface for a bond; false: it belongs to a bond already, if
// only to one that could not be taken over.
func (e *Engine) claim(index int, b *Bond) bool {
	if e.keep.holds(index) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.links[index] != nil {
		return false
	}
	e.links[index] = b
	return true
}

// disclaim ends the claim of b. An index may be another bond's by then, if its
// interface vanished and the kernel gave the number to the next one.
func (e *Engine) disclaim(index int, b *Bond) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.links[index] == b {
		delete(e.links, index)
	}
}

func (e *Engine) renamed(b *Bond, from, to string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.bonds, from)
	e.bonds[to] = b
}
