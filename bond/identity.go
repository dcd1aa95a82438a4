package bond

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
)

// Identity is what tells a slave's NIC from another device that has its index or
// its name later.
type Identity struct {
	HWAddr [6]byte `json:"hw_address"` // the NIC's own permanent address, zero if it has none
	Kind   string  `json:"kind"`       // veth, …; empty for hardware
	Hooked bool    `json:"hooked"`     // it had a clsact hook before ours
	// Addresses that were on the NIC while it was a slave: they are no sign that
	// somebody uses it again.
	Addresses []string `json:"addresses,omitempty"`
}

// with returns the identity with the addresses that are known to be on the NIC.
func (id *Identity) with(addrs []string) *Identity {
	if id == nil || len(addrs) == 0 {
		return id
	}
	c := *id
	c.Addresses = slices.Clone(addrs)
	return &c
}

// holding says who holds a recorded NIC.
type holding uint8

const (
	nicOurs    holding = iota
	nicGone            // no device has the index
	nicForeign         // another device has the index now
	nicTaken           // somebody else uses the NIC now
)

// finding is what a recorded NIC turned out to be.
type finding struct {
	link.Info
	holding holding
	marked  bool   // something of ours is on it
	why     string // it isn't ours
}

// find looks for a slave's NIC. Nothing is changed before it has answered: an index
// may have been given to another device while no process ran, and so may a name.
func (r *SlaveRecord) find(sys System) (finding, error) {
	info, err := sys.LinkByIndex(r.Index)
	if errors.Is(err, unix.ENODEV) {
		return finding{holding: nicGone, why: "the interface is gone"}, nil
	}
	f := finding{Info: info}
	if err != nil {
		return f, err
	}
	if f.marked, err = sys.Marked(r.Index); err != nil {
		return f, err
	}
	if f.why = r.differs(&f, sys.IPv6Off(info.Name)); f.why != "" {
		f.holding = nicForeign
		return f, nil
	}
	if f.why, err = r.taken(sys, &f); f.why != "" {
		f.holding = nicTaken
	}
	return f, err
}

// differs says why a device is not the NIC of the record, nothing if it is.
//
// The filter is put on a NIC before anything else is done to it and taken away
// last. So what is on its way in or out and has no mark is as it was found.
func (r *SlaveRecord) differs(f *finding, ipv6Off bool) string {
	burnt := false
	if id := r.Identity; id != nil {
		if id.HWAddr != f.PermMAC || id.Kind != f.Kind {
			return fmt.Sprintf("interface %d is another device now (%s)", r.Index, f.Name)
		}
		burnt = id.HWAddr != [6]byte{}
	}
	// What only we can have done to it is a mark, too.
	f.marked = f.marked || r.MAC != [6]byte{} && r.MAC != r.Saved.MAC && f.MAC == r.MAC ||
		r.Saved.IPv6 != "" && r.Saved.IPv6 != "1" && ipv6Off
	switch {
	case f.marked:
		return ""
	case f.Name != r.Name:
		return fmt.Sprintf("interface %d is called %s now and has no mark of ours", r.Index, f.Name)
	case r.Phase == Steady && !burnt && r.Identity != nil:
		return "it has no mark of ours: it is restored already, or another one of the same name and index"
	}
	return ""
}

// taken says who uses a NIC that was a slave, nothing if nobody does.
func (r *SlaveRecord) taken(sys System, f *finding) (string, error) {
	if f.MasterIndex != 0 {
		name := fmt.Sprintf("interface %d", f.MasterIndex)
		if m, err := sys.LinkByIndex(f.MasterIndex); err == nil {
			name = m.Name
		}
		return "it belongs to " + name + " now", nil
	}
	ups, err := sys.Uppers(r.Index)
	if err != nil {
		return "", err
	}
	for _, u := range ups {
		if takesFrames(u.Kind) {
			return fmt.Sprintf("%s (%s) is on it now", u.Name, u.Kind), nil
		}
	}
	return "", nil
}

// inUse says whether somebody configured the NIC since, as one does with a NIC
// that isn't a slave any more. While its bond is there an address on a slave is a
// mistake to warn of, not a use.
func (r *SlaveRecord) inUse(sys System, f *finding) (string, error) {
	if !f.Up {
		return "", nil
	}
	ups, err := sys.Uppers(r.Index)
	if err != nil {
		return "", err
	}
	for _, u := range ups {
		if list, err := sys.Addresses(u.Index); err == nil && len(list) > 0 {
			return u.Name + " is on it now and has an address", nil
		}
	}
	list, err := sys.Addresses(r.Index)
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if p.Addr().IsLinkLocalUnicast() && p.Addr().Is6() {
			continue
		}
		if r.Identity == nil || !slices.Contains(r.Identity.Addresses, p.String()) {
			return "it is up and has the address " + p.String() + " now", nil
		}
	}
	return "", nil
}

// takesFrames: a device of this kind takes what arrives on the one under it.
func takesFrames(kind string) bool {
	switch kind {
	case "macvlan", "macvtap", "ipvlan", "ipvtap":
		return true
	}
	return false
}
