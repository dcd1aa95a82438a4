package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Assign gives an interface of the host addresses, usable at once: IPv6 ones
// skip duplicate address detection.
func (h *Host) Assign(ifname string, addrs ...netip.Prefix) error {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, ifname, err)
	}
	for _, a := range addrs {
		bits := 32
		if a.Addr().Is6() {
			bits = 128
		}
		addr := &netlink.Addr{IPNet: &net.IPNet{IP: a.Addr().AsSlice(), Mask: net.CIDRMask(a.Bits(), bits)}}
		if a.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := h.Handle.AddrReplace(link, addr); err != nil {
			return fmt.Errorf("%s %s: address %s: %w", h.Name, ifname, a, err)
		}
	}
	return nil
}

// Neighbour makes the host know an address of its network for good, so that
// no ARP or neighbour discovery is seen on the links.
func (h *Host) Neighbour(ifname string, addr netip.Addr, mac net.HardwareAddr) error {
	link, err := h.Handle.LinkByName(ifname)
	if err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, ifname, err)
	}
	family := netlink.FAMILY_V4
	if addr.Is6() {
		family = netlink.FAMILY_V6
	}
	err = h.Handle.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_PERMANENT,
		IP: addr.AsSlice(), HardwareAddr: mac,
	})
	if err != nil {
		return fmt.Errorf("%s %s: neighbour %s: %w", h.Name, ifname, addr, err)
	}
	return nil
}

// AssignBoth is the whole addressing of a lab with one interface at each end:
// AddrA4 and AddrA6 for A's, AddrB4 and AddrB6 for B's, and each host the
// other's permanent neighbour. It reads the MACs as they are now.
func (l *Lab) AssignBoth(ifnameA, ifnameB string) error {
	type side struct {
		host   *Host
		ifname string
		addrs  [2]netip.Prefix
	}
	a := side{l.A, ifnameA, [2]netip.Prefix{AddrA4, AddrA6}}
	b := side{l.B, ifnameB, [2]netip.Prefix{AddrB4, AddrB6}}
	for _, s := range [][2]side{{a, b}, {b, a}} {
		own, other := s[0], s[1]
		if err := own.host.Assign(own.ifname, own.addrs[:]...); err != nil {
			return err
		}
		link, err := other.host.Handle.LinkByName(other.ifname)
		if err != nil {
			return fmt.Errorf("%s %s: %w", other.host.Name, other.ifname, err)
		}
		for _, addr := range other.addrs {
			if err := own.host.Neighbour(own.ifname, addr.Addr(), link.Attrs().HardwareAddr); err != nil {
				return err
			}
		}
	}
	return nil
}

// AwaitSilence waits until A's slaves have neither sent nor received for so
// long: what follows is the measurement's alone.
func (l *Lab) AwaitSilence(ctx context.Context, quiet time.Duration) error {
	const step = 5 * time.Millisecond
	tick := time.NewTicker(step)
	defer tick.Stop()
	var last uint64
	since := time.Now()
	for time.Since(since) < quiet {
		var sum uint64
		for _, k := range l.links {
			s, err := l.A.Stats(k.Slave())
			if err != nil {
				return err
			}
			sum += s.RxFrames + s.TxFrames + s.TxDropped
		}
		if sum != last {
			last, since = sum, time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("lab %s: waiting for silence: %w", l.Topology.Name, context.Cause(ctx))
		}
	}
	return nil
}

// QuietIPv6 keeps the host's interfaces, and those made later, from speaking of
// their own accord: no link-local addresses, no router solicitations. B is made
// so. Interfaces that are up already should not be.
func (h *Host) QuietIPv6() error {
	quiet := map[string]string{
		"accept_ra":     "0",
		"autoconf":      "0",
		"addr_gen_mode": "1", // no link-local address
		// In milliseconds: reports of the groups of assigned addresses leave at
		// once, not at random within a second.
		"mldv1_unsolicited_report_interval": "1",
		"mldv2_unsolicited_report_interval": "1",
	}
	links, err := h.Handle.LinkList()
	if err != nil {
		return fmt.Errorf("%s: links: %w", h.Name, err)
	}
	names := []string{"default"}
	for _, link := range links {
		names = append(names, link.Attrs().Name)
	}
	values := make(map[string]string)
	for _, name := range names {
		for key, value := range quiet {
			values["ipv6/conf/"+name+"/"+key] = value
		}
	}
	return h.sysctl(values)
}
