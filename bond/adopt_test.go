package bond

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

// memory is a Store that keeps records as a file does: as text.
type memory struct {
	around func() // called before and after each saving
	mu     sync.Mutex
	text   []byte
	fail   error // what saving answers
	module *ModuleRecord
}

func (m *memory) Save(r []Record) (err error) {
	if m.around != nil {
		m.around()
		defer m.around()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.text, err = json.Marshal(r)
	return err
}

func (m *memory) failing(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

func (m *memory) SaveModule(r *ModuleRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.module = r
	return nil
}

func (m *memory) kept() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text
}

func records(t *testing.T, text []byte) []Record {
	t.Helper()
	var r []Record
	if len(text) > 0 {
		if err := json.Unmarshal(text, &r); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// host is what the kernel would still have after the process was killed.
type host struct {
	at      string // the call that was about to be made
	links   map[int]link.Info
	shields map[int]bool
	hooks   map[int]bool
	marks   map[int]bool
	ipv6    map[int]string
	held    map[string]bool
	passed  map[int][]link.Tag
	uppers  []link.Upper
	kept    []byte
}

func (f *fakeSystem) host(at string, kept []byte) host {
	h := host{at: at, links: map[int]link.Info{}, passed: maps.Clone(f.vlans.passed), uppers: f.uppers, shields: maps.Clone(f.shields), hooks: maps.Clone(f.hooks), marks: maps.Clone(f.marks), ipv6: maps.Clone(f.ipv6), held: maps.Clone(f.held), kept: slices.Clone(kept)}
	for i, l := range f.links {
		h.links[i] = *l
	}
	return h
}

// after is a machine in the state a kill left it in.
func (h *host) after(nics ...string) *fakeSystem {
	f := newFakeSystem(nics...)
	clear(f.links)
	for i, l := range h.links {
		f.links[i] = &l
		f.next = max(f.next, i)
	}
	f.shields, f.held = maps.Clone(h.shields), maps.Clone(h.held)
	f.hooks, f.marks, f.ipv6 = maps.Clone(h.hooks), maps.Clone(h.marks), maps.Clone(h.ipv6)
	f.vlans.passed, f.uppers = maps.Clone(h.passed), h.uppers
	f.filterVLANs(nics...)
	return f
}

// asBefore compares a machine with what it was, but for names and admin state.
func (f *fakeSystem) asBefore(want map[int]link.Info) string {
	got := map[int]link.Info{}
	for i, l := range f.links {
		got[i] = *l
	}
	for i, v := range f.ipv6 {
		if v != "0" && f.links[i] != nil {
			return fmt.Sprintf("disable_ipv6 of %s is left %s", f.links[i].Name, v)
		}
	}
	if len(f.shields)+len(f.hooks) > 0 {
		return fmt.Sprintf("filters and hooks are left: %v %v", f.shields, f.hooks)
	}
	for i, tags := range f.vlans.passed {
		if len(tags) > 0 {
			return fmt.Sprintf("%s lets pass %v", f.links[i].Name, tags)
		}
	}
	if nics := f.holds(); len(nics) > 0 {
		return fmt.Sprintf("a manager still leaves these alone: %v", nics)
	}
	return cmp.Diff(want, got)
}

// kills runs a scenario and returns the host as it was before every single
// change that the engine made to it, and at the end.
func kills(t *testing.T, nics []string, scenario func(*testing.T, *Engine)) (before map[int]link.Info, out []host) {
	synctest.Test(t, func(t *testing.T) {
		sys := newFakeSystem(nics...)
		before = sys.host("", nil).links
		sys.filterVLANs(nics...)
		store := new(memory)
		sys.before = func() { out = append(out, sys.host(strings.Join(sys.calls, "; "), store.kept())) }
		e := NewEngine(sys, NewBus(), store)
		scenario(t, e)
		sys.mu.Lock()
		out = append(out, sys.host("the end", store.kept()))
		sys.before = nil
		sys.mu.Unlock()
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return before, out
}

// life is most of what can be asked for.
func life(t *testing.T, e *Engine) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	options, _, err := option.ParseWords(strings.Fields("mode active-backup miimon 100 primary eth1"))
	must(err)
	b, err := e.Create(t.Context(), Config{Name: "bond0", Options: options})
	must(err)
	for _, n := range []string{"eth0", "eth1", "eth2"} {
		must(b.Enslave(t.Context(), n))
	}
	must(b.SetUp(t.Context()))
	sys := e.sys.(*fakeSystem)
	sys.stack(link.Upper{Info: link.Info{Index: 99, Name: "bond0.10", Kind: "vlan", ParentIndex: b.index}, Tags: []link.Tag{{TPID: 0x8100, VID: 10}}})
	must(e.Sync(t.Context()))
	must(b.Release(t.Context(), "eth0"))
	must(b.Enslave(t.Context(), "eth0"))
	must(b.Close(t.Context()))
}

// Wherever the process is killed, the host can be left as it was before.
func TestUndoAfterAKillAnywhere(t *testing.T) {
	nics := []string{"eth0", "eth1", "eth2"}
	before, hosts := kills(t, nics, life)
	if len(hosts) < 30 {
		t.Fatalf("only %d places to be killed at", len(hosts))
	}
	for _, h := range hosts {
		sys := h.after(nics...)
		for _, r := range records(t, h.kept) {
			if _, err := Undo(sys, &r); err != nil {
				t.Errorf("killed after %s: %v", h.at, err)
			}
		}
		if d := sys.asBefore(before); d != "" {
			t.Errorf("killed after %s: %s\nrecords %s", h.at, d, h.kept)
		}
	}
}

// Wherever the process is killed, the next one takes over what is complete and
// can undo it all.
func TestAdoptAfterAKillAnywhere(t *testing.T) {
	nics := []string{"eth0", "eth1", "eth2"}
	before, hosts := kills(t, nics, life)
	for _, h := range hosts {
		synctest.Test(t, func(t *testing.T) {
			sys := h.after(nics...)
			store := new(memory)
			e := NewEngine(sys, NewBus(), store)
			if err := e.Adopt(t.Context(), records(t, h.kept)); err != nil {
				t.Errorf("killed after %s: %v", h.at, err)
			}
			for _, b := range e.Bonds() {
				st, err := b.State()
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range st.Slaves {
					l := sys.links[s.Index]
					if !sys.held[s.Name] {
						t.Errorf("killed after %s: a manager would configure %s", h.at, s.Name)
					}
					if !sys.shields[s.Index] || link.MACString(l.MAC) != st.MAC || s.MIIStatus != "UP" && st.Up {
						t.Errorf("killed after %s: %s taken over as %+v, filter %v", h.at, s.Name, l, sys.shields[s.Index])
					}
				}
				for _, s := range st.Slaves {
					if st.Up && len(sys.uppers) > 0 && (s.VLANFilter == nil || len(sys.vlans.passed[s.Index]) != 1) {
						t.Errorf("killed after %s: %s doesn't receive VLAN 10", h.at, s.Name)
					}
				}
				if len(st.Slaves) > 0 && st.Active == "" {
					t.Errorf("killed after %s: no active slave", h.at)
				}
			}
			if err := e.CloseAll(context.Background()); err != nil {
				t.Error(err)
			}
			if d := sys.asBefore(before); d != "" {
				t.Errorf("killed after %s: %s\nrecords %s", h.at, d, h.kept)
			}
			if left := records(t, store.kept()); len(left) > 0 {
				t.Errorf("killed after %s: records are left: %+v", h.at, left)
			}
		})
	}
}

// What was, is: options, roles, counters and reasons.
func TestAdoptedBondIsAsItWas(t *testing.T) {
	nics := []string{"eth0", "eth1", "eth2"}
	var was State
	_, hosts := kills(t, nics, func(t *testing.T, e *Engine) {
		options, _, _ := option.ParseWords(strings.Fields("mode active-backup miimon 100 updelay 5000 num_grat_arp 3"))
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: options})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nics {
			if err := b.Enslave(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SetUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(6 * 1e9) // updelay
		for _, a := range [][]option.Assign{
			{{Option: "active_slave", Value: "eth2"}},
			{{Option: "prio", Value: "7", Slave: "eth2"}},
			{{Option: "primary_reselect", Value: "failure"}},
		} {
			if err := b.Set(t.Context(), option.ViaNetlink, a); err != nil {
				t.Fatal(err)
			}
		}
		was, _ = b.State()
	})
	synctest.Test(t, func(t *testing.T) {
		h := hosts[len(hosts)-1]
		sys := h.after(nics...)
		e := NewEngine(sys, NewBus(), nil)
		if err := e.Adopt(t.Context(), records(t, h.kept)); err != nil {
			t.Fatal(err)
		}
		is, err := e.Bond("bond0").State()
		if err != nil {
			t.Fatal(err)
		}
		was.Generation, is.Generation = 0, 0
		was.Traffic, is.Traffic = Traffic{}, Traffic{}
		a, _ := json.MarshalIndent(was, "", " ")
		b, _ := json.MarshalIndent(is, "", " ")
		if d := cmp.Diff(string(a), string(b)); d != "" || was.Active != "eth2" {
			t.Errorf("was -, is +: %s", d)
		}
		sys.mu.Lock()
		if len(sys.sent) > 0 {
			t.Errorf("%d announcements, though nothing has moved", len(sys.sent))
		}
		sys.mu.Unlock()
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// The active slave's cable was pulled while nobody ran.
func TestAdoptWithTheActiveSlaveDown(t *testing.T) {
	nics := []string{"eth0", "eth1"}
	_, hosts := kills(t, nics, func(t *testing.T, e *Engine) {
		options, _, _ := option.ParseWords(strings.Fields("mode active-backup miimon 100"))
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: options})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range nics {
			if err := b.Enslave(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SetUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h := hosts[len(hosts)-1]
		sys := h.after(nics...)
		sys.carrier[sys.index("eth0")] = false
		e := NewEngine(sys, NewBus(), nil)
		if err := e.Adopt(t.Context(), records(t, h.kept)); err != nil {
			t.Fatal(err)
		}
		if st, _ := e.Bond("bond0").State(); st.Active != "eth1" || st.Slaves[0].MIIStatus != "DOWN" {
			t.Errorf("active %q, %+v", st.Active, st.Slaves)
		}
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// An engine that ends for want of bonds makes none that would end with it.
func TestRetire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := NewEngine(newFakeSystem(), NewBus(), nil)
		b, err := e.Create(t.Context(), Config{Name: "bond0"})
		if err != nil {
			t.Fatal(err)
		}
		if e.Retire() {
			t.Error("retired with a bond")
		}
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !e.Retire() {
			t.Error("not retired without a bond")
		}
		if _, err := e.Create(t.Context(), Config{Name: "bond0"}); !errors.Is(err, ErrRetired) {
			t.Errorf("a bond of a retired engine: %v", err)
		}
	})
}
