package lab

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of a bridge, from linux/if_link.h.
const (
	brForwardDelay = 1 // centiseconds
	brSTPState     = 5
	brMcastSnoop   = 23
	brHelloTime    = 2 // centiseconds
)

// addBridge makes bridge i of the switch namespace, up. Multicast snooping is
// off: it would hold back groups nobody has joined yet.
func addBridge(h *Host, i int, stp bool, mtu int) error {
	name := fmt.Sprintf("br%d", i)
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = int32(indexBridge + i)
	head.Flags, head.Change = unix.IFF_UP, unix.IFF_UP
	req.AddData(head)
	for _, attr := range linkAttrs(end{name: name, mac: bridgeMAC(i)}, mtu) {
		req.AddData(attr)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(brMcastSnoop, nl.Uint8Attr(0))
	if stp {
		data.AddRtAttr(brHelloTime, nl.Uint32Attr(100))
		data.AddRtAttr(brForwardDelay, nl.Uint32Attr(200)) // the least the kernel takes with STP
		data.AddRtAttr(brSTPState, nl.Uint32Attr(1))
	} else {
		data.AddRtAttr(brForwardDelay, nl.Uint32Attr(0))
	}
	req.AddData(info)
	err := h.Do(func() error {
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, name, err)
	}
	return nil
}

// addPort makes a device a port of bridge i and sets it up.
func addPort(h *Host, name string, i int) error {
	port, err := h.Handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s %s: %w", h.Name, name, err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Index: indexBridge + i}}
	if err := h.Handle.LinkSetMaster(port, bridge); err != nil {
		return fmt.Errorf("%s %s: master br%d: %w", h.Name, name, i, err)
	}
	return h.Up(name)
}

// Up sets a device of the host administratively up.
func (h *Host) Up(name string) error {
	link, err := h.Handle.LinkByName(name)
	if err == nil {
		err = h.Handle.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("%s %s: up: %w", h.Name, name, err)
	}
	return nil
}
