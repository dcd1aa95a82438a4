package bond

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tapbond/tapbond/internal/link"
)

// Slaves that are pending are in a bond's record and not in the bond: they are
// not taken over yet, or could not be restored. They are tried again each second.

// takeSlaves takes the slaves of the process before over, in their order, and
// returns the one that was active. The caller holds the bond's lock.
func (b *Bond) takeSlaves(ctx context.Context) (active *slave) {
	for _, r := range b.pendingNow() {
		if ctx.Err() != nil {
			return active // the next process goes on
		}
		if err := b.takeSlave(&r); err != nil {
			b.box.post(func() {
				b.warn(nil, "adopt", "slave "+r.Name+" is left out for now, and tried again: "+err.Error())
			})
			continue
		}
		_ = b.call(func() {
			if r.Name == b.before.Active {
				active = b.slaveByIndex(r.Index)
			}
		})
	}
	return active
}

// takeSlave takes one slave over. One that was coming or going, that is another
// device now or that somebody else uses is given back instead. On an error the
// record is pending as before.
func (b *Bond) takeSlave(r *SlaveRecord) error {
	f, err := r.find(b.sys)
	if err != nil {
		return err
	}
	if f.holding == nicOurs && r.Phase == Steady {
		return b.adoptSlave(r, f.Info)
	}
	how, err := undoSlave(b.sys, r)
	if err != nil {
		return err
	}
	_ = b.call(func() {
		b.dropPending(r.Index)
		if how != ReleasedDown {
			b.warn(nil, "adopt", "slave "+r.Name+" is left out: "+how)
		}
		if (f.holding == nicGone || f.holding == nicForeign) && r.Phase == Steady && b.readds(r.Configured) {
			b.goAway(r)
		}
	})
	return nil
}

// retryPending tries pending slaves again. The caller holds the bond's lock.
func (b *Bond) retryPending() {
	list := b.pendingNow()
	taken := false
	for i := range list {
		taken = b.takeSlave(&list[i]) == nil || taken
	}
	if taken {
		b.steerQueues()
		b.refresh()
	}
}

// undoPending gives pending slaves back; the bond is being deleted.
func (b *Bond) undoPending() error {
	var errs []error
	for _, r := range b.pendingNow() {
		if _, err := undoSlave(b.sys, &r); err != nil {
			errs = append(errs, fmt.Errorf("(slave %s): release: %w", r.Name, err))
			continue
		}
		_ = b.call(func() { b.dropPending(r.Index) })
	}
	return errors.Join(errs...)
}

// leaveRest keeps the record of what could not be undone of a bond that ends.
func (b *Bond) leaveRest(tapStays bool) {
	var rest Record
	_ = b.call(func() {
		rest = Record{Name: b.name, Index: b.index, Phase: Going, Marked: b.marked, Slaves: slices.Clone(b.pending)}
	})
	if tapStays || len(rest.Slaves) > 0 {
		b.engine.keep.leave(rest)
	}
}

func (b *Bond) pendingNow() (list []SlaveRecord) {
	_ = b.call(func() { list = slices.Clone(b.pending) })
	return list
}

// dropPending runs on the control goroutine.
func (b *Bond) dropPending(index int) {
	b.pending = slices.DeleteFunc(b.pending, func(r SlaveRecord) bool { return r.Index == index })
	b.dirty = true
}

// inherit takes over the pending record of a NIC that is to become a slave, of
// whatever bond: how it was found is in there, not on it.
func (e *Engine) inherit(info link.Info) (r SlaveRecord, ok bool) {
	for _, b := range e.Bonds() {
		_ = b.call(func() {
			i := slices.IndexFunc(b.pending, func(r SlaveRecord) bool {
				return r.Index == info.Index && r.Identity != nil && r.Identity.HWAddr == info.PermMAC && r.Identity.Kind == info.Kind
			})
			if i >= 0 {
				r, ok = b.pending[i], true
				b.dropPending(info.Index)
			}
		})
	}
	return r, ok
}
