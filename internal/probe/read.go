package probe

import (
	"encoding/binary"
	"net/netip"

	"github.com/tapbond/tapbond/monitor"
)

const (
	ethLen    = 14
	typeARP   = 0x0806
	typeIPv6  = 0x86dd
	typeVLAN  = 0x8100
	typeSTag  = 0x88a8
	arpLen    = 28 // of Ethernet and IPv4
	opRequest = 1
	opReply   = 2
)

// Read tells what a received frame means to a monitor. others says that the
// frame is addressed to somebody else; then its content proves nothing. Lengths
// and types are checked before anything is believed; VLAN tags are skipped.
func Read(b []byte, others bool) monitor.Frame {
	if len(b) < ethLen {
		return monitor.Frame{Kind: monitor.FrameAny}
	}
	typ, b := binary.BigEndian.Uint16(b[12:]), b[ethLen:]
	for (typ == typeVLAN || typ == typeSTag) && len(b) >= 4 {
		typ, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	var f monitor.Frame
	switch typ {
	case typeARP:
		f = readARP(b)
	case typeIPv6:
		f = readND(b)
	}
	if others && f.Kind != monitor.FrameAny {
		return monitor.Frame{Kind: monitor.FrameNeighbour}
	}
	return f
}

func readARP(b []byte) monitor.Frame {
	if len(b) < arpLen || [6]byte(b) != [6]byte{0, 1, 8, 0, 6, 4} {
		return monitor.Frame{Kind: monitor.FrameNeighbour}
	}
	f := monitor.Frame{From: netip.AddrFrom4([4]byte(b[14:])), To: netip.AddrFrom4([4]byte(b[24:]))}
	switch binary.BigEndian.Uint16(b[6:]) {
	case opRequest:
		f.Kind = monitor.FrameRequest
	case opReply:
		f.Kind = monitor.FrameReply
	default:
		return monitor.Frame{Kind: monitor.FrameNeighbour}
	}
	return f
}

// readND takes solicitations and advertisements without extension headers that
// come from this link.
func readND(b []byte) monitor.Frame {
	if len(b) < ip6Len+nsLen || b[0]>>4 != 6 || b[6] != nextICMPv6 || b[ip6Len] != typeNS && b[ip6Len] != typeNA {
		return monitor.Frame{Kind: monitor.FrameAny}
	}
	if b[7] != hopLimit {
		return monitor.Frame{Kind: monitor.FrameNeighbour}
	}
	return monitor.Frame{Kind: monitor.FrameND, From: netip.AddrFrom16([16]byte(b[8:])), To: netip.AddrFrom16([16]byte(b[24:]))}
}
