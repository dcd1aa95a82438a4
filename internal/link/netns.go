package link

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/dump"
	"github.com/tapbond/tapbond/internal/relations"
)

// namedDirs have the namespaces that have names: those of ip netns and of CNI, and
// Docker's.
var namedDirs = []string{"/run/netns", "/run/docker/netns"}

// foreign lists the devices of the namespaces that this one knows by a number. The
// kernel gives one to a namespace that a device moves to; named namespaces get one
// here, since a device may have been made in them. Namespaces that can't be asked, for
// want of rights or because they are going away, are left out.
func (l *Linux) foreign() []relations.Device {
	l.numberNamed()
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

// numberNamed gives a number to each named namespace that has none.
func (l *Linux) numberNamed() {
	for _, dir := range namedDirs {
		names, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, n := range names {
			f, err := os.Open(filepath.Join(dir, n.Name()))
			if err != nil {
				continue
			}
			if id, err := l.nl.GetNetNsIdByFd(int(f.Fd())); err == nil && id < 0 {
				_ = l.nl.SetNetNsIdByFd(int(f.Fd()), -1) // any; it may just be going away
			}
			_ = f.Close()
		}
	}
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
