package bond

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
)

// left runs fn on a machine where a process with one bond over two NICs, eth0 the
// active one, was killed; change is what somebody did there before the next one.
func left(t *testing.T, options string, change func(*fakeSystem), fn func(*testing.T, *fakeSystem, []Record, *Engine)) {
	t.Helper()
	nics := []string{"eth0", "eth1"}
	_, hosts := kills(t, nics, func(t *testing.T, e *Engine) {
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: words(t, options)})
		if err == nil {
			err = errors.Join(b.Enslave(t.Context(), "eth0"), b.Enslave(t.Context(), "eth1"), b.SetUp(t.Context()))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		h := hosts[len(hosts)-1]
		sys := h.after(nics...)
		if change != nil {
			change(sys)
		}
		e := NewEngine(sys, NewBus(), &memory{text: h.kept})
		fn(t, sys, records(t, h.kept), e)
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

const abOptions = "mode active-backup miimon 100"

func (f *fakeSystem) link(t *testing.T, name string) link.Info {
	t.Helper()
	i, err := f.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// replace puts another device in the place of one: same index, and same name if
// that isn't given.
func (f *fakeSystem) replace(name, by string, with link.Info) {
	i := f.index(name)
	f.mu.Lock()
	defer f.mu.Unlock()
	with.Index, with.Name, with.Type = i, by, unix.ARPHRD_ETHER
	f.links[i] = &with
	delete(f.shields, i)
	delete(f.hooks, i)
	delete(f.ipv6, i)
}

func TestNoRecordNoEnslave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, store := newFakeSystem("eth0"), new(memory)
		before := sys.host("", nil).links
		e := NewEngine(sys, NewBus(), store)
		store.failing(unix.ENOSPC)
		if _, err := e.Create(t.Context(), Config{Name: "bond0"}); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("a bond without a record: %v", err)
		}
		if d := sys.asBefore(before); d != "" {
			t.Error(d)
		}
		store.failing(nil)
		b, err := e.Create(t.Context(), Config{Name: "bond0"})
		if err != nil {
			t.Fatal(err)
		}
		// The disk is full at the first saving, or from the first change to the host on.
		for _, at := range []int{-1, len(sys.calls)} {
			sys.before = func() { store.failing(unix.ENOSPC) }
			if at < 0 {
				sys.before()
			}
			if err := b.Enslave(t.Context(), "eth0"); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("an enslave without a record: %v", err)
			}
			sys.before = nil
			store.failing(nil)
			if st, _ := b.State(); len(st.Slaves) > 0 || len(sys.calls) == at {
				t.Errorf("slaves %+v", st.Slaves)
			}
			if l := sys.link(t, "eth0"); l != before[l.Index] || sys.shields[l.Index] || sys.hooks[l.Index] || len(sys.holds()) > 0 {
				t.Errorf("left as %+v, filter %v, held %v", l, sys.shields[l.Index], sys.holds())
			}
		}
		if err := errors.Join(b.Enslave(t.Context(), "eth0"), e.CloseAll(t.Context())); err != nil {
			t.Error(err)
		}
		if d := sys.asBefore(before); d != "" {
			t.Error(d)
		}
	})
}

// What can't be taken over stays as it is, with its record, until it can.
func TestATakeOverThatFailsTouchesNothing(t *testing.T) {
	left(t, abOptions, func(sys *fakeSystem) { sys.fail["tap bond0"] = unix.ENOENT }, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		was := sys.host("", nil)
		if err := e.Adopt(t.Context(), r); !errors.Is(err, unix.ENOENT) {
			t.Errorf("%v", err)
		}
		is := sys.host("", nil)
		if len(is.links) != len(was.links) || len(is.shields) != 2 || len(sys.holds()) != 2 {
			t.Errorf("was %+v\nis %+v", was, is)
		}
		if e.Idle() || e.Retire() {
			t.Error("the engine has nothing to do")
		}
		kept := records(t, e.keep.store.(*memory).kept())
		if len(kept) != 1 || len(kept[0].Slaves) != 2 {
			t.Errorf("kept %+v", kept)
		}
		b, err := e.Create(t.Context(), Config{Name: "bond1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Enslave(t.Context(), "eth0"); !errors.Is(err, unix.EBUSY) {
			t.Errorf("its slave in another bond: %v", err)
		}
		sys.mu.Lock()
		delete(sys.fail, "tap bond0")
		sys.mu.Unlock()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go e.retrying(ctx)
		pass(retryEvery * 2)
		if got := census(t, e); got != "bond0: eth0 eth1 active eth0\nbond1: active " {
			t.Errorf("later: %s", got)
		}
	})
	// Deleted by its name, or with everything, it is undone without the TAP's queues.
	left(t, abOptions, func(sys *fakeSystem) { sys.fail["tap bond0"] = unix.ENOENT }, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		_ = e.Adopt(t.Context(), r)
		if err := e.Delete(t.Context(), "bond0"); err != nil {
			t.Error(err)
		}
		if len(sys.shields)+len(sys.hooks)+len(sys.holds()) > 0 || len(sys.links) != 2 || !e.Idle() {
			t.Errorf("left %+v, links %d", sys.shields, len(sys.links))
		}
	})
}

func TestTakenOverWithoutTheExpressLane(t *testing.T) {
	left(t, abOptions, func(sys *fakeSystem) { sys.fail["lane 4"] = unix.EPERM }, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		r[0].Values.Express = 1
		if err := e.Adopt(t.Context(), r); err != nil {
			t.Error(err)
		}
		if got := census(t, e); got != "bond0: eth0 eth1 active eth0" {
			t.Errorf("%q", got)
		}
		if log := strings.Join((&rig{t: t, e: e}).log(), "\n"); !strings.Contains(log, "express lane can't be opened, workers carry everything: bond0: option express: operation not permitted") {
			t.Errorf("said: %s", log)
		}
		if !strings.Contains(strings.Join(sys.calls, "\n"), "unlane 4") {
			t.Error("the other process' lane is still there")
		}
	})
}

// A slave that is in a bridge now, has a macvlan, or is another device stays what
// it is; the rest is taken over.
func TestSlavesThatAreSomebodyElsesNow(t *testing.T) {
	other := link.Info{MAC: [6]byte{2, 9, 9, 9, 9, 9}, MTU: 9000, Up: true}
	hardware := other
	hardware.PermMAC = other.MAC
	for what, c := range map[string]struct {
		change func(*fakeSystem)
		name   string
		mac    [6]byte // afterwards
	}{
		"in a bridge":                  {func(f *fakeSystem) { f.links[f.index("eth1")].MasterIndex = f.addLink("br0", [6]byte{2, 8}) }, "eth1", [6]byte{2, 0, 0, 0, 0, 1}},
		"another device, another name": {func(f *fakeSystem) { f.replace("eth1", "lan", other) }, "lan", other.MAC},
		"another device, same name":    {func(f *fakeSystem) { f.replace("eth1", "eth1", other) }, "eth1", other.MAC},
		"another NIC, same name":       {func(f *fakeSystem) { f.replace("eth1", "eth1", hardware) }, "eth1", other.MAC},
	} {
		for _, undo := range []bool{false, true} {
			left(t, abOptions, c.change, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
				was := sys.link(t, c.name)
				if undo {
					if _, err := Undo(sys, &r[0]); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				} else {
					if err := e.Adopt(t.Context(), r); err != nil {
						t.Errorf("%s: %v", what, err)
					}
					if got := census(t, e); got != "bond0: eth0 active eth0" {
						t.Errorf("%s: %q", what, got)
					}
				}
				is := sys.link(t, c.name)
				if was.MAC = c.mac; is != was {
					t.Errorf("%s: was %+v\nis %+v", what, was, is)
				}
				if sys.shields[is.Index] || sys.hooks[is.Index] {
					t.Errorf("%s: a filter is on it", what)
				}
				if v := sys.noIPv6(is.Index); v != "0" {
					t.Errorf("%s: disable_ipv6 is %s", what, v)
				}
			})
		}
	}
}

// The TAP was deleted, and its NICs are in use again, or not.
func TestInUseAgainWithoutTheBond(t *testing.T) {
	left(t, abOptions, func(sys *fakeSystem) {
		delete(sys.links, sys.index("bond0"))
		sys.addrs[sys.index("eth1")] = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
	}, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		if err := e.Adopt(t.Context(), r); err != nil {
			t.Error(err)
		}
		for name, up := range map[string]bool{"eth0": false, "eth1": true} {
			l := sys.link(t, name)
			if l.Up != up || l.MAC != ([6]byte{2, 0, 0, 0, 0, byte(l.Index - 2)}) || sys.shields[l.Index] {
				t.Errorf("%+v, filter %v", l, sys.shields[l.Index])
			}
		}
		if !e.Idle() {
			t.Error("something is left")
		}
	})
}

// Another TAP with the index is nobody's to delete.
func TestTAPReplaced(t *testing.T) {
	left(t, abOptions, func(sys *fakeSystem) {
		i := sys.index("bond0")
		sys.links[i] = &link.Info{Index: i, Name: "bond0", Kind: "tun", Type: unix.ARPHRD_ETHER}
		delete(sys.marks, i)
	}, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		if err := e.Adopt(t.Context(), r); err != nil {
			t.Error(err)
		}
		if sys.link(t, "bond0"); len(e.Bonds()) > 0 || len(sys.shields) > 0 {
			t.Errorf("bonds %v, filters %v", e.Bonds(), sys.shields)
		}
	})
}

// What the host did while no process ran is taken in.
func TestWhatTheHostDidMeanwhile(t *testing.T) {
	mac := [6]byte{2, 7, 7, 7, 7, 7}
	left(t, abOptions, func(sys *fakeSystem) {
		b := sys.links[sys.index("bond0")]
		b.MTU, b.MAC, b.Name = 9000, mac, "uplink"
		sys.links[sys.index("eth0")].Name = "wan"
	}, func(t *testing.T, sys *fakeSystem, r []Record, e *Engine) {
		if err := e.Adopt(t.Context(), r); err != nil {
			t.Error(err)
		}
		if got := census(t, e); got != "uplink: wan eth1 active wan" {
			t.Errorf("%q", got)
		}
		for _, n := range []string{"wan", "eth1"} {
			if l := sys.link(t, n); l.MTU != 9000 || l.MAC != mac {
				t.Errorf("%+v", l)
			}
		}
		// The address is somebody's wish now: it stays when the first slave has gone.
		b := e.Bond("uplink")
		if b == nil {
			t.Fatal("no uplink")
		}
		_ = b.call(func() {
			if b.ownMAC || b.mtu != 9000 {
				t.Errorf("own address %v, MTU %d", b.ownMAC, b.mtu)
			}
		})
	})
}

// A NIC that a release could not restore is in the record until it is, and is
// restored to what it was found as, whoever enslaves it meanwhile.
func TestARestoreThatFailsIsTriedAgain(t *testing.T) {
	run(t, abOptions, []string{"eth0", "eth1"}, func(r *rig) {
		i := r.sys.index("eth1")
		r.failing("restore_mac 3", unix.EIO)
		if i != 3 {
			t.Fatal(i)
		}
		if err := r.b.Release(r.t.Context(), "eth1"); !errors.Is(err, unix.EIO) {
			t.Errorf("%v", err)
		}
		if l := r.link(i); l.MAC == ([6]byte{2, 0, 0, 0, 0, 1}) {
			t.Fatalf("restored: %+v", l)
		}
		var kept Record
		_ = r.b.call(func() { kept = r.b.record() })
		if len(kept.Slaves) != 2 || kept.Slaves[1].Name != "eth1" || kept.Slaves[1].Phase != Going {
			t.Errorf("record %+v", kept.Slaves)
		}
		// Enslaved again before that: found as it was found the first time.
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		r.failing("restore_mac 3", nil)
		r.must(r.b.Release(r.t.Context(), "eth1"))
		if l := r.link(i); l.MAC != ([6]byte{2, 0, 0, 0, 0, 1}) {
			t.Errorf("left as %+v", l)
		}
		r.failing("restore_mac 3", unix.EIO)
		r.must(r.b.Enslave(r.t.Context(), "eth1"))
		_ = r.b.Release(r.t.Context(), "eth1")
		r.failing("restore_mac 3", nil)
		pass(2 * housekeepEvery)
		if l := r.link(i); l.MAC != ([6]byte{2, 0, 0, 0, 0, 1}) || l.Up {
			t.Errorf("a second later: %+v", l)
		}
		_ = r.b.call(func() {
			if len(r.b.pending) > 0 {
				t.Errorf("pending %+v", r.b.pending)
			}
		})
	})
}
