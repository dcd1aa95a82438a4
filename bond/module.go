package bond

import (
	"context"
	"errors"
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
type ModuleRecord struct {
	// Phase is Coming while the first bonds are made and Going while all are
	// removed: then the next process removes what there is of them.
	Phase      Phase            `json:"phase,omitempty"`
	Parameters []modparam.Param `json:"parameters,omitempty"`
}

// module is the loaded module; immutable.
type module struct {
	params []modparam.Param
	values option.Values // what every bond begins with
}

// ModuleState is the module as others see it.
type ModuleState struct {
	Loaded bool `json:"loaded"`
	// Parameters are those it was loaded with, as they were written; none if it
	// is loaded because somebody made a bond.
	Parameters []modparam.Param `json:"parameters,omitempty"`
	// Files are those of /sys/module/bonding/parameters with their content.
	Files map[string]string `json:"files,omitempty"`
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
	if e.module != nil {
		st.Parameters = slices.Clone(e.module.params)
	}
	return st
}

func (e *Engine) loadedLocked() bool { return e.module != nil || len(e.bonds) > 0 }

// moduleLoaded: by somebody's wish, not by a bond that is there.
func (e *Engine) moduleLoaded() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.module != nil
}

// Idle reports that there is no bond and that nobody loaded the module.
func (e *Engine) Idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.loadedLocked()
}

func (e *Engine) defaultsLocked() option.Values {
	if e.module != nil {
		return e.module.values
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
	if !e.Idle() {
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
	e.module = &module{params: slices.Clone(params), values: m.Values}
	e.mu.Unlock()
	e.moduleSays(m.Log)
	e.keep.module(&ModuleRecord{Phase: Coming, Parameters: params})
	var made []*Bond
	var names []string
	for range m.Bonds {
		b, err := e.Create(ctx, Config{Name: "bond%d", Base: base})
		if err != nil {
			for _, b := range made {
				err = errors.Join(err, e.remove(context.WithoutCancel(ctx), b, true))
			}
			e.forgetModule()
			return nil, nil, err
		}
		made, names = append(made, b), append(names, b.Name())
	}
	e.keep.module(&ModuleRecord{Parameters: params})
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
// down; the module's parameters are forgotten. ErrNotLoaded if there is nothing.
func (e *Engine) UnloadModule(ctx context.Context) error {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.Idle() {
		return ErrNotLoaded
	}
	if e.moduleLoaded() {
		e.keep.module(&ModuleRecord{Phase: Going})
	}
	return e.CloseAll(ctx)
}

func (e *Engine) forgetModule() {
	e.mu.Lock()
	loaded := e.module != nil
	e.module = nil
	e.mu.Unlock()
	if loaded {
		e.keep.module(nil)
	}
}

// moduleSays publishes the driver's lines about its parameters.
func (e *Engine) moduleSays(lines []option.Line) {
	for _, l := range lines {
		e.bus.publish(Event{Time: time.Now(), Kind: "module", Level: slog.Level(l.Level), Message: l.Text})
	}
}

// AdoptModule goes on with the module of a process that is no more; nil: it had
// none. If its bonds were being made or removed, the records are changed so that
// Adopt, which comes next, removes them.
func (e *Engine) AdoptModule(r *ModuleRecord, records []Record) error {
	switch {
	case r == nil:
		return nil
	case r.Phase != Steady:
		for i := range records {
			records[i].Phase = Going
		}
		e.keep.module(nil)
		return nil
	}
	m, err := modparam.Check(r.Parameters)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.module = &module{params: r.Parameters, values: m.Values}
	return nil
}
