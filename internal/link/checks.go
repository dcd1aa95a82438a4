package link

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// EnslaveError says why a link can't become a slave, as the kernel does.
type EnslaveError struct {
	Bond, Slave string
	Message     string
	Errno       unix.Errno
}

func (e *EnslaveError) Error() string {
	return fmt.Sprintf("%s: (slave %s): %s", e.Bond, e.Slave, e.Message)
}

// LogLine is what the driver logs about it when the request was no netlink
// message, which would carry the text back instead.
func (e *EnslaveError) LogLine() string {
	return fmt.Sprintf("%s: (slave %s): Error: %s", e.Bond, e.Slave, e.Message)
}

// Unwrap returns the kernel's errno.
func (e *EnslaveError) Unwrap() error { return e.Errno }

// Missing is the answer for a link that could not be looked up.
func Missing(bond, slave string, err error) error {
	if errors.Is(err, unix.ENODEV) {
		return &EnslaveError{Bond: bond, Slave: slave, Message: "interface does not exist", Errno: unix.ENODEV}
	}
	return fmt.Errorf("%s: (slave %s): %w", bond, slave, err)
}

// Situation is the bond's side of an enslave request.
type Situation struct {
	Bond      string
	BondIndex int
	// InUse: the interface is a slave, or the TAP, of a bond of ours.
	InUse func(index int) bool
	// Claimed: another device receives the interface's frames (a macvlan on it).
	Claimed bool
	// OwnBond: the interface is the TAP of another bond of ours.
	OwnBond bool
	// Loop: the interface is stacked on the bond, at some depth.
	Loop bool
}

// EnslaveChecks answers whether a link may become a slave: the kernel's checks,
// in its order, with its words (bond_enslave in 6.1).
func EnslaveChecks(i Info, sit Situation) error {
	no := func(errno unix.Errno, msg string) error {
		return &EnslaveError{Bond: sit.Bond, Slave: i.Name, Message: msg, Errno: errno}
	}
	switch {
	case i.Master && i.Kind != "bond":
		return no(unix.EPERM, "Device type (master device) cannot be enslaved")
	case i.Index == sit.BondIndex:
		return no(unix.EPERM, "Cannot enslave bond to itself.")
	case sit.OwnBond:
		return no(unix.EBUSY, "Device is a bond of this host; enslave its NICs instead (802.3ad keeps a LAG in reserve, see ad_select)")
	case i.MasterIndex != 0, i.Slave, sit.InUse(i.Index), sit.Claimed:
		return no(unix.EBUSY, "Device is in use and cannot be enslaved")
	case i.Up:
		return no(unix.EPERM, "Device can not be enslaved while up")
	case i.Type != unix.ARPHRD_ETHER, i.MAC == [6]byte{}:
		return no(unix.EINVAL, "Device type is different from other slaves")
	case sit.Loop:
		return no(unix.EBUSY, "Device is stacked on the bond and would receive its own frames")
	}
	return nil
}
