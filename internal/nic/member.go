package nic

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// SetMembership implements Port. The kernel counts memberships by socket and
// drops ours with it, so nothing is left on the NIC whatever happens to us.
func (p *afPort) SetMembership(want Membership) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	have := &p.have
	err := withFD(p.rx, func(fd int) error {
		list := func(have *[]MAC, want []MAC, kind uint16) {
			for _, mac := range want {
				if slices.Contains(*have, mac) {
					continue
				}
				if err := member(fd, p.index, unix.PACKET_ADD_MEMBERSHIP, kind, mac); err != nil {
					errs = append(errs, err)
					continue
				}
				*have = append(*have, mac)
			}
			*have = slices.DeleteFunc(*have, func(mac MAC) bool {
				if slices.Contains(want, mac) {
					return false
				}
				err := member(fd, p.index, unix.PACKET_DROP_MEMBERSHIP, kind, mac)
				errs = append(errs, err)
				return err == nil
			})
		}
		flag := func(have *bool, want bool, kind uint16) {
			if *have == want {
				return
			}
			op := unix.PACKET_ADD_MEMBERSHIP
			if !want {
				op = unix.PACKET_DROP_MEMBERSHIP
			}
			if err := member(fd, p.index, op, kind, MAC{}); err != nil {
				errs = append(errs, err)
				return
			}
			*have = want
		}
		list(&have.Unicast, want.Unicast, unix.PACKET_MR_UNICAST)
		list(&have.Multicast, want.Multicast, unix.PACKET_MR_MULTICAST)
		flag(&have.Promisc, want.Promisc, unix.PACKET_MR_PROMISC)
		flag(&have.AllMulti, want.AllMulti, unix.PACKET_MR_ALLMULTI)
		return errors.Join(errs...)
	})
	if err != nil {
		return fmt.Errorf("slave %d: membership: %w", p.index, err)
	}
	return nil
}

// member gives a socket a membership, or takes it away.
func member(fd, index, op int, kind uint16, mac MAC) error {
	m := unix.PacketMreq{Ifindex: int32(index), Type: kind}
	if mac != (MAC{}) {
		m.Alen = uint16(copy(m.Address[:], mac[:]))
	}
	return unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, op, &m)
}
