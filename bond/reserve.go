package bond

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/internal/nic"
)

// reserve claims the named interface in the engine before anything is read that
// another bond might still change, and returns it as it is from then on. A claim
// that fails shows in the checks, in their order.
func (e *enslaving) reserve(name string) (link.Info, error) {
	b := e.b
	info, err := b.sys.LinkByName(name)
	if err != nil {
		return info, link.Missing(e.sit.Bond, name, err)
	}
	if b.engine.claim(info.Index, b) {
		e.claimed = info.Index
	}
	if info, err = b.sys.LinkByIndex(info.Index); err != nil {
		return info, link.Missing(e.sit.Bond, name, err)
	}
	if p, err := b.sys.LinkByName(e.primary); err == nil {
		e.primary = p.Name
	}
	e.name = info.Name
	return info, nil
}

// driven refuses a NIC that another process of ours drives, which the lock of the
// network namespace excludes unless an older program runs there, or a user without
// rights holds it. Its filter must not be taken for one that a dead process left.
func (e *enslaving) driven(info link.Info) error {
	err := e.b.sys.Driven(info.Index)
	if errors.Is(err, nic.ErrDriven) {
		return &link.EnslaveError{
			Bond: e.sit.Bond, Slave: info.Name, Errno: unix.EBUSY,
			Message: "Device is in use and cannot be enslaved (" + err.Error() + ")",
		}
	}
	if err != nil {
		return fmt.Errorf("%s: (slave %s): %w", e.sit.Bond, info.Name, err)
	}
	return nil
}

// giveUp ends the claim of an enslave that failed and is undone.
func (e *enslaving) giveUp() {
	if e.claimed != 0 {
		e.b.engine.disclaim(e.claimed, e.b)
	}
}
