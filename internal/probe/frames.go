package probe

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
)

// Frame returns the probe of one target as the driver sends it from a NIC
// whose address is mac: a broadcast ARP request, or a neighbour solicitation to
// the target's solicited-node group.
func Frame(mac [6]byte, p Path) ([]byte, error) {
	if p.Target.Is4() {
		return request(mac, p.Source, p.Target, p.Tags)
	}
	return solicitation(mac, p.Source, p.Target, p.Tags)
}

func request(mac [6]byte, src, target netip.Addr, tags []link.Tag) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, mac[:], src, make(net.HardwareAddr, 6), target)
	if err != nil {
		return nil, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return announce.Frame([6]byte(ethernet.Broadcast), mac, ethernet.EtherTypeARP, payload, tags)
}

// Neighbour discovery: RFC 4861 4.3, 4.4 and 4.6.1.
const (
	ip6Len        = 40
	nextICMPv6    = 58
	hopLimit      = 255 // of all ND: it comes from this link
	typeNS        = 135
	typeNA        = 136
	nsLen         = 24 // header and target
	optSourceLink = 1
	optLen        = 8
)

// solicitation says where we are, unless it has no source address (RFC 4861
// 4.3).
func solicitation(mac [6]byte, src, target netip.Addr, tags []link.Tag) ([]byte, error) {
	n := nsLen
	if !src.IsUnspecified() {
		n += optLen
	}
	b := make([]byte, ip6Len+n)
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6], b[7] = nextICMPv6, hopLimit
	from, group := src.As16(), monitor.SolicitedNode(target).As16()
	copy(b[8:], from[:])
	copy(b[24:], group[:])
	ns := b[ip6Len:]
	ns[0] = typeNS
	to := target.As16()
	copy(ns[8:], to[:])
	if n > nsLen {
		ns[nsLen], ns[nsLen+1] = optSourceLink, 1
		copy(ns[nsLen+2:], mac[:])
	}
	binary.BigEndian.PutUint16(ns[2:], announce.ICMPv6Sum(b[8:ip6Len], ns))
	return announce.Frame(Group(target), mac, ethernet.EtherTypeIPv6, b, tags)
}

// Group is the Ethernet address of a target's solicited-node group (RFC 2464 7).
func Group(target netip.Addr) [6]byte {
	g := monitor.SolicitedNode(target).As16()
	return [6]byte{0x33, 0x33, g[12], g[13], g[14], g[15]}
}
