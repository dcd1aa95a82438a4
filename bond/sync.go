package bond

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"
)

// Sync returns when every bond has followed what was done from outside to its
// TAP and to its slaves before the call: MTU, address, name, up and down,
// carrier, removal. Who changes a link with another tool and then calls Sync
// reads the outcome afterwards.
func (e *Engine) Sync(ctx context.Context) error {
	bonds := e.Bonds()
	return forEach(len(bonds), func(i int) error {
		if err := bonds[i].sync(ctx); !errors.Is(err, ErrGone) {
			return err
		}
		return nil
	})
}

func (b *Bond) sync(ctx context.Context) error {
	if _, err := b.sys.LinkByIndex(b.index); errors.Is(err, unix.ENODEV) {
		return b.engine.remove(ctx, b, false)
	}
	if err := b.lock(ctx); err != nil {
		return err
	}
	defer b.unlock()
	b.followTAP()
	var slaves []*slave
	if err := b.call(func() { slaves = b.members() }); err != nil {
		return err
	}
	for _, s := range slaves {
		b.syncSlave(s)
	}
	return b.inForce(ctx)
}

// syncSlave looks at one slave. The caller holds the bond's lock.
func (b *Bond) syncSlave(s *slave) {
	info, err := b.sys.LinkByIndex(s.index)
	if errors.Is(err, unix.ENODEV) {
		b.dropVanished(s)
		return
	}
	up, speed := b.sys.Carrier(s.index), b.sys.Speed(s.index)
	var mend bool
	_ = b.call(func() {
		if err == nil {
			mend = b.slaveLooks(s, info.Name, info.MTU, info.MAC)
		}
		b.setCarrier(s, up)
		b.cameUp(s, s.upSeq, speed)
		b.setSpeed(s, speed)
	})
	if mend {
		b.putBackMAC(s)
	}
}
