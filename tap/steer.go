package tap

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel gives a TAP's frames to its queues by their flow. Frames that
// somebody gave a queue of their own (tc's skbedit queue_mapping, or the queue
// they came in on when they are forwarded) are found again by a program in
// front of that choice, at the very place where the bonding driver chooses.

// Fields of struct __sk_buff.
const (
	skbQueueMapping = 12
	skbHash         = 68
)

// insn is one instruction of eBPF (linux/bpf.h).
type insn struct {
	op       byte
	dst, src byte
	off      int16
	imm      int32
}

// Opcodes.
const (
	jne      = 0x50                                     // BPF_JNE, which the package lacks
	opLoad   = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W // dst = *(u32 *)(src + off)
	opMovImm = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	opMovReg = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	opSub    = unix.BPF_ALU64 | unix.BPF_SUB | unix.BPF_K
	opMod    = unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K // of 32 bits
	opJumpEq = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opJumpNe = unix.BPF_JMP | jne | unix.BPF_K
	opExit   = unix.BPF_JMP | unix.BPF_EXIT
)

// steering is the program: a frame with a queue mapping of its own goes to that
// queue if it is one of ids; the others are spread over ordinary, a flow always
// to the same one. A mapping counts from one in the frame: none is 0.
func steering(ids []uint16, ordinary []uint16) []insn {
	prog := []insn{
		{op: opMovReg, dst: 6, src: 1},
		{op: opLoad, dst: 0, src: 6, off: skbQueueMapping},
		{op: opJumpEq, dst: 0, off: int16(2*len(ids) + 1)},
		{op: opSub, dst: 0, imm: 1},
	}
	for _, id := range ids {
		prog = append(prog, insn{op: opJumpNe, dst: 0, imm: int32(id), off: 1}, insn{op: opExit})
	}
	prog = append(prog, insn{op: opLoad, dst: 1, src: 6, off: skbHash}, insn{op: opMod, dst: 1, imm: int32(len(ordinary))})
	for i, q := range ordinary {
		prog = append(prog, insn{op: opMovImm, dst: 0, imm: int32(q)}, insn{op: opJumpNe, dst: 1, imm: int32(i), off: 1}, insn{op: opExit})
	}
	return append(prog, insn{op: opExit}) // the last one's, for a verifier that can't know
}

// encode is the kernel's form.
func encode(prog []insn) []byte {
	b := make([]byte, 0, 8*len(prog))
	for _, i := range prog {
		b = append(b, i.op, i.dst|i.src<<4)
		b = binary.NativeEndian.AppendUint16(b, uint16(i.off))
		b = binary.NativeEndian.AppendUint32(b, uint32(i.imm))
	}
	return b
}

// loadProgram gives a program to the kernel and returns its descriptor.
func loadProgram(kind uint32, prog []insn) (int, error) {
	code := encode(prog)
	license := []byte("Dual MIT/GPL\x00")
	var attr struct { // union bpf_attr, the part of BPF_PROG_LOAD
		kind, count   uint32
		code, license uint64
		rest          [12]uint64
	}
	attr.kind, attr.count = kind, uint32(len(prog))
	attr.code = uint64(uintptr(unsafe.Pointer(&code[0])))
	attr.license = uint64(uintptr(unsafe.Pointer(&license[0])))
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	if errno != 0 {
		return -1, fmt.Errorf("load program: %w", errno)
	}
	return int(fd), nil
}

// Steer implements Device.
func (d *device) Steer(ids []uint16) error {
	fd := -1
	if len(ids) > 0 {
		var ordinary []uint16
		for q := range uint16(d.base) {
			if !slices.Contains(ids, q) {
				ordinary = append(ordinary, q)
			}
		}
		var err error
		if fd, err = loadProgram(unix.BPF_PROG_TYPE_SOCKET_FILTER, steering(ids, ordinary)); err != nil {
			return fmt.Errorf("tap %s: steer queues: %w", d.name, err)
		}
		defer unix.Close(fd) // the TAP keeps it
	}
	err := d.control(func(tap int) error { return unix.IoctlSetPointerInt(tap, unix.TUNSETSTEERINGEBPF, fd) })
	if err != nil {
		return fmt.Errorf("tap %s: TUNSETSTEERINGEBPF: %w", d.name, err)
	}
	return nil
}
