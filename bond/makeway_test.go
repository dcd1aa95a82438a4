package bond

import (
	"context"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
)

func assigns(words ...string) []option.Assign {
	var out []option.Assign
	for i := 0; i < len(words); i += 2 {
		out = append(out, option.Assign{Option: words[i], Value: words[i+1]})
	}
	return out
}

// What loading the module made and nobody has touched makes way for a bond of its
// name.
func TestMakesWay(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, _ *memory) {
		load(t, e, "miimon=50")
		old := e.Bond("bond0")
		b, err := e.Create(t.Context(), Config{Name: "bond0", Options: assigns("mode", "802.3ad")})
		if err != nil {
			t.Fatal(err)
		}
		<-old.Done()
		if e.Bond("bond0") != b || setting(t, e, "bond0", "mode") != "802.3ad" || setting(t, e, "bond0", "miimon") != "50" {
			t.Errorf("mode %s, miimon %s", setting(t, e, "bond0", "mode"), setting(t, e, "bond0", "miimon"))
		}
		if e.Module().Parameters == nil {
			t.Error("the module is not loaded any more")
		}
		// That one was made by somebody.
		if _, err := e.Create(t.Context(), Config{Name: "bond0", Options: assigns("mode", "1")}); !errors.Is(err, unix.EEXIST) {
			t.Error(err)
		}
	})
}

// A bond that was used in any way stays, and so does one for which the new one's
// options won't do.
func TestMakesNoWay(t *testing.T) {
	for name, c := range map[string]struct {
		touch func(context.Context, *Bond) error
		opts  []option.Assign
		want  error
	}{
		"up": {func(ctx context.Context, b *Bond) error { return b.SetUp(ctx) }, nil, unix.EEXIST},
		"up and down": {func(ctx context.Context, b *Bond) error {
			return errors.Join(b.SetUp(ctx), b.SetDown(ctx))
		}, nil, unix.EEXIST},
		"options": {func(ctx context.Context, b *Bond) error {
			return b.Set(ctx, option.ViaNetlink, assigns("mode", "1"))
		}, nil, unix.EEXIST},
		"a slave that left": {func(ctx context.Context, b *Bond) error {
			return errors.Join(b.Enslave(ctx, "eth0"), b.Release(ctx, "eth0"))
		}, nil, unix.EEXIST},
		"bad options": {func(context.Context, *Bond) error { return nil }, assigns("mode", "9"), unix.EINVAL},
	} {
		t.Run(name, func(t *testing.T) {
			moduleRig(t, func(t *testing.T, e *Engine, _ *memory) {
				load(t, e, "")
				b := e.Bond("bond0")
				if err := c.touch(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				if _, err := e.Create(t.Context(), Config{Name: "bond0", Options: c.opts}); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if e.Bond("bond0") != b {
					t.Error("the bond is another one")
				}
			})
		})
	}
}

// Another process knows which bonds make way.
func TestMakesWayAfterRestart(t *testing.T) {
	moduleRig(t, func(t *testing.T, e *Engine, store *memory) {
		load(t, e, "")
		var r Record
		if err := e.Bond("bond0").call(func() { r = e.Bond("bond0").record() }); err != nil || !r.ByModule {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
