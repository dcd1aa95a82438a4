package bond

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a store that counts.
type counted struct {
	memory
	saves atomic.Int64
}

func (c *counted) Save(r []Record) error {
	c.saves.Add(1)
	return c.memory.Save(r)
}

// What happens by itself is kept within keepAfter, so that a process killed then has
// lost nothing, but not each time of something that happens all the time.
func TestKeptSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, store := newFakeSystem("eth0", "eth1"), new(counted)
		e := NewEngine(sys, NewBus(), store)
		ctx, stop := context.WithCancel(t.Context())
		go e.Run(ctx, nil)
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: words(t, "mode active-backup miimon 100")})
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{"eth0", "eth1"} {
			if err := b.Enslave(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SetUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(2 * keepQuiet)
		sys.plug("eth0", false)
		synctest.Wait()
		pass(keepAfter + time.Millisecond)
		if text := string(store.kept()); !strings.Contains(text, `"active_slave":"eth1"`) {
			t.Errorf("%v after a failover the record is %s", keepAfter, text)
		}
		pass(2 * keepQuiet)
		before := store.saves.Load()
		for i := range 1000 {
			sys.plug("eth0", i%2 == 0)
			pass(time.Millisecond)
		}
		if n := store.saves.Load() - before; n < 10 || n > 20 {
			t.Errorf("%d savings in a second of flaps", n)
		}
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
		stop()
	})
}
