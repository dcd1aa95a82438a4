package link

import (
	"encoding/binary"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/relations"
)

// foreign lists the devices of the namespaces that this one knows by a number. The
// kernel gives one as soon as a device refers to another namespace, so a VLAN device
// or a macvlan in a container is found. Namespaces that can't be asked, for want of
// rights or because they are going away, are left out.
func (l *Linux) foreign() []relations.Device {
	numbers, err := dump.Whole(numbers)
	if err != nil {
		return nil
	}
	self := l.self()
	lists := make(map[int][]netlink.Link)
	for _, n := range numbers {
		if n == self {
			continue
		}
		if list, err := dump.Whole(func() ([]netlink.Link, error) { return linksOf(n) }); err == nil {
			lists[n] = list
		}
	}
	if self < 0 {
		self = l.self() // the kernel may have needed one to answer
	}
	var out []relations.Device
	for _, n := range numbers {
		for _, x := range lists[n] {
			out = append(out, device(x, relations.Other(n), self))
		}
	}
	return out
}

// self is the number by which this namespace knows itself, -1 for none.
func (l *Linux) self() int {
	n, err := l.nl.GetNetNsIdByPid(unix.Gettid())
	if err != nil {
		return -1
	}
	return n
}

// numbers lists the numbers by which this namespace knows others.
func numbers() ([]int, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNSID, unix.NLM_F_DUMP)
	req.AddData(nl.NewRtGenMsg())
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNSID)
	var out []int
	for _, m := range msgs {
		if b := nested(m[nl.DeserializeRtGenMsg(m).Len():], []uint16{netlink.NETNSA_NSID}); len(b) == 4 {
			out = append(out, int(int32(binary.NativeEndian.Uint32(b))))
		}
	}
	return out, err
}

// linksOf lists the links of the namespace with a number.
func linksOf(nsid int) ([]netlink.Link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(nsid))))
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	var out []netlink.Link
	for _, m := range msgs {
		x, err := netlink.LinkDeserialize(nil, m)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, err
}
