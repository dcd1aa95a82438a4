package policy

// EtherTypes that the package knows. IEEE RA registry; the tunnels' further
// down in encap.go.
const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherVLAN  = 0x8100 // 802.1Q customer tag
	etherIPv6  = 0x86dd
	etherSVLAN = 0x88a8 // 802.1ad service tag
)

// Lengths in octets.
const (
	etherHeader = 14
	vlanTag     = 4
)

// Frame is one decoded Ethernet frame. A worker has one and decodes every
// frame into it; nothing is copied, so a Frame is good until the octets given
// to Decode are reused. The fields are for reading.
//
// The zero Frame, and one whose Decode failed, holds no frame: its methods
// return zero values.
type Frame struct {
	b []byte

	// EtherType of the payload, host order, behind the outer tag if there was
	// one. For an IEEE 802.3 length field (below 0x0600) it is that length.
	// Valid iff Decode returned true.
	EtherType uint16

	// TCI is the outer VLAN tag's priority, DEI and VLAN id, 16 bits. Valid
	// iff Tagged.
	TCI uint16

	// Tagged: the frame had an 802.1Q or 802.1ad tag. Only the outer one is
	// taken off; behind a second one EtherType is that one's 0x8100 or 0x88a8.
	Tagged bool

	// L3 is the offset of the payload, 14 or 18 octets. Valid iff Decode
	// returned true.
	L3 int
}

// Decode takes in the frame b, an Ethernet frame without preamble, FCS or
// virtio header, and reports whether it is one: shorter than 14 octets is a
// runt. b is borrowed, not copied. Any octets are fine; a tag cut short stays
// an EtherType.
//
// The outer tag is taken off as the kernel keeps it: beside the frame. A
// bonding driver never sees the tag of a VLAN device on the bond in the frame.
func (f *Frame) Decode(b []byte) bool {
	if len(b) < etherHeader {
		*f = Frame{}
		return false
	}
	f.b = b
	f.EtherType = be16(b, 12)
	f.TCI, f.Tagged, f.L3 = 0, false, etherHeader
	if (f.EtherType == etherVLAN || f.EtherType == etherSVLAN) && len(b) >= etherHeader+vlanTag {
		f.TCI, f.Tagged, f.L3 = be16(b, 14), true, etherHeader+vlanTag
		f.EtherType = be16(b, 16)
	}
	return true
}

// Bytes is the whole frame as given to Decode: borrowed, tag included.
func (f *Frame) Bytes() []byte { return f.b }

// Payload is what follows the EtherType: borrowed, may be empty.
func (f *Frame) Payload() []byte { return f.b[f.L3:] }

// Dst is the destination address.
func (f *Frame) Dst() (mac [6]byte) {
	if len(f.b) >= etherHeader {
		mac = [6]byte(f.b)
	}
	return mac
}

// Src is the source address.
func (f *Frame) Src() (mac [6]byte) {
	if len(f.b) >= etherHeader {
		mac = [6]byte(f.b[6:])
	}
	return mac
}

// IsMulticast reports whether the destination is a group, broadcast included.
func (f *Frame) IsMulticast() bool { return len(f.b) >= etherHeader && f.b[0]&1 != 0 }

// IsARP reports whether the payload is ARP, by its EtherType.
func (f *Frame) IsARP() bool { return f.EtherType == etherARP }

// IsIGMP reports whether the payload is IPv4 with protocol IGMP. A header cut
// short is not.
func (f *Frame) IsIGMP() bool {
	return f.EtherType == etherIPv4 && len(f.b) >= f.L3+ipv4Header && f.b[f.L3+9] == protoIGMP
}

// Types of ICMPv6 that are neighbour discovery between hosts (RFC 4861).
const (
	neighborSolicit   = 135
	neighborAdvertise = 136
)

// IsNeighbor reports whether the payload is an IPv6 neighbour solicitation or
// advertisement. As in the kernel, one behind an extension header is not.
func (f *Frame) IsNeighbor() bool {
	if f.EtherType != etherIPv6 || len(f.b) <= f.L3+ipv6Header || f.b[f.L3+6] != protoICMPv6 {
		return false
	}
	t := f.b[f.L3+ipv6Header]
	return t == neighborSolicit || t == neighborAdvertise
}
