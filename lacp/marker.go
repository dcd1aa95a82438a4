package lacp

import "encoding/binary"

// Types of Marker PDUs: 6.5.3.3.
const (
	MarkerInformation uint8 = 1
	MarkerResponse    uint8 = 2
)

// Marker is a Marker PDU or Marker Response PDU: 6.5.3.
type Marker struct {
	Type        uint8
	Port        uint16 // Requester_Port
	System      MAC    // Requester_System
	Transaction uint32 // Requester_Transaction_ID
}

const (
	markerLen     = 16 // with type and length: 6.5.3.3
	markerLenKern = 22 // kernel counts the padding too
)

// AppendTo appends the PDU, PDULen octets from the subtype on.
func (m *Marker) AppendTo(b []byte) []byte {
	var w [PDULen]byte
	w[0], w[1] = subtypeMarker, 1
	w[2], w[3] = m.Type, markerLen
	binary.BigEndian.PutUint16(w[4:], m.Port)
	copy(w[6:], m.System[:])
	binary.BigEndian.PutUint32(w[12:], m.Transaction)
	return append(b, w[:]...)
}

// AppendFrame appends the whole frame, as sent from the port's own address.
func (m *Marker) AppendFrame(b []byte, src MAC) []byte {
	return m.AppendTo(appendHeader(b, src))
}

// Decode reads a Marker PDU from its subtype on, which has been looked at. The
// type may be unknown.
func (m *Marker) Decode(b []byte) Illegal {
	if len(b) < PDULen {
		return IllegalRunt
	}
	m.Type = b[2]
	if b[3] != markerLen && b[3] != markerLenKern {
		return IllegalMarkerLen
	}
	m.Port = binary.BigEndian.Uint16(b[4:])
	copy(m.System[:], b[6:])
	m.Transaction = binary.BigEndian.Uint32(b[12:])
	return Legal
}

// markerLimit is how many answers leave in a second: 802.3 Annex 57A allows a
// station ten frames of a Slow Protocol.
const markerLimit = 10

// takeMarker is the Marker responder: 6.5.4.
func (m *Machine) takeMarker(p *port, mk *Marker) {
	switch mk.Type {
	case MarkerInformation:
		p.count.MarkerPDUsRx++
	case MarkerResponse:
		p.count.MarkerResponsesRx++
		return
	default:
		p.count.MarkerUnknownRx++
		return
	}
	if t := p.markers[p.marker]; !t.IsZero() && m.now.Sub(t) < txWindow || !m.enabled(p) {
		p.count.MarkerLimited++
		return
	}
	p.markers[p.marker] = m.now
	p.marker = (p.marker + 1) % markerLimit
	p.count.MarkerResponsesTx++
	answer := *mk
	answer.Type = MarkerResponse
	m.out = append(m.out, SendMarkerResponse{Port: p.id, Marker: answer})
}
