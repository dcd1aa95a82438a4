package traffic

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// A numbered payload, network byte order:
//
//	 0  magic, 4 octets
//	 4  flow, 2 octets
//	 6  length of the payload, 2 octets
//	 8  sequence number, 8 octets
//	16  time of sending (Stamp), 8 octets
//	24  pattern, derived from the fields above, to the end
const (
	// HeaderLen is the length of what precedes the pattern.
	HeaderLen = 24
	// MinPayload leaves eight octets of pattern: enough to notice any damage
	// to the header.
	MinPayload = HeaderLen + 8
	// MaxPayload is the largest payload of an IPv4 UDP datagram.
	MaxPayload = 65507

	magic = 0x74620d9f
)

// Header is the numbered part of a payload.
type Header struct {
	Flow uint16
	Seq  uint64
	Sent Stamp
}

// PutPayload fills b, MinPayload to 65535 octets, with h and its pattern.
func PutPayload(b []byte, h Header) {
	binary.BigEndian.PutUint32(b, magic)
	binary.BigEndian.PutUint16(b[4:], h.Flow)
	binary.BigEndian.PutUint16(b[6:], uint16(len(b)))
	binary.BigEndian.PutUint64(b[8:], h.Seq)
	binary.BigEndian.PutUint64(b[16:], uint64(h.Sent))
	x := seed(h, len(b))
	p := b[HeaderLen:]
	for ; len(p) >= 8; p = p[8:] {
		x += golden
		binary.BigEndian.PutUint64(p, mix(x))
	}
	for i := range p {
		x += golden
		p[i] = byte(mix(x))
	}
}

// ParsePayload returns the header of a payload and whether every octet of it
// is as it was sent. A payload without our magic is not intact.
func ParsePayload(b []byte) (h Header, intact bool) {
	if len(b) < MinPayload || binary.BigEndian.Uint32(b) != magic {
		return Header{}, false
	}
	h = Header{
		Flow: binary.BigEndian.Uint16(b[4:]),
		Seq:  binary.BigEndian.Uint64(b[8:]),
		Sent: Stamp(binary.BigEndian.Uint64(b[16:])),
	}
	if int(binary.BigEndian.Uint16(b[6:])) != len(b) {
		return h, false
	}
	x := seed(h, len(b))
	p := b[HeaderLen:]
	for ; len(p) >= 8; p = p[8:] {
		x += golden
		if binary.BigEndian.Uint64(p) != mix(x) {
			return h, false
		}
	}
	for i := range p {
		x += golden
		if p[i] != byte(mix(x)) {
			return h, false
		}
	}
	return h, true
}

// The pattern is the splitmix64 sequence from a seed that depends on every
// field of the header.

const golden = 0x9e3779b97f4a7c15

func seed(h Header, length int) uint64 {
	x := mix(h.Seq + golden)
	x = mix(x ^ uint64(h.Sent))
	return mix(x ^ uint64(h.Flow)<<32 ^ uint64(length))
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// AnyFlow makes Match find every flow.
const AnyFlow = -1

// Match is a socket filter for Ethernet frames that carry a numbered payload
// of a flow, or of AnyFlow, in UDP over IPv4 without options or IPv6 without
// extension headers, inline VLAN tags excepted. It returns the frame's length,
// or 0.
func Match(flow int) []bpf.Instruction {
	const (
		ethIPv4, ethIPv6 = 0x0800, 0x86dd
		udp4, udp6       = 14 + 20 + 8, 14 + 40 + 8
	)
	// Each stage jumps to the last instruction (accept none) when it fails.
	program := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: ethIPv6, SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: ethIPv4}, // patched
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
		bpf.LoadConstant{Dst: bpf.RegX, Val: udp4},
		bpf.Jump{Skip: 2},
		bpf.LoadAbsolute{Off: 14 + 6, Size: 1},
		bpf.LoadConstant{Dst: bpf.RegX, Val: udp6},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 17}, // patched
		bpf.LoadIndirect{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: magic}, // patched
	}
	if flow >= 0 {
		program = append(program,
			bpf.LoadIndirect{Off: 4, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(flow)}) // patched
	}
	program = append(program, bpf.RetConstant{Val: 0x40000}, bpf.RetConstant{Val: 0})
	last := len(program) - 1
	for i, in := range program {
		if j, ok := in.(bpf.JumpIf); ok && j.Cond == bpf.JumpNotEqual {
			j.SkipTrue = uint8(last - i - 1)
			program[i] = j
		}
	}
	return program
}
