package lacp

import "encoding/binary"

// PDULen is the length of a LACPDU and of a Marker PDU: what follows the
// EtherType, in octets.
const PDULen = 110

// FrameLen is the length of the frame around it, without FCS; MaxFrameLen has
// room for as many priority tags as a frame may have here.
const (
	FrameLen    = headerLen + PDULen
	MaxFrameLen = FrameLen + 4*tagLen
)

const (
	headerLen = 14
	tagLen    = 4
	etherType = 0x8809 // Slow Protocols
)

// Subtypes of Slow Protocols: 802.3 Table 57A-3.
const (
	subtypeLACP   = 1
	subtypeMarker = 2
)

// LACPDU is a version 1 LACPDU: 6.4.2.
type LACPDU struct {
	Version           uint8 // sent as 1, whatever it is here
	Actor, Partner    Info
	CollectorMaxDelay uint16 // tens of microseconds
}

const (
	lacpVersion = 1

	tlvActor, tlvPartner, tlvCollector = 1, 2, 3
	infoLen, collectorLen              = 20, 16 // with type and length

	// Offsets into the PDU.
	offVersion   = 1
	offActor     = 2
	offPartner   = offActor + infoLen
	offCollector = offPartner + infoLen
)

// AppendTo appends the PDU, PDULen octets from the subtype on.
func (p *LACPDU) AppendTo(b []byte) []byte {
	var w [PDULen]byte
	w[0], w[offVersion] = subtypeLACP, lacpVersion
	p.Actor.put(w[offActor:], tlvActor)
	p.Partner.put(w[offPartner:], tlvPartner)
	w[offCollector], w[offCollector+1] = tlvCollector, collectorLen
	binary.BigEndian.PutUint16(w[offCollector+2:], p.CollectorMaxDelay)
	return append(b, w[:]...)
}

// AppendFrame appends the whole frame, as sent from the port's own address.
func (p *LACPDU) AppendFrame(b []byte, src MAC) []byte {
	return p.AppendTo(appendHeader(b, src))
}

func appendHeader(b []byte, src MAC) []byte {
	b = append(b, SlowProtocols[:]...)
	b = append(b, src[:]...)
	return binary.BigEndian.AppendUint16(b, etherType)
}

func (i *Info) put(w []byte, tlv byte) {
	w[0], w[1] = tlv, infoLen
	binary.BigEndian.PutUint16(w[2:], i.SystemPriority)
	copy(w[4:], i.System[:])
	binary.BigEndian.PutUint16(w[10:], i.Key)
	binary.BigEndian.PutUint16(w[12:], i.PortPriority)
	binary.BigEndian.PutUint16(w[14:], i.Port)
	w[16] = byte(i.State)
}

func (i *Info) get(r []byte) {
	i.SystemPriority = binary.BigEndian.Uint16(r[2:])
	copy(i.System[:], r[4:])
	i.Key = binary.BigEndian.Uint16(r[10:])
	i.PortPriority = binary.BigEndian.Uint16(r[12:])
	i.Port = binary.BigEndian.Uint16(r[14:])
	i.State = Bits(r[16])
}

// Decode reads a LACPDU from its subtype on, which has been looked at. Any
// version and any TLV type will do, and what is behind the three known TLVs is
// not looked at: a later version may have put something there (6.4.2.3). A
// length that says the fields aren't where they must be is illegal, and so is
// an actor that can't be: no system, no port. Any system but zero will do: those
// of EVPN's multihomed LAGs, as guides configure them, and of some vendors'
// chassis have the group bit.
func (p *LACPDU) Decode(b []byte) Illegal {
	if len(b) < PDULen {
		return IllegalRunt
	}
	switch {
	case b[offActor+1] != infoLen:
		return IllegalActorLen
	case b[offPartner+1] != infoLen:
		return IllegalPartnerLen
	case b[offCollector+1] != collectorLen:
		return IllegalCollectorLen
	}
	p.Version = b[offVersion]
	p.Actor.get(b[offActor:])
	p.Partner.get(b[offPartner:])
	p.CollectorMaxDelay = binary.BigEndian.Uint16(b[offCollector+2:])
	if p.Actor.System == (MAC{}) {
		return IllegalActorSystem
	}
	if p.Actor.Port == 0 {
		return IllegalActorPort
	}
	return Legal
}
