package announce

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"github.com/tapbond/tapbond/internal/link"
)

var (
	broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	allNodes  = [6]byte{0x33, 0x33, 0, 0, 0, 1} // of ff02::1
)

// ARP returns the announcement of an IPv4 address: a broadcast request for the
// address by itself, target hardware address zero, as the kernel sends it.
func ARP(mac [6]byte, ip netip.Addr, tags []link.Tag) ([]byte, error) {
	p, err := arp.NewPacket(arp.OperationRequest, mac[:], ip, make(net.HardwareAddr, 6), ip)
	if err != nil {
		return nil, err
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return Frame(broadcast, mac, ethernet.EtherTypeARP, payload, tags)
}

// Neighbour advertisement: RFC 4861 4.4 and 4.6.1.
const (
	protoICMPv6   = 58
	typeNA        = 136
	flagRouter    = 1 << 31
	flagOverride  = 1 << 29
	optTargetLink = 2
	naLen         = 32 // header, target, one option
	ip6Len        = 40
)

// NA returns the unsolicited advertisement of an IPv6 address to all nodes,
// overriding what they remember.
func NA(mac [6]byte, ip netip.Addr, router bool, tags []link.Tag) ([]byte, error) {
	b := make([]byte, ip6Len+naLen)
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], naLen)
	b[6], b[7] = protoICMPv6, 255
	src := ip.As16()
	copy(b[8:], src[:])
	copy(b[24:], []byte{0xff, 0x02, 15: 1}) // ff02::1
	na := b[ip6Len:]
	na[0] = typeNA
	flags := uint32(flagOverride)
	if router {
		flags |= flagRouter
	}
	binary.BigEndian.PutUint32(na[4:], flags)
	copy(na[8:], src[:])
	na[24], na[25] = optTargetLink, 1
	copy(na[26:], mac[:])
	binary.BigEndian.PutUint16(na[2:], ICMPv6Sum(b[8:40], na))
	return Frame(allNodes, mac, ethernet.EtherTypeIPv6, b, tags)
}

// ICMPv6Sum is the checksum over the pseudo header (RFC 8200 8.1) and message.
func ICMPv6Sum(addrs, msg []byte) uint16 {
	return checksum(uint32(len(msg))+protoICMPv6, addrs, msg)
}

// checksum is the Internet's (RFC 1071) over parts of even length and a start.
func checksum(sum uint32, parts ...[]byte) uint16 {
	for _, b := range parts {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// Frame puts Ethernet and the tags around a payload. The library pads to 60
// octets; the NIC does that, and the kernel's own frames aren't padded.
func Frame(dst, src [6]byte, typ ethernet.EtherType, payload []byte, tags []link.Tag) ([]byte, error) {
	f := ethernet.Frame{Destination: dst[:], Source: src[:], EtherType: typ, Payload: payload}
	b, err := f.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b = b[:14+len(payload)]
	out := make([]byte, 0, len(b)+4*len(tags))
	out = append(out, b[:12]...)
	for _, t := range tags {
		out = binary.BigEndian.AppendUint16(out, t.TPID)
		out = binary.BigEndian.AppendUint16(out, t.VID)
	}
	return append(out, b[12:]...), nil
}
