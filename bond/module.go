package bond

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/modparam"
)

// There is no module to load, but what loading it means there is: settings that
// every bond has from then on, bonds made at once, and an end of all of them.
// As with the kernel's, a bond that is there, however it was made, means that
// the module is loaded.

// ErrNotLoaded answers who wants to unload what isn't loaded.
var ErrNotLoaded = errors.New("module bonding is not currently loaded")

// ModuleRecord is what must be known of the loaded module in another process.
// It is there until no bond is.
type ModuleRecord struct {
	// Phase is Coming while the first bonds are made and Going while all are
	// removed: then the next process removes what there is of them.
	Phase      Phase            `json:"phase,omitempty"`
	Parameters []modparam.Param `json:"parameters,omitempty"`
	// Left is what an unloading could not remove.
	Left []Remnant `json:"left,omitempty"`
}

// Remnant is the TAP of a bond that was ended but for it.
type Remnant struct {
	Name  string `json:"name"`
	Index int    `json:"ifindex"`
}

// Record is what Undo takes.
func (r Remnant) Record() *Record { return &Record{Name: r.Name, Index: r.Index, Phase: Going} }

// module is the loaded module; immutable.
type module struct {
	params []modparam.Param
	values option.Values // what every bond begins with
	left   []Remnant     // what an unloading has still to remove
	// over: it isn't loaded any more. Another process had begun to unload it, and
	// who asks for that again has it.
	over bool
}

func (m *module) record(p Phase) *ModuleRecord {
	return &ModuleRecord{Phase: p, Parameters: m.params, Left: m.left}
}

// ModuleState is the module as others see it.
type ModuleState struct {
	Loaded bool `json:"loaded"`
	// Parameters are those it was loaded with, as they were written; none if it
	// is loaded because somebody made a bond.
	Parameters []modparam.Param `json:"parameters,omitempty"`
	// Files are those of /sys/module/bonding/parameters with their content.
	Files map[string]string `json:"files,omitempty"`
	// Left are the names of bonds that an unloading could not remove wholly: it was
	// not finished, and the next one tries again.
	Left []string `json:"left,omitempty"`
}

// Module returns the module's state.
func (e *Engine) Module() ModuleState {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.loadedLocked() {
		return ModuleState{}
	}
	v := e.defaultsLocked()
	n := strconv.Itoa(int(v.NumGratArp)) + "\n"
	st := ModuleState{Loaded: true, Files: map[string]string{"num_grat_arp": n, "num_unsol_na": n}}
	if m := e.moduleLocked(); m != nil {
		st.Parameters = slices.Clone(m.params)
		for _, r := range m.left {
			st.Left = append(st.Left, r.Name)
		}
	}
	return st
}

func (e *Engine) loadedLocked() bool { return e.moduleLocked() != nil || len(e.bonds) > 0 }

// moduleLocked is the module that was loaded by somebody's wish, not by a bond
// that is there; nil for none.
func (e *Engine) moduleLocked() *module {
	if e.module != nil && e.module.over {
		return nil
	}
	return e.module
}

// Idle reports that there is no bond and that nobody loaded the module.
func (e *Engine) Idle() bool {
	if len(e.keep.remains()) > 0 {
		return false
	}
	return !e.loaded()
}

func (e *Engine) loaded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.loadedLocked()
}

func (e *Engine) defaultsLocked() option.Values {
	if m := e.moduleLocked(); m != nil {
		return m.values
	}
	return e.begin
}

// Begin gives the settings that bonds begin with while nobody has loaded the
// module: what modprobe's configuration says, which the kernel would load it with
// when the first bond is made. log is what the driver says about them. It must
// come before the first bond.
func (e *Engine) Begin(v option.Values, log []option.Line) {
	e.mu.Lock()
	e.begin = v
	e.mu.Unlock()
	e.moduleSays(log)
}

// defaults are the settings of a bond that somebody makes now.
func (e *Engine) defaults() option.Values {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.defaultsLocked()
}

// LoadModule loads the module with its parameters: bonds made from now on begin
// with them, and max_bonds of them are made at once, or none and nothing is
// loaded. of has the parameters of some of those by their names, in place of the
// module's. It returns the names of the new bonds, and what the driver says about
// the parameters. EEXIST if it is loaded; an *modparam.Error if they won't do.
func (e *Engine) LoadModule(ctx context.Context, params []modparam.Param, of map[string][]modparam.Param) ([]string, []option.Line, error) {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.loaded() {
		return nil, nil, unix.EEXIST // whatever the parameters
	}
	m, base, err := e.judge(params, of)
	if err != nil {
		return nil, nil, err
	}
	e.mu.Lock()
	switch {
	case e.retired:
		e.mu.Unlock()
		return nil, nil, ErrRetired
	case e.loadedLocked():
		e.mu.Unlock()
		return nil, nil, unix.EEXIST
	}
	now := &module{params: slices.Clone(params), values: m.Values}
	e.module = now
	e.mu.Unlock()
	e.moduleSays(m.Log)
	e.keep.module(now.record(Coming))
	var made []*Bond
	var names []string
	for range m.Bonds {
		b, err := e.Create(ctx, Config{Name: "bond%d", Base: base, byModule: true})
		if err != nil {
			err = errors.Join(err, e.removeAll(context.WithoutCancel(ctx), made))
			e.forgetModule()
			return nil, nil, err
		}
		made, names = append(made, b), append(names, b.Name())
	}
	e.keep.module(now.record(Steady))
	return names, m.Log, nil
}

// judge says what parameters come to, and the settings of single bonds.
func (e *Engine) judge(params []modparam.Param, of map[string][]modparam.Param) (modparam.Module, map[string]option.Values, error) {
	m, err := modparam.Check(params)
	base := make(map[string]option.Values, len(of))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if err == nil {
			var own modparam.Module
			own, err = modparam.Check(of[name])
			base[name] = own.Values
		}
	}
	var no *modparam.Error
	if errors.As(err, &no) {
		e.moduleSays(no.Log)
	}
	return m, base, err
}

// UnloadModule removes every bond and leaves its slaves as they were found, but
// down; then the module's parameters are forgotten. ErrNotLoaded if there is
// nothing. If ctx ends between two bonds, or one can't be removed, the error says
// so and the module is loaded as before: the next call goes on with what is left.
func (e *Engine) UnloadModule(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	e.mu.Lock()
	over, loaded := e.module != nil && e.module.over, e.loadedLocked()
	if over {
		e.module = nil
	}
	m := e.module
	e.mu.Unlock()
	switch {
	case !loaded && over:
		return nil
	case !loaded:
		return ErrNotLoaded
	case m != nil:
		e.keep.module(m.record(Going))
	}
	err := errors.Join(e.removeLeft(), e.removeAll(ctx, e.Bonds()))
	if e.forgetModule() {
		return err
	}
	if err == nil {
		err = fmt.Errorf("a bond was made meanwhile: %w", unix.EBUSY)
	}
	e.bus.publish(Event{Time: time.Now(), Kind: "module", Level: slog.LevelWarn, Message: "bonding: unloading was not finished, it is loaded as before", Why: err.Error()})
	return err
}

// removeAll removes bonds until ctx ends, and notes those whose TAP stays.
func (e *Engine) removeAll(ctx context.Context, bonds []*Bond) error {
	var errs []error
	for _, b := range bonds {
		r := Remnant{b.Name(), b.index}
		err := ctx.Err()
		if err == nil {
			err = e.remove(ctx, b, true)
		}
		switch {
		case errors.Is(err, ErrGone): // somebody else removes it
			select {
			case <-b.Done():
			case <-ctx.Done():
			}
			continue
		case err != nil:
			errs = append(errs, err)
		}
		if _, there := e.ownTAP(r.Record()); err != nil && there && !e.owns(r.Index) {
			e.leave(r)
			e.keep.noted(r.Index) // the module's file has it
		}
	}
	return errors.Join(errs...)
}

// leave notes what an unloading could not remove.
func (e *Engine) leave(r Remnant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := module{values: e.begin}
	if now := e.moduleLocked(); now != nil {
		m = *now
	}
	m.left = append(slices.Clone(m.left), r)
	e.module = &m
}

// removeLeft removes what an unloading could not remove.
func (e *Engine) removeLeft() error {
	e.mu.Lock()
	m := e.moduleLocked()
	e.mu.Unlock()
	if m == nil || len(m.left) == 0 {
		return nil
	}
	var left []Remnant
	var errs []error
	for _, r := range m.left {
		if _, err := Undo(e.sys, r.Record()); err != nil {
			errs, left = append(errs, fmt.Errorf("%s: delete: %w", r.Name, err)), append(left, r)
		}
	}
	e.mu.Lock()
	e.module = &module{params: m.params, values: m.values, left: left}
	e.mu.Unlock()
	return errors.Join(errs...)
}

// forgetModule forgets the module, or returns false: something of its bonds is
// there, and so it is loaded.
func (e *Engine) forgetModule() bool {
	e.mu.Lock()
	m := e.moduleLocked()
	bonds := false
	for _, b := range e.bonds {
		bonds = bonds || b == reserved || b.ctx.Err() == nil // else it has ended, but for its place here
	}
	stays := bonds || m != nil && len(m.left) > 0
	if !stays {
		e.module = nil
	}
	e.mu.Unlock()
	switch {
	case m == nil:
	case stays:
		e.keep.module(m.record(Steady))
	default:
		e.keep.module(nil)
	}
	return !stays
}

// moduleSays publishes the driver's lines about its parameters.
func (e *Engine) moduleSays(lines []option.Line) {
	for _, l := range lines {
		e.bus.publish(Event{Time: time.Now(), Kind: "module", Level: slog.Level(l.Level), Message: l.Text})
	}
}

// Restore goes on with the module and the bonds of a process that is no more,
// the module being nil if it had none. It must come first. Bonds that were being
// made or removed with the module are removed; it is forgotten after them. The
// error tells of what could not be taken over or removed; the rest was.
func (e *Engine) Restore(ctx context.Context, r *ModuleRecord, records []Record) error {
	if r == nil {
		return e.Adopt(ctx, records)
	}
	p, err := modparam.Check(r.Parameters)
	e.mu.Lock()
	m := module{values: e.begin, left: r.Left}
	if err == nil {
		m.params, m.values = r.Parameters, p.Values
	}
	e.module = &m
	e.mu.Unlock()
	if r.Phase == Steady {
		return errors.Join(err, e.Adopt(ctx, records))
	}
	for i := range records {
		records[i].Phase = Going
	}
	errs := []error{err, e.removeLeft(), e.Adopt(ctx, records)}
	for i := range records {
		if info, there := e.ownTAP(&records[i]); there {
			e.leave(Remnant{info.Name, info.Index})
			e.keep.noted(info.Index)
		}
	}
	if e.forgetModule() && r.Phase == Going {
		e.mu.Lock()
		e.module = &module{over: true}
		e.mu.Unlock()
	}
	return errors.Join(errs...)
}
