package bond

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
)

// Loading the module makes bond0, and a much copied recipe goes on with `ip link add
// bond0 type bond mode …`. The kernel refuses that, and the recipe's slaves come
// into a bond of the module's settings. Here a bond that loading the module made
// and nobody has touched since makes way for one of its name.

// untouched reports whether b is such a bond. It runs on the control goroutine; a
// bond that was set up or had a slave is none any more (b.byModule).
func (b *Bond) untouched(begin option.Values) bool {
	return b.byModule && !b.up && !b.ending && b.ownMAC && b.mtu == defaultMTU && b.vals == begin &&
		len(b.slaves) == 0 && len(b.pending) == 0 && len(b.away) == 0 && b.coming == nil && len(*b.above.Load()) == 0
}

// defaultMTU is a new TAP's.
const defaultMTU = 1500

// makeWay removes an untouched bond that has the name wanted. EEXIST if the bond
// of that name is another one; what is wrong with the new one's options, without
// any change, if they won't do.
func (e *Engine) makeWay(ctx context.Context, cfg Config) error {
	exists := fmt.Errorf("%s: %w", cfg.Name, unix.EEXIST)
	b := e.Bond(cfg.Name)
	if b == nil || cfg.byModule {
		return exists
	}
	begin := e.defaults()
	free := false
	if err := b.call(func() { free = b.untouched(begin) }); err != nil || !free {
		return exists
	}
	if addrs, err := e.sys.Addresses(b.index); err != nil || len(addrs) > 0 {
		return exists
	}
	if _, err := e.judgeConfig(cfg); err != nil {
		return err
	}
	if err := e.remove(ctx, b, true); err != nil {
		return fmt.Errorf("%s: make way: %w", cfg.Name, err)
	}
	e.bus.publish(Event{
		Time: time.Now(), Kind: "module", Bond: cfg.Name, Level: slog.LevelInfo, Message: cfg.Name + ": removed for a new bond of its name",
		Why: "loading the module made it, and nobody has used it",
	})
	return nil
}

// judgeConfig returns the settings that a new bond begins with.
func (e *Engine) judgeConfig(cfg Config) (option.Values, error) {
	vals, ok := cfg.Base[cfg.Name]
	if !ok {
		vals, ok = cfg.Base[""]
	}
	if !ok {
		vals = e.defaults()
	}
	assigns, known := e.resolve(cfg.Options)
	res, err := vals.Apply(option.Env{Bond: cfg.Name, Interface: func(name string) option.Iface { return known[name] }}, assigns)
	return res.Values, err
}
