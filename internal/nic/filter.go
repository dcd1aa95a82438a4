package nic

import "golang.org/x/net/bpf"

// Filter says what a ControlPort receives. The zero Filter lets nothing
// through: the port is for sending.
type Filter struct {
	// EtherTypes are those of the outer tag's inside, for tagged frames.
	EtherTypes []uint16
	// Neighbours: ARP, and the solicitations and advertisements of IPv6 that
	// have no extension headers; behind a second tag, too.
	Neighbours bool
}

const (
	reject  = 0
	accept  = 1 << 18 // octets of the frame: more than any has
	nextHdr = 14 + 6  // of IPv6, without a tag
	icmp6   = 14 + 40
)

// program is the filter for the kernel, which has taken the outer tag away.
func (f Filter) program() []bpf.Instruction {
	if len(f.EtherTypes) == 0 && !f.Neighbours {
		return []bpf.Instruction{bpf.RetConstant{Val: reject}}
	}
	var tail []bpf.Instruction
	if f.Neighbours {
		tail = []bpf.Instruction{
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: 3},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: 2},
			bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
			bpf.Jump{Skip: 2},
			bpf.LoadConstant{Dst: bpf.RegX, Val: 4}, // what a tag moves the rest by
			bpf.LoadAbsolute{Off: 16, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipTrue: 7},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipFalse: 5},
			bpf.LoadIndirect{Off: nextHdr, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipFalse: 3},
			bpf.LoadIndirect{Off: icmp6, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 135, SkipTrue: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 136, SkipTrue: 1},
		}
	}
	tail = append(tail, bpf.RetConstant{Val: reject}, bpf.RetConstant{Val: accept})
	// A jump reaches 255 instructions; nobody has that many protocols.
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 2}}
	for i, t := range f.EtherTypes {
		left := len(f.EtherTypes) - 1 - i + len(tail) - 1
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(t), SkipTrue: uint8(left)})
	}
	return append(prog, tail...)
}
