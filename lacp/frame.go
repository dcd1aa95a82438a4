package lacp

import "encoding/binary"

// Illegal is why a Slow Protocols frame was dropped.
type Illegal uint8

// The reasons.
const (
	Legal               Illegal = iota
	IllegalRunt                 // shorter than a PDU
	IllegalTagged               // is in a VLAN
	IllegalAddress              // not sent to the Slow Protocols address
	IllegalEtherType            // not Slow Protocols
	IllegalSubtype              // 0, or 11 and above
	IllegalActorLen             // length of the actor TLV
	IllegalPartnerLen           // of the partner TLV
	IllegalCollectorLen         // of the collector TLV
	IllegalActorSystem          // zero
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

// classify finds out what kind of frame f is by everything in front of the PDU,
// and returns the PDU. The reason says why a frame of that kind must be dropped.
// inVLAN says that a tag with a VLAN's number was taken off f before.
func classify(f []byte, inVLAN bool) (slow, []byte, Illegal) {
	if len(f) < headerLen+1 {
		return slowIllegal, nil, IllegalRunt
	}
	t, body, inLine := untag(f)
	switch {
	case t != etherType && (inVLAN || inLine):
		return slowIllegal, nil, IllegalTagged
	case t != etherType:
		return slowIllegal, nil, IllegalEtherType
	case len(body) == 0:
		return slowIllegal, nil, IllegalRunt
	}
	kind := slowLACP
	switch s := body[0]; {
	case s == 0 || s > 10: // 802.3 Table 57A-3
		kind = slowIllegal
	case s > subtypeMarker:
		kind = slowOther
	case s == subtypeMarker:
		kind = slowMarker
	}
	switch {
	case inVLAN || inLine:
		return kind, body, IllegalTagged
	case MAC(f[:6]) != SlowProtocols:
		return kind, body, IllegalAddress
	case kind == slowIllegal:
		return kind, nil, IllegalSubtype
	case kind != slowOther && len(body) < PDULen:
		return kind, body, IllegalRunt
	}
	return kind, body, Legal
}

// TPIDs of VLAN tags.
const (
	tpidCustomer = 0x8100
	tpidService  = 0x88a8
)

// untag returns the EtherType behind all tags, what follows it, and whether a
// tag names a VLAN. A priority tag has VLAN 0 and is none: some servers' NICs
// put it on everything.
func untag(f []byte) (etherType uint16, body []byte, inVLAN bool) {
	at := headerLen
	for {
		t := binary.BigEndian.Uint16(f[at-2:])
		if t != tpidCustomer && t != tpidService || len(f) < at+tagLen {
			return t, f[at:], inVLAN
		}
		inVLAN = inVLAN || binary.BigEndian.Uint16(f[at:])&0xfff != 0
		at += tagLen
	}
}

// IsSlow reports whether a frame, from its destination address on, is a Slow
// Protocols frame, behind whatever tags.
func IsSlow(f []byte) bool {
	if len(f) < headerLen {
		return false
	}
	t, _, _ := untag(f)
	return t == etherType
}

// IsMarker reports whether a frame, from its destination address on, is a Marker
// PDU or Marker Response: one that must not overtake the data before it.
func IsMarker(f []byte) bool {
	kind, _, why := classify(f, false)
	return kind == slowMarker && why == Legal
}

// IsLegal reports whether a frame, from its destination address on, is one that
// Machine makes use of: what is dropped needs only to be counted.
func IsLegal(f []byte, inVLAN bool) bool {
	kind, body, why := classify(f, inVLAN)
	if why != Legal {
		return false
	}
	switch kind {
	case slowLACP:
		var pdu LACPDU
		why = pdu.Decode(body)
	case slowMarker:
		var mk Marker
		why = mk.Decode(body)
	}
	return why == Legal
}

// SourceLen is the length of what ActorOf returns.
const SourceLen = 14

// Sender returns what ActorOf would of the partner that a port knows; zero if it
// knows none.
func (m *Machine) Sender(id PortID) (actor [SourceLen]byte) {
	if p := m.port(id); p != nil && p.partnered() {
		var b [infoLen]byte
		p.partner.put(b[:], tlvActor)
		copy(actor[:], b[2:])
	}
	return actor
}

// ActorOf returns the bytes of a legal LACPDU's frame that tell its sender from
// others: system, key and port with their priorities; ok is false for others.
func ActorOf(f []byte) (actor [SourceLen]byte, ok bool) {
	kind, body, why := classify(f, false)
	if kind != slowLACP || why != Legal {
		return actor, false
	}
	copy(actor[:], body[offActor+2:])
	return actor, true
}
