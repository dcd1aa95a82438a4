package partner

import (
	"encoding/binary"
	"fmt"
)

// Bits of a port's state.
const (
	Activity   = 1 << iota // 0x01
	Timeout                // 0x02: short
	Aggregate              // 0x04
	Sync                   // 0x08
	Collect                // 0x10
	Distribute             // 0x20
	Defaulted              // 0x40
	Expired                // 0x80
)

// Info is one end's part of a LACPDU.
type Info struct {
	SystemPriority uint16
	System         [6]byte
	Key            uint16
	PortPriority   uint16
	Port           uint16
	State          uint8
}

// Has reports whether all of the bits are set.
func (i Info) Has(bits uint8) bool { return i.State&bits == bits }

// String is the whole of it, the state in letters.
func (i Info) String() string {
	state := []byte("--------")
	for n := range state {
		if i.State&(1<<n) != 0 {
			state[n] = "ATGSCDFE"[n]
		}
	}
	return fmt.Sprintf("%d/%x key %d port %d/%d %s", i.SystemPriority, i.System, i.Key, i.PortPriority, i.Port, state)
}

// Frame is a LACPDU on the wire, without FCS. Offsets are those of the frame.
type Frame []byte

// Offsets into a frame that tests tamper with.
const (
	OffDestination = 0
	OffSource      = 6
	OffEtherType   = 12
	OffSubtype     = 14
	OffVersion     = 15
	OffActor       = 16 // type, length, information
	OffPartner     = 36
	OffCollector   = 56
	OffTerminator  = 72
	FrameLen       = 124
)

// SlowMAC is the Slow Protocols address.
var SlowMAC = [6]byte{0x01, 0x80, 0xc2, 0, 0, 2}

// LACPDU makes a frame that is right in everything.
func LACPDU(src [6]byte, actor, partner Info) Frame {
	f := header(src, 1)
	f[OffVersion] = 1
	put(f[OffActor:], 1, actor)
	put(f[OffPartner:], 2, partner)
	f[OffCollector], f[OffCollector+1] = 3, 16
	return f
}

// Marker makes a Marker PDU of a type, 1 asks and 2 answers.
func Marker(src [6]byte, typ uint8, port uint16, system [6]byte, transaction uint32) Frame {
	f := header(src, 2)
	f[OffVersion] = 1
	f[16], f[17] = typ, 16
	binary.BigEndian.PutUint16(f[18:], port)
	copy(f[20:], system[:])
	binary.BigEndian.PutUint32(f[26:], transaction)
	return f
}

func header(src [6]byte, subtype byte) Frame {
	f := make(Frame, FrameLen)
	copy(f, SlowMAC[:])
	copy(f[OffSource:], src[:])
	f[OffEtherType], f[OffEtherType+1], f[OffSubtype] = 0x88, 0x09, subtype
	return f
}

func put(b []byte, typ byte, i Info) {
	b[0], b[1] = typ, 20
	binary.BigEndian.PutUint16(b[2:], i.SystemPriority)
	copy(b[4:], i.System[:])
	binary.BigEndian.PutUint16(b[10:], i.Key)
	binary.BigEndian.PutUint16(b[12:], i.PortPriority)
	binary.BigEndian.PutUint16(b[14:], i.Port)
	b[16] = i.State
}

func get(b []byte) Info {
	i := Info{
		SystemPriority: binary.BigEndian.Uint16(b[2:]), Key: binary.BigEndian.Uint16(b[10:]),
		PortPriority: binary.BigEndian.Uint16(b[12:]), Port: binary.BigEndian.Uint16(b[14:]), State: b[16],
	}
	copy(i.System[:], b[4:])
	return i
}

// Actor is who sent a LACPDU.
func (f Frame) Actor() Info { return get(f[OffActor:]) }

// Partner is whom the sender believes to speak to.
func (f Frame) Partner() Info { return get(f[OffPartner:]) }

// IsLACP reports whether it is a LACPDU of full length, IsMarker likewise.
func (f Frame) IsLACP() bool { return f.isSlow(1) }

// IsMarker reports whether it is a Marker PDU of full length.
func (f Frame) IsMarker() bool { return f.isSlow(2) }

func (f Frame) isSlow(subtype byte) bool {
	return len(f) >= FrameLen && f[OffEtherType] == 0x88 && f[OffEtherType+1] == 0x09 && f[OffSubtype] == subtype
}

// Tagged returns the frame with a VLAN tag in it.
func (f Frame) Tagged(tci uint16) Frame {
	out := append(Frame{}, f[:12]...)
	out = append(out, 0x81, 0)
	out = binary.BigEndian.AppendUint16(out, tci)
	return append(out, f[12:]...)
}

// With returns a copy with octets of it replaced.
func (f Frame) With(offset int, octets ...byte) Frame {
	out := append(Frame{}, f...)
	copy(out[offset:], octets)
	return out
}
