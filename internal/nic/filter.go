package nic

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Filter says what a ControlPort receives. The zero Filter lets nothing
// through: the port is for sending.
type Filter struct {
	// EtherTypes are those of the outer tag's inside, for tagged frames.
	EtherTypes []uint16
	// Tags takes EtherTypes behind up to two inner tags, too. It goes without
	// Neighbours.
	Tags bool
	// Neighbours: ARP, and the solicitations and advertisements of IPv6 that
	// have no extension headers; behind a second tag, too.
	Neighbours bool
	// Of takes of Neighbours those alone that are from, to or after one of these
	// addresses, of which there may be 40; of IPv6 by its last 32 or 24 bits. Nil
	// takes all.
	Of []netip.Addr
}

const (
	reject = 0
	accept = 1 << 18 // octets of the frame: more than any has

	// Where things are in a frame without a tag.
	arpSender = 14 + 14
	arpTarget = 14 + 24
	nextHdr   = 14 + 6
	ip6Source = 14 + 8 + 12 // the last word
	ip6Dest   = 14 + 24 + 12
	icmp6     = 14 + 40
)

// empty: nothing is let through.
func (f Filter) empty() bool { return len(f.EtherTypes) == 0 && !f.Neighbours }

// program is the filter for the kernel, which has taken the outer tag away.
func (f Filter) program() []bpf.Instruction {
	tail := []bpf.Instruction{bpf.RetConstant{Val: reject}}
	if f.Neighbours {
		tail = append(f.neighbours(), tail...)
	}
	if f.empty() {
		return tail
	}
	if f.Tags {
		return f.behindTags()
	}
	tail = append(tail, bpf.RetConstant{Val: accept})
	// A jump reaches 255 instructions; nobody has that many protocols.
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 2}}
	for i, t := range f.EtherTypes {
		left := len(f.EtherTypes) - 1 - i + len(tail) - 1
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(t), SkipTrue: uint8(left)})
	}
	return append(prog, tail...)
}

// behindTags is the program that looks for the EtherTypes behind each tag.
func (f Filter) behindTags() []bpf.Instruction {
	const innerTags = 2
	var prog []bpf.Instruction
	n := len(f.EtherTypes)
	for level := range innerTags + 1 {
		last := level == innerTags
		toAccept := n + 3 // from the first comparison
		if last {
			toAccept = n
		}
		prog = append(prog, bpf.LoadAbsolute{Off: uint32(12 + 4*level), Size: 2})
		for i, t := range f.EtherTypes {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(t), SkipTrue: uint8(toAccept - i)})
		}
		if !last {
			prog = append(prog,
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: 1},
				bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipFalse: 1},
				bpf.Jump{Skip: 2}, // to the next level
			)
		}
		prog = append(prog, bpf.RetConstant{Val: reject}, bpf.RetConstant{Val: accept})
	}
	return prog
}

// neighbours goes on behind itself with what is neither ARP nor ND.
func (f Filter) neighbours() []bpf.Instruction {
	var v4, v6, groups []uint32
	for _, a := range f.Of {
		b := a.As16()
		word := binary.BigEndian.Uint32(b[12:])
		if a.Is4() {
			v4 = append(v4, word)
		} else {
			v6, groups = append(v6, word), append(groups, word|0xff<<24) // ff02::1:ffXX:XXXX
		}
	}
	arp := f.oneOf(arpSender, v4, arpTarget, v4)
	nd := append([]bpf.Instruction{
		bpf.LoadIndirect{Off: nextHdr, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 58, SkipTrue: 1},
		bpf.RetConstant{Val: reject},
		bpf.LoadIndirect{Off: icmp6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 135, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 136, SkipTrue: 1},
		bpf.RetConstant{Val: reject},
	}, f.oneOf(ip6Source, v6, ip6Dest, groups)...)
	prog := []bpf.Instruction{
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x8100, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x88a8, SkipTrue: 2},
		bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		bpf.Jump{Skip: 2},
		bpf.LoadConstant{Dst: bpf.RegX, Val: 4}, // what a tag moves the rest by
		bpf.LoadAbsolute{Off: 16, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0806, SkipFalse: uint8(len(arp))},
	}
	prog = append(prog, arp...)
	prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x86dd, SkipFalse: uint8(len(nd))})
	return append(prog, nd...)
}

// oneOf ends the program: a frame is taken that has one of a's words at one
// place or one of b's at the other, or any if the filter isn't of addresses.
func (f Filter) oneOf(at uint32, a []uint32, bt uint32, b []uint32) []bpf.Instruction {
	if f.Of == nil {
		return []bpf.Instruction{bpf.RetConstant{Val: accept}}
	}
	prog := slices.Concat(match(at, a), match(bt, b))
	return append(prog, bpf.RetConstant{Val: reject})
}

// match takes a frame with one of the words at a place, and goes on behind
// itself with the others.
func match(at uint32, words []uint32) []bpf.Instruction {
	if len(words) == 0 {
		return nil
	}
	prog := []bpf.Instruction{bpf.LoadIndirect{Off: at, Size: 4}}
	for i, w := range words {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: w, SkipTrue: uint8(len(words) - i)})
	}
	return append(prog, bpf.Jump{Skip: 1}, bpf.RetConstant{Val: accept})
}

// program is the data socket's filter, nil for none. The kernel has taken the
// outer tag away.
func (o Options) program() []bpf.Instruction {
	if !o.LeaveIP && !o.LeaveLACP {
		return nil
	}
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: 12, Size: 2}}
	rest := []bpf.Instruction{bpf.RetConstant{Val: accept}}
	if o.LeaveLACP {
		rest = butLACP()
	}
	if o.LeaveIP {
		types := []uint32{unix.ETH_P_IP, unix.ETH_P_ARP, unix.ETH_P_IPV6}
		for i, t := range types {
			prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: uint8(len(types) - 1 - i + len(rest))})
		}
	}
	return append(append(prog, rest...), bpf.RetConstant{Val: reject})
}

// butLACP goes on with the EtherType and takes all but Slow Protocols that aren't
// Markers, with an inner tag or without. A RetConstant that rejects is to follow.
func butLACP() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadConstant{Dst: bpf.RegX, Val: 0},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: slowProtocols, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021Q, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_8021AD, SkipFalse: 5},
		bpf.LoadAbsolute{Off: 16, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: slowProtocols, SkipFalse: 3},
		bpf.LoadConstant{Dst: bpf.RegX, Val: 4}, // what the tag moves the rest by
		bpf.LoadIndirect{Off: 14, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: subtypeMarker, SkipFalse: 1},
		bpf.RetConstant{Val: accept},
	}
}

const (
	slowProtocols = 0x8809
	subtypeMarker = 2
)
