package bond

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// shutdown releases every slave, removes the TAP and ends the bond's
// goroutines. The caller holds the bond's lock and keeps it.
func (b *Bond) shutdown(tapPresent bool) error {
	var slaves []*slave
	if err := b.call(func() {
		b.ending = true
		slaves = b.members()
		b.vals.Primary = "" // no selection between slaves that all go
	}); err != nil {
		return err
	}
	var errs []error
	if len(slaves) > 0 {
		errs = append(errs, b.release(true, slaves...))
	}
	errs = append(errs, b.undoPending())
	b.cancel()
	var tapErr error
	if tapPresent {
		// Many bonds that end together have their TAPs deleted together.
		if tapErr = b.sys.DeleteTAP(b.index); errors.Is(tapErr, unix.ENODEV) {
			tapErr = nil
		}
		_ = b.dev.Close()
	} else {
		_ = b.dev.Discard()
	}
	errs = append(errs, tapErr)
	b.leaveRest(tapErr != nil)
	_ = b.call(func() {
		if len(slaves) > 0 {
			b.event(Event{Kind: "released_all", Message: "Released all slaves"})
		}
		b.event(Event{Kind: "delete", Message: "is being deleted..."})
		b.ended = true
	})
	<-b.stopped
	if b.lane != nil {
		errs = append(errs, b.lane.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: delete: %w", b.name, err)
	}
	return nil
}
