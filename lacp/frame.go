package lacp

import "encoding/binary"

// Illegal is why a Slow Protocols frame was dropped.
type Illegal uint8

// The reasons.
const (
	Legal               Illegal = iota
	IllegalRunt                 // shorter than a PDU
	IllegalTagged               // has a VLAN tag
	IllegalAddress              // not sent to the Slow Protocols address
	IllegalEtherType            // not Slow Protocols
	IllegalSubtype              // 0, or 11 and above
	IllegalActorLen             // length of the actor TLV
	IllegalPartnerLen           // of the partner TLV
	IllegalCollectorLen         // of the collector TLV
	IllegalActorSystem          // zero, or a group address
	IllegalActorPort            // zero
	IllegalMarkerLen            // length of the marker TLV
	illegalCount
)

var illegalNames = [illegalCount]string{
	"legal", "runt", "tagged", "not_slow_da", "ethertype", "subtype", "actor_len", "partner_len", "collector_len",
	"actor_system", "actor_port", "marker_len",
}

// String is the reason's name in counters.
func (i Illegal) String() string {
	if i < illegalCount {
		return illegalNames[i]
	}
	return "unknown"
}

// slow is what a frame turned out to be.
type slow uint8

const (
	slowIllegal slow = iota
	slowLACP
	slowMarker
	slowOther // of another protocol
)

// classify tells what kind of frame f is by everything in front of the PDU, and
// returns the PDU.
func classify(f []byte, tagged bool) (slow, []byte, Illegal) {
	if len(f) < headerLen+1 {
		return slowIllegal, nil, IllegalRunt
	}
	t := binary.BigEndian.Uint16(f[12:])
	switch {
	case tagged || t == 0x8100 || t == 0x88a8:
		return slowIllegal, nil, IllegalTagged
	case t != etherType:
		return slowIllegal, nil, IllegalEtherType
	case MAC(f[:6]) != SlowProtocols:
		return slowIllegal, nil, IllegalAddress
	}
	pdu := f[headerLen:]
	switch s := pdu[0]; {
	case s == 0 || s > 10: // 802.3 Table 57A-3
		return slowIllegal, nil, IllegalSubtype
	case s > subtypeMarker:
		return slowOther, nil, Legal
	case len(pdu) < PDULen:
		return slowIllegal, nil, IllegalRunt
	case s == subtypeMarker:
		return slowMarker, pdu, Legal
	}
	return slowLACP, pdu, Legal
}

// IsMarker reports whether a frame, from its destination address on, is a Marker
// PDU or Marker Response: one that must not overtake the data before it.
func IsMarker(f []byte) bool {
	kind, _, _ := classify(f, false)
	return kind == slowMarker
}
