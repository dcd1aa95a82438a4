package bond

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/modparam"
)

func moduleParams(words string) []modparam.Param {
	var out []modparam.Param
	for _, w := range strings.Fields(words) {
		out = append(out, modparam.ParseWord(w))
	}
	return out
}

// moduleRig is an engine without bonds, in virtual time.
func moduleRig(t *testing.T, fn func(*testing.T, *Engine, *memory)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		e := NewEngine(newFakeSystem(two...), NewBus(), store)
		fn(t, e, store)
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
		if store.module != nil || !e.Idle() {
			t.Errorf("the module is left: %+v", store.module)
		}
	})
}

func load(t *testing.T, e *Engine, words string) []string {
	t.Helper()
	names, _, err := e.LoadModule(t.Context(), moduleParams(words), nil)
	if err != nil {
		t.Fatalf("%s: %v", words, err)
	}
	return names
}

func setting(t *testing.T, e *Engine, bond, name string) string {
	t.Helper()
	st, err := e.Bond(bond).State()
	if err != nil {
		t.Fatal(err)
	}
	return st.Settings[name]
}

func TestModuleMakesBondsAndDefaults(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, _ *memory) {
		if got := load(t, e, "max_bonds=3 mode=1 miimon=50 updelay=100"); !slices.Equal(got, []string{"bond0", "bond1", "bond2"}) {
			t.Errorf("bonds: %v", got)
		}
		// By whatever way a bond comes later, it begins with them.
		options, _, err := option.ParseWords(strings.Fields("miimon 200"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Create(t.Context(), Config{Name: "later", Options: options}); err != nil {
			t.Fatal(err)
		}
		for bond, want := range map[string][3]string{"bond0": {"active-backup", "50", "100"}, "bond2": {"active-backup", "50", "100"}, "later": {"active-backup", "200", "400"}} {
			if got := [3]string{setting(t, e, bond, "mode"), setting(t, e, bond, "miimon"), setting(t, e, bond, "updelay")}; got != want {
				t.Errorf("%s: %v, want %v", bond, got, want)
			}
		}
		st := e.Module()
		if !st.Loaded || len(st.Parameters) != 4 || st.Files["num_grat_arp"] != "1\n" {
			t.Errorf("%+v", st)
		}
		if _, _, err := e.LoadModule(t.Context(), moduleParams("mode=9"), nil); !errors.Is(err, unix.EEXIST) {
			t.Errorf("loaded again: %v", err)
		}
	})
}

// Before anybody loads it, bonds begin with what modprobe's configuration says;
// and again when it is unloaded.
func TestModuleBegin(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, _ *memory) {
		m, err := modparam.Check(moduleParams("mode=5 max_bonds=7"))
		if err != nil {
			t.Fatal(err)
		}
		e.Begin(m.Values, m.Log)
		if !e.Idle() {
			t.Error("that is no reason to stay")
		}
		mode := func(want string) {
			t.Helper()
			b, err := e.Create(t.Context(), Config{Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if got := setting(t, e, "x", "mode"); got != want {
				t.Errorf("mode %s, want %s", got, want)
			}
			if err := b.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		mode("balance-tlb")
		load(t, e, "max_bonds=0")
		mode("balance-rr")
		if err := e.UnloadModule(t.Context()); err != nil {
			t.Fatal(err)
		}
		mode("balance-tlb")
	})
}

func TestModuleBondsOfTheirOwn(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, _ *memory) {
		of := map[string][]modparam.Param{"bond1": moduleParams("mode=9")}
		if _, _, err := e.LoadModule(t.Context(), moduleParams("max_bonds=2 mode=1"), of); !errors.Is(err, unix.EINVAL) || !e.Idle() {
			t.Errorf("a bad one: %v", err)
		}
		of["bond1"] = moduleParams("mode=4")
		if _, _, err := e.LoadModule(t.Context(), moduleParams("max_bonds=2 mode=1"), of); err != nil {
			t.Fatal(err)
		}
		if a, b := setting(t, e, "bond0", "mode"), setting(t, e, "bond1", "mode"); a != "active-backup" || b != "802.3ad" {
			t.Errorf("modes %s, %s", a, b)
		}
	})
}

// An engine whose module is loaded is not idle; unloaded, all is gone.
func TestModuleUnload(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, store *memory) {
		if err := e.UnloadModule(t.Context()); !errors.Is(err, ErrNotLoaded) {
			t.Errorf("nothing loaded: %v", err)
		}
		load(t, e, "max_bonds=0 mode=5")
		if e.Idle() || e.Retire() || store.module == nil {
			t.Error("a loaded module isn't kept")
		}
		b, err := e.Create(t.Context(), Config{Name: "bond0"})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range two {
			if err := b.Enslave(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.UnloadModule(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(e.Bonds()) > 0 || store.module != nil || e.Module().Loaded {
			t.Error("something is left")
		}
		if _, err := e.Create(t.Context(), Config{Name: "bond0"}); err != nil {
			t.Fatal(err)
		}
		if got := setting(t, e, "bond0", "mode"); got != "balance-rr" {
			t.Errorf("after it the mode is %s", got)
		}
		// As with the kernel's module: there is a bond, so it is loaded.
		if _, _, err := e.LoadModule(t.Context(), nil, nil); !errors.Is(err, unix.EEXIST) {
			t.Errorf("beside a bond: %v", err)
		}
		if err := e.UnloadModule(t.Context()); err != nil || len(e.Bonds()) > 0 {
			t.Errorf("%v, %d bonds", err, len(e.Bonds()))
		}
	})
}

func TestModuleRefused(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, store *memory) {
		_, _, err := e.LoadModule(t.Context(), moduleParams("miimon=-1 mode=9"), nil)
		var no *modparam.Error
		if !errors.As(err, &no) || !errors.Is(err, unix.EINVAL) || !e.Idle() || store.module != nil {
			t.Errorf("%v", err)
		}
		done, cancel := context.WithCancel(t.Context())
		cancel()
		events, _ := e.Bus().Since(done, 0)
		if len(events) != 1 || events[0].Text() != `Error: Invalid bonding mode "9"` {
			t.Errorf("events: %v", events)
		}
	})
}

// stuck is a machine whose TAPs can't be deleted, those named.
type stuck struct {
	*fakeSystem
	taps map[string]bool
}

func (s *stuck) DeleteTAP(index int) error {
	if i, err := s.LinkByIndex(index); err == nil && s.taps[i.Name] {
		return unix.EBUSY
	}
	return s.fakeSystem.DeleteTAP(index)
}

// An unloading that stops halfway leaves the module loaded with its parameters,
// here and for the next process; the next one goes on where it stopped.
func TestModuleUnloadInterrupted(t *testing.T) {
	for what, c := range map[string]struct {
		load string // "": nobody loads it, there are bonds
		// hinder returns what to unload with and how to make way again.
		hinder func(*testing.T, *stuck, *Engine) (context.Context, func())
		bonds  int      // that are there still
		left   []string // that are there but for their TAPs
	}{
		"the client is gone before anything is done": {"max_bonds=3 mode=1 miimon=50", func(t *testing.T, _ *stuck, _ *Engine) (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx, func() {}
		}, 3, nil},
		"the client goes between two bonds": {"max_bonds=3 mode=1 miimon=50", func(t *testing.T, sys *stuck, _ *Engine) (context.Context, func()) {
			ctx, cancel := context.WithCancel(t.Context())
			sys.mu.Lock()
			defer sys.mu.Unlock()
			sys.before = cancel
			return ctx, func() {}
		}, 2, nil},
		"a bond is at something else": {"max_bonds=3 mode=1 miimon=50", func(t *testing.T, _ *stuck, e *Engine) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			b := e.Bond("bond1")
			if err := b.lock(t.Context()); err != nil {
				t.Fatal(err)
			}
			return ctx, b.unlock
		}, 2, nil},
		"a bond can't be removed": {"max_bonds=3 mode=1 miimon=50", func(t *testing.T, sys *stuck, _ *Engine) (context.Context, func()) {
			sys.taps = map[string]bool{"bond1": true}
			return t.Context(), func() { sys.taps = nil }
		}, 0, []string{"bond1"}},
		"no bond of several can be removed, and nobody loaded it": {"", func(t *testing.T, sys *stuck, _ *Engine) (context.Context, func()) {
			sys.taps = map[string]bool{"bond0": true, "bond1": true, "bond2": true}
			return t.Context(), func() { sys.taps = nil }
		}, 0, []string{"bond0", "bond1", "bond2"}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys, store := &stuck{fakeSystem: newFakeSystem(two...)}, new(memory)
				before := sys.host("", nil).links
				e := NewEngine(sys, NewBus(), store)
				params := moduleParams(c.load)
				if c.load != "" {
					load(t, e, c.load)
				}
				for range 3 - len(e.Bonds()) {
					if _, err := e.Create(t.Context(), Config{Name: "bond%d"}); err != nil {
						t.Fatal(err)
					}
				}
				if err := e.Bond("bond2").Enslave(t.Context(), "eth0"); err != nil {
					t.Fatal(err)
				}
				ctx, clear := c.hinder(t, sys, e)
				if err := e.UnloadModule(ctx); err == nil {
					t.Error("it is said to be unloaded")
				}
				sys.mu.Lock()
				sys.before = nil
				sys.mu.Unlock()

				st := e.Module()
				if !st.Loaded || !slices.Equal(st.Parameters, params) || !slices.Equal(st.Left, c.left) || len(e.Bonds()) != c.bonds || e.Idle() || e.Retire() {
					t.Errorf("%d bonds, %+v", len(e.Bonds()), st)
				}
				if _, _, err := e.LoadModule(t.Context(), nil, nil); !errors.Is(err, unix.EEXIST) {
					t.Errorf("loaded again: %v", err)
				}
				want := &ModuleRecord{Parameters: params}
				for _, name := range c.left {
					want.Left = append(want.Left, Remnant{name, sys.index(name)})
				}
				if d := cmp.Diff(want, store.module); d != "" {
					t.Errorf("kept: %s", d)
				}
				if _, err := e.Create(t.Context(), Config{Name: "later"}); err != nil {
					t.Fatal(err)
				}
				if got := setting(t, e, "later", "miimon"); c.load != "" && got != "50" {
					t.Errorf("a bond made then has miimon %s", got)
				}

				// The next process knows as much.
				next := NewEngine((&host{links: sys.host("", nil).links}).after(two...), NewBus(), nil)
				if err := next.Restore(t.Context(), store.module, nil); err != nil {
					t.Error(err)
				}
				if got := next.Module(); !slices.Equal(got.Parameters, params) || !slices.Equal(got.Left, c.left) {
					t.Errorf("the next process: %+v", got)
				}

				clear()
				if err := e.UnloadModule(t.Context()); err != nil {
					t.Errorf("once more: %v", err)
				}
				if st := e.Module(); st.Loaded || len(e.Bonds()) > 0 || store.module != nil || !e.Idle() {
					t.Errorf("%d bonds, %+v, kept %+v", len(e.Bonds()), st, store.module)
				}
				if d := sys.asBefore(before); d != "" {
					t.Error(d)
				}
				if err := e.UnloadModule(t.Context()); !errors.Is(err, ErrNotLoaded) {
					t.Errorf("a third time: %v", err)
				}
			})
		})
	}
}

// A load that fails, and can't be undone, is one: what is there can be unloaded.
func TestModuleLoadNotUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, store := &stuck{fakeSystem: newFakeSystem(), taps: map[string]bool{"bond0": true}}, new(memory)
		e := NewEngine(sys, NewBus(), store)
		sys.fail["tap bond1"] = unix.ENOMEM
		if _, _, err := e.LoadModule(t.Context(), moduleParams("max_bonds=2 mode=1"), nil); !errors.Is(err, unix.ENOMEM) || !errors.Is(err, unix.EBUSY) {
			t.Errorf("%v", err)
		}
		if st := e.Module(); !slices.Equal(st.Left, []string{"bond0"}) || store.module == nil || store.module.Phase != Steady {
			t.Errorf("%+v, kept %+v", st, store.module)
		}
		sys.taps = nil
		if err := e.UnloadModule(t.Context()); err != nil || !e.Idle() || store.module != nil || sys.index("bond0") != 0 {
			t.Errorf("%v, kept %+v", err, store.module)
		}
	})
}

// Killed before any single thing it does to the host, a load has happened or
// hasn't, and an unloading has.
func TestModuleKilled(t *testing.T) {
	type moment struct {
		host
		module *ModuleRecord
		done   int // 0: loading, 1: loaded, 2: unloading
	}
	var moments []moment
	var before map[int]link.Info
	synctest.Test(t, func(t *testing.T) {
		sys, store, done := newFakeSystem(two...), new(memory), 0
		before = sys.host("", nil).links
		look := func() {
			store.mu.Lock()
			m := store.module
			store.mu.Unlock()
			moments = append(moments, moment{sys.host(strings.Join(sys.calls, "; "), store.kept()), m, done})
		}
		sys.before = look
		e := NewEngine(sys, NewBus(), store)
		load(t, e, "max_bonds=2 mode=1 miimon=50")
		done = 1
		if err := e.Bond("bond1").Enslave(t.Context(), "eth0"); err != nil {
			t.Fatal(err)
		}
		done = 2
		if err := e.UnloadModule(t.Context()); err != nil {
			t.Fatal(err)
		}
		sys.before = nil
	})
	if len(moments) < 10 {
		t.Fatalf("%d moments", len(moments))
	}
	for _, m := range moments {
		synctest.Test(t, func(t *testing.T) {
			sys := m.host.after(two...)
			store := &memory{text: m.kept, module: m.module}
			var again []moment // of the next process, that is killed too
			sys.before = func() {
				store.mu.Lock()
				defer store.mu.Unlock()
				again = append(again, moment{sys.host(m.at+"; again: "+strings.Join(sys.calls, "; "), store.text), store.module, m.done})
			}
			e := NewEngine(sys, NewBus(), store)
			if err := e.Restore(t.Context(), m.module, records(t, m.kept)); err != nil {
				t.Errorf("before %s: %v", m.at, err)
			}
			sys.before = nil
			switch bonds := len(e.Bonds()); {
			case m.done == 1 && (bonds != 2 || e.Module().Parameters == nil || e.defaults().Miimon != 50):
				t.Errorf("loaded, before %s: %d bonds", m.at, bonds)
			case m.done != 1 && (bonds != 0 || !e.Idle() || store.module != nil):
				t.Errorf("halfway (%d), before %s: %d bonds", m.done, m.at, bonds)
			}
			if m.done == 2 {
				// Who asks for it again has it, once.
				first, second := e.UnloadModule(t.Context()), e.UnloadModule(t.Context())
				if first != nil || !errors.Is(second, ErrNotLoaded) {
					t.Errorf("again, before %s: %v, then %v", m.at, first, second)
				}
			}
			if err := e.CloseAll(t.Context()); err != nil {
				t.Error(err)
			}
			if d := sys.asBefore(before); d != "" {
				t.Errorf("before %s: %s", m.at, d)
			}
			if m.done == 1 {
				return
			}
			for _, m := range again {
				sys := m.host.after(two...)
				e := NewEngine(sys, NewBus(), nil)
				if err := e.Restore(t.Context(), m.module, records(t, m.kept)); err != nil {
					t.Errorf("before %s: %v", m.at, err)
				}
				if d := sys.asBefore(before); len(e.Bonds()) > 0 || !e.Idle() || d != "" {
					t.Errorf("before %s: %d bonds, %s", m.at, len(e.Bonds()), d)
				}
			}
		})
	}
}
