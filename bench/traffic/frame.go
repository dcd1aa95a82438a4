package traffic

import (
	"encoding/binary"
	"fmt"
	"net"
)

// Tag is one VLAN tag of a frame.
type Tag struct {
	TPID uint16 // 0 means 0x8100
	PCP  uint8  // priority, 0 to 7
	DEI  bool
	VID  uint16 // 0 to 4095; 0 is a priority tag
}

// FrameSpec describes an Ethernet frame with a numbered payload.
type FrameSpec struct {
	Dst, Src net.HardwareAddr
	// Tags, the outer first.
	Tags []Tag
	// EtherType of the payload; 0 makes an 802.3 frame: its length, and an LLC
	// header (SNAP, so that the payload may be anything).
	EtherType uint16
	// Payload in octets, MinPayload or more.
	Payload int
}

const tpidCustomer = 0x8100

// llc is what follows the length of an 802.3 frame: SNAP with an organization
// code of nobody.
var llc = [8]byte{0xaa, 0xaa, 0x03, 0x02, 0x00, 0x00, 0x0d, 0x9f}

// Append appends the frame, without FCS and never padded, and returns it.
func (f FrameSpec) Append(b []byte, h Header) ([]byte, error) {
	if len(f.Dst) != 6 || len(f.Src) != 6 {
		return b, fmt.Errorf("frame from %s to %s: want addresses of 6 octets", f.Src, f.Dst)
	}
	if f.Payload < MinPayload || f.Payload > 0xffff {
		return b, fmt.Errorf("frame payload of %d octets: want %d to 65535", f.Payload, MinPayload)
	}
	b = append(append(b, f.Dst...), f.Src...)
	for _, t := range f.Tags {
		if t.PCP > 7 || t.VID > 4095 {
			return b, fmt.Errorf("tag %+v: out of range", t)
		}
		if t.TPID == 0 {
			t.TPID = tpidCustomer
		}
		tci := uint16(t.PCP)<<13 | t.VID
		if t.DEI {
			tci |= 1 << 12
		}
		b = binary.BigEndian.AppendUint16(b, t.TPID)
		b = binary.BigEndian.AppendUint16(b, tci)
	}
	if f.EtherType != 0 {
		b = binary.BigEndian.AppendUint16(b, f.EtherType)
	} else {
		b = binary.BigEndian.AppendUint16(b, uint16(len(llc)+f.Payload))
		b = append(b, llc[:]...)
	}
	at := len(b)
	b = append(b, make([]byte, f.Payload)...)
	PutPayload(b[at:], h)
	return b, nil
}

// FindPayload looks for our payload in a frame whatever its headers became,
// and returns its header. Damage is for the caller to see: it knows the frame.
func FindPayload(frame []byte) (Header, bool) {
	const deepest = 14 + 16*4 + len(llc)
	for at := 12; at <= deepest && at+HeaderLen <= len(frame); at++ {
		p := frame[at:]
		if binary.BigEndian.Uint32(p) == magic {
			return Header{
				Flow: binary.BigEndian.Uint16(p[4:]),
				Seq:  binary.BigEndian.Uint64(p[8:]),
				Sent: Stamp(binary.BigEndian.Uint64(p[16:])),
			}, true
		}
	}
	return Header{}, false
}
