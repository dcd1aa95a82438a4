package bond

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/link"
)

// recorder notes the host before each change that a process makes to it, and
// before and after each saving of its records: every place to be killed at.
type recorder struct {
	sys   *fakeSystem
	store *memory
	mu    sync.Mutex
	seen  map[string]bool
	out   []host
}

func recording(sys *fakeSystem, kept []byte) *recorder {
	r := &recorder{sys: sys, store: &memory{text: kept}, seen: map[string]bool{}}
	sys.before = r.note
	r.store.around = func() {
		sys.mu.Lock()
		defer sys.mu.Unlock()
		r.note()
	}
	return r
}

// note is called with the system's lock held.
func (r *recorder) note() {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := ""
	if n := len(r.sys.calls); n > 0 {
		last = fmt.Sprintf("%d calls, last %s", n, r.sys.calls[n-1])
	}
	h := r.sys.host(last, r.store.kept())
	key := fmt.Sprint(h.links, h.shields, h.hooks, h.marks, h.ipv6, h.held, string(h.kept))
	if !r.seen[key] {
		r.seen[key] = true
		r.out = append(r.out, h)
	}
}

// stop ends the recording and returns what there is, with the host as it is now.
func (r *recorder) stop() []host {
	r.sys.mu.Lock()
	defer r.sys.mu.Unlock()
	r.note()
	r.sys.before, r.store.around = nil, nil
	return r.out
}

// census says which bonds there are, with their slaves.
func census(t *testing.T, e *Engine) string {
	t.Helper()
	var out []string
	for _, b := range e.Bonds() {
		st, err := b.State()
		if err != nil {
			t.Fatal(err)
		}
		line := st.Name + ":"
		for _, s := range st.Slaves {
			line += " " + s.Name
		}
		out = append(out, line+" active "+st.Active)
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// firstLife makes bonds of two NICs each, changes them, and deletes them all; full
// is the host with all of them, running.
func firstLife(t *testing.T, bonds int) (nics []string, before map[int]link.Info, hosts []host, full host, want string) {
	t.Helper()
	for i := range 2 * bonds {
		nics = append(nics, fmt.Sprintf("eth%d", i))
	}
	synctest.Test(t, func(t *testing.T) {
		sys := newFakeSystem(nics...)
		before = sys.host("", nil).links
		r := recording(sys, nil)
		e := NewEngine(sys, NewBus(), r.store)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		options, _, err := option.ParseWords(strings.Fields("mode active-backup miimon 100"))
		must(err)
		var all []*Bond
		for i := range bonds {
			b, err := e.Create(t.Context(), Config{Name: fmt.Sprintf("bond%d", i), Options: options})
			must(err)
			must(b.Enslave(t.Context(), nics[2*i]))
			must(b.Enslave(t.Context(), nics[2*i+1]))
			must(b.SetUp(t.Context()))
			all = append(all, b)
		}
		must(all[0].Release(t.Context(), nics[0]))
		must(all[0].Enslave(t.Context(), nics[0]))
		must(e.keep.flush())
		sys.mu.Lock()
		full = sys.host("all are there", r.store.kept())
		sys.mu.Unlock()
		want = census(t, e)
		must(e.CloseAll(t.Context()))
		hosts = r.stop()
	})
	return nics, before, hosts, full, want
}

// nextLife takes over what a host has and, if it is to, undoes it all; it returns
// every place to be killed at. ended is a context that ends at the nth change, -1
// for never: the process was told to stop and to keep its bonds.
func nextLife(t *testing.T, h *host, nics []string, stopAt int, closes bool, check func(*testing.T, *Engine, *fakeSystem)) (hosts []host) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sys := h.after(nics...)
		r := recording(sys, h.kept)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		if stopAt >= 0 {
			sys.before = func() {
				if r.note(); len(sys.calls) == stopAt {
					cancel()
				}
			}
		}
		e := NewEngine(sys, NewBus(), r.store)
		if err := e.Adopt(ctx, records(t, h.kept)); err != nil && stopAt < 0 {
			t.Errorf("%s: adopt: %v", h.at, err)
		}
		if check != nil {
			check(t, e, sys)
		}
		if closes {
			if err := e.CloseAll(context.Background()); err != nil {
				t.Errorf("%s: close: %v", h.at, err)
			}
			if left := records(t, r.store.kept()); len(left) > 0 {
				t.Errorf("%s: records are left: %+v", h.at, left)
			}
		}
		hosts = r.stop()
		if !closes { // the goroutines must end; nobody looks at what it does
			_ = e.CloseAll(context.Background())
		}
	})
	return hosts
}

// undone fails unless what is left on a host can be undone without a process.
func undone(t *testing.T, h *host, nics []string, before map[int]link.Info) {
	t.Helper()
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

// some returns about n of the hosts, evenly.
func some(hosts []host, n int) []host {
	step := max(1, len(hosts)/n)
	var out []host
	for i := 0; i < len(hosts); i += step {
		out = append(out, hosts[i])
	}
	return out
}

// Killed anywhere in its first life, and the next process anywhere in its own: what
// is left can be undone, by a command or by one more process.
func TestKilledAnywhereInTwoLives(t *testing.T) {
	for _, c := range []struct{ bonds, first, second int }{{1, 48, 12}, {8, 12, 8}} {
		t.Run(fmt.Sprint(c.bonds), func(t *testing.T) {
			nics, before, hosts, _, _ := firstLife(t, c.bonds)
			tried := 0
			for _, h := range hosts {
				undone(t, &h, nics, before)
				tried++
			}
			restored := func(t *testing.T, _ *Engine, sys *fakeSystem) {
				t.Helper()
				if d := sys.asBefore(before); d != "" {
					t.Errorf("closed: %s", d)
				}
			}
			for _, h := range some(hosts, c.first) {
				for _, second := range some(nextLife(t, &h, nics, -1, true, nil), c.second) {
					undone(t, &second, nics, before)
					end := nextLife(t, &second, nics, -1, true, nil)
					restored(t, nil, end[len(end)-1].after(nics...))
					tried += 2
				}
				if t.Failed() {
					t.Fatalf("killed first after %s", h.at)
				}
			}
			t.Logf("%d kills in the first life, %d tried in all", len(hosts), tried)
		})
	}
}

// Killed or told to stop anywhere in taking over, nothing is lost: the process
// after that has every bond with every slave.
func TestNothingIsLostInTakingOver(t *testing.T) {
	defer func(n int) { atOnce = n }(atOnce)
	for _, bonds := range []int{1, 8} {
		atOnce = 2
		nics, before, _, full, want := firstLife(t, bonds)
		same := func(t *testing.T, e *Engine, sys *fakeSystem) {
			t.Helper()
			if got := census(t, e); got != want {
				t.Errorf("has\n%s\nwant\n%s", got, want)
			}
			for i, l := range sys.links {
				if sys.shields[i] != (l.Kind != "tun") {
					t.Errorf("filter on %s: %v", l.Name, sys.shields[i])
				}
			}
		}
		tried := 0
		again := func(h host) {
			t.Helper()
			nextLife(t, &h, nics, -1, true, same)
			undone(t, &h, nics, before)
			if tried++; t.Failed() {
				t.Fatalf("%d bonds, ended after %s, records %s", bonds, h.at, h.kept)
			}
		}
		kills := nextLife(t, &full, nics, -1, false, same)
		for _, h := range kills {
			again(h)
		}
		for stop := range 5 * bonds {
			ended := nextLife(t, &full, nics, stop, false, nil)
			again(ended[len(ended)-1])
		}
		t.Logf("%d bonds: %d ends tried", bonds, tried)
	}
}
