package bond

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tapbond/tapbond/bond/option"
)

// killedWithAddresses makes a bond, moves its addresses about, and kills the
// process before every single thing it does to the host; the next one takes
// over what is left. check looks at each bond then, and the NICs get their own
// addresses back.
func killedWithAddresses(t *testing.T, nics, options []string, check func(t *testing.T, at string, sys *fakeSystem, st State)) {
	t.Helper()
	before, hosts := kills(t, nics, func(t *testing.T, e *Engine) {
		sys, _ := e.sys.(*fakeSystem)
		parsed, _, _ := option.ParseWords(options)
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: parsed})
		for _, n := range nics {
			err = errors.Join(err, b.Enslave(t.Context(), n))
		}
		err = errors.Join(err, b.SetUp(t.Context()))
		for _, cut := range []string{"eth0", "eth1"} {
			sys.plug(cut, false)
			synctest.Wait()
			sys.plug(cut, true)
			synctest.Wait()
		}
		if err := errors.Join(err, b.Release(t.Context(), "eth0"), b.Enslave(t.Context(), "eth0")); err != nil {
			t.Fatal(err)
		}
	})
	for _, h := range hosts {
		synctest.Test(t, func(t *testing.T) {
			sys := h.after(nics...)
			e := NewEngine(sys, NewBus(), nil)
			if err := e.Adopt(t.Context(), records(t, h.kept)); err != nil {
				t.Errorf("killed after %s: %v", h.at, err)
			}
			synctest.Wait()
			for _, b := range e.Bonds() {
				st, err := b.State()
				if err != nil {
					t.Fatal(err)
				}
				check(t, h.at, sys, st)
			}
			if err := e.CloseAll(t.Context()); err != nil {
				t.Error(err)
			}
			if d := sys.asBefore(before); d != "" {
				t.Errorf("%v killed after %s: %s", options, h.at, d)
			}
		})
	}
}
