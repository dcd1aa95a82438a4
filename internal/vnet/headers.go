package vnet

import "encoding/binary"

// EtherTypes and IP protocols met on the way to an L4 header.
const (
	etIPv4  = 0x0800
	etIPv6  = 0x86dd
	etVLAN  = 0x8100
	etQinQ  = 0x88a8 // IEEE 802.1ad S-tag
	etQinQ1 = 0x9100 // pre-standard S-tags
	etQinQ2 = 0x9200
	etMPLS  = 0x8847
	etMPLSm = 0x8848
	etPPPoE = 0x8864 // session stage
	etTEB   = 0x6558 // transparent Ethernet bridging
	etNSH   = 0x894f

	protoHopByHop = 0
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoDCCP     = 33
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoDstOpts  = 60
	protoEtherIP  = 97
	protoSCTP     = 132
	protoMobility = 135
	protoMPLS     = 137
	protoHIP      = 139
	protoShim6    = 140
	protoEthernet = 143
)

func be16(b []byte, off int) uint16 { return binary.BigEndian.Uint16(b[off:]) }

func put16(b []byte, off int, v uint16) { binary.BigEndian.PutUint16(b[off:], v) }

// ethernet reads the Ethernet header at off with any number of VLAN tags. It
// returns the EtherType and where its payload starts.
func ethernet(frame []byte, off int) (next int, et uint16, ok bool) {
	if off+ethLen > len(frame) {
		return 0, 0, false
	}
	et = be16(frame, off+macsLen)
	return vlans(frame, off+ethLen, et)
}

// vlans skips the VLAN tags whose contents start at off, et being the
// EtherType in front of them.
func vlans(frame []byte, off int, et uint16) (next int, inner uint16, ok bool) {
	for et == etVLAN || et == etQinQ || et == etQinQ1 || et == etQinQ2 {
		if off+TagLen > len(frame) {
			return 0, 0, false
		}
		et = be16(frame, off+2)
		off += TagLen
	}
	return off, et, true
}

// ipv4 reads the IPv4 header at off: where its payload starts and of which
// protocol that is. It refuses fragments: what is behind their header is not
// a whole datagram.
func ipv4(frame []byte, off int) (next int, proto uint8, ok bool) {
	if off+20 > len(frame) || frame[off]>>4 != 4 {
		return 0, 0, false
	}
	n := int(frame[off]&0x0f) * 4
	if n < 20 || off+n > len(frame) || be16(frame, off+6)&0x3fff != 0 {
		return 0, 0, false
	}
	return off + n, frame[off+9], true
}

// ipv6 reads the IPv6 header at off and its extension headers. routed: a
// routing header says that the destination is not the final one. It refuses
// fragments, except the atomic kind (RFC 6946).
func ipv6(frame []byte, off int) (next int, proto uint8, routed, ok bool) {
	if off+40 > len(frame) || frame[off]>>4 != 6 {
		return 0, 0, false, false
	}
	proto, off = frame[off+6], off+40
	for {
		n := 0
		switch proto {
		case protoHopByHop, protoDstOpts, protoMobility, protoHIP, protoShim6, protoRouting, protoAH, protoFragment:
			if off+8 > len(frame) {
				return 0, 0, false, false
			}
			n = 8 + int(frame[off+1])*8
			switch proto {
			case protoRouting:
				routed = routed || frame[off+3] != 0
			case protoAH:
				n = 8 + int(frame[off+1])*4
			case protoFragment:
				n = 8
				if be16(frame, off+2)&0xfff9 != 0 {
					return 0, 0, false, false
				}
			}
		default:
			return off, proto, routed, off <= len(frame)
		}
		proto, off = frame[off], off+n
	}
}

// plainL4 finds the L4 header of a frame whose outermost IP header stands
// directly behind Ethernet and VLAN tags.
func plainL4(frame []byte) (off int, proto uint8, ok bool) {
	off, et, ok := ethernet(frame, 0)
	if !ok {
		return 0, 0, false
	}
	switch et {
	case etIPv4:
		return ipv4(frame, off)
	case etIPv6:
		off, proto, _, ok = ipv6(frame, off)
		return off, proto, ok
	}
	return 0, 0, false
}
