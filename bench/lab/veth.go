package lab

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// end is one end of a veth pair to be.
type end struct {
	host  *Host
	name  string
	index int // interface index in host's namespace, free and above 0
	mac   net.HardwareAddr
}

func (e end) String() string { return e.host.Name + " " + e.name }

// addVeth makes a pair with both ends where they belong. Both indexes are
// given in the request: the kernel honours the peer's only beside one for the
// device itself.
func addVeth(a, b end, mtu int) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	head := nl.NewIfInfomsg(unix.AF_UNSPEC)
	head.Index = int32(a.index)
	req.AddData(head)
	for _, attr := range linkAttrs(a, mtu) {
		req.AddData(attr)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	peerHead := nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peerHead.Index = int32(b.index)
	for _, attr := range linkAttrs(b, mtu) {
		peer.AddChild(attr)
	}
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(b.host.ns)))
	req.AddData(info)
	err := a.host.Do(func() error {
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("veth %s to %s: %w", a, b, err)
	}
	return nil
}

func linkAttrs(e end, mtu int) []*nl.RtAttr {
	return []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(e.name)),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(mtu))),
		nl.NewRtAttr(unix.IFLA_ADDRESS, []byte(e.mac)),
	}
}

// verifyIndexes checks that the end has the index asked for, and its peer the
// other one.
func verifyIndexes(e end, peerIndex int) error {
	link, err := e.host.Handle.LinkByName(e.name)
	if err != nil {
		return fmt.Errorf("%s: %w", e, err)
	}
	if got := link.Attrs(); got.Index != e.index || got.ParentIndex != peerIndex {
		return fmt.Errorf("%s: index %d with peer %d: want %d with peer %d",
			e, got.Index, got.ParentIndex, e.index, peerIndex)
	}
	return nil
}
