package link

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/relations"
)

// Moved is a slave's NIC that somebody moved to another network namespace.
type Moved struct {
	Was    int     // its index here
	NetNS  int     // the number by which this namespace knows the other one
	Index  int     // its index there
	HWAddr [6]byte // its permanent address, zero if it has none
	Kind   string
	// The address and MTU that the bond gave it: what it has now is put back only if
	// it is that.
	MAC   [6]byte
	MTU   int
	Saved Saved
}

// ErrUnreachable says that this process can't enter a network namespace: it has no
// name and no process that is visible from here, or a right is missing.
var ErrUnreachable = errors.New("network namespace can't be reached")

// RestoreMoved implements Host. The sysctls that PrepareSlave changed are new in the
// other namespace.
func (l *Linux) RestoreMoved(m Moved) error {
	verr := l.forgetVLANs(m.Was)
	ns, err := l.openNetNS(m.NetNS)
	if err != nil {
		return errors.Join(verr, err)
	}
	defer ns.Close()
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends here, and nobody else gets it.
		runtime.LockOSThread()
		done <- m.restore(int(ns.Fd()))
	}()
	return errors.Join(verr, <-done)
}

// restore runs on a thread of its own.
func (m *Moved) restore(ns int) error {
	if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("%w: setns: %w", ErrUnreachable, err)
	}
	there, err := NewLinux()
	if err != nil {
		return err
	}
	defer there.Close()
	i, err := there.LinkByIndex(m.Index)
	if err != nil {
		return err
	}
	if i.PermMAC != m.HWAddr || i.Kind != m.Kind {
		return fmt.Errorf("interface %d there is another device (%s)", m.Index, i.Name)
	}
	s := m.Saved
	s.IPv6, s.AddrGen = "", ""
	if i.MAC != m.MAC {
		s.MAC = i.MAC
	}
	if i.MTU != m.MTU {
		s.MTU = i.MTU
	}
	return there.restore(i, s)
}

// openNetNS opens the network namespace with a number, by its name or by a process
// that is in it.
func (l *Linux) openNetNS(number int) (*os.File, error) {
	seen := map[uint64]bool{}
	for _, pattern := range []string{"/run/netns/*", "/run/docker/netns/*", "/proc/[0-9]*/ns/net"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			var st unix.Stat_t
			if unix.Stat(path, &st) != nil || seen[st.Ino] {
				continue
			}
			seen[st.Ino] = true
			f, err := os.Open(path)
			if err != nil {
				continue
			}
			if n, err := l.nl.GetNetNsIdByFd(int(f.Fd())); err == nil && n == number {
				return f, nil
			}
			f.Close()
		}
	}
	return nil, ErrUnreachable
}

// forgetVLANs deletes VLAN devices of ours that were on a NIC: they stay in their
// namespace when it leaves.
func (l *Linux) forgetVLANs(index int) error {
	all, err := dump.Whole(l.nl.LinkList)
	if err != nil {
		return fmt.Errorf("links: %w", err)
	}
	var errs []error
	for _, x := range all {
		vlan, ok := x.(*netlink.Vlan)
		if !ok {
			continue
		}
		d := device(x, relations.Here, -1)
		if ownVLAN(&d) && x.Attrs().Name == vlanName(index, Tag{TPID: uint16(vlan.VlanProtocol), VID: uint16(vlan.VlanId)}) {
			errs = append(errs, l.deleteVLAN(x.Attrs().Index))
		}
	}
	return errors.Join(errs...)
}
