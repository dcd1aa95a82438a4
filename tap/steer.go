package tap

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/privilege"
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

// steering is the program: a frame with a queue mapping of its own goes to that
// queue if it is one of ids; the others are spread over ordinary, a flow always
// to the same one. A mapping counts from one in the frame: none is 0.
func steering(ids []uint16, ordinary []uint16) asm.Instructions {
	prog := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R0, asm.R6, skbQueueMapping, asm.Word),
		asm.JEq.Imm(asm.R0, 0, "spread"),
		asm.Sub.Imm(asm.R0, 1),
	}
	for _, id := range ids {
		prog = append(prog, asm.JEq.Imm(asm.R0, int32(id), "chosen"))
	}
	prog = append(prog,
		asm.LoadMem(asm.R1, asm.R6, skbHash, asm.Word).WithSymbol("spread"),
		asm.Mod.Imm32(asm.R1, int32(len(ordinary))),
	)
	for i, q := range ordinary {
		prog = append(prog, asm.Mov.Imm(asm.R0, int32(q)), asm.JEq.Imm(asm.R1, int32(i), "chosen"))
	}
	return append(prog, asm.Return().WithSymbol("chosen"))
}

// loadProgram gives a program to the kernel.
func loadProgram(kind ebpf.ProgramType, prog asm.Instructions) (*ebpf.Program, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "tapbond_steer", Type: kind, Instructions: prog, License: "Dual MIT/GPL"})
	if errors.Is(err, unix.EPERM) {
		err = unix.EPERM // the library guesses at reasons
	}
	if err != nil {
		return nil, privilege.Explain(fmt.Errorf("load program: %w", err), privilege.BPF)
	}
	return p, nil
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
		p, err := loadProgram(ebpf.SocketFilter, steering(ids, ordinary))
		if err != nil {
			return fmt.Errorf("tap %s: steer queues: %w", d.name, err)
		}
		defer p.Close() // the TAP keeps it
		fd = p.FD()
	}
	err := d.control(func(tap int) error { return unix.IoctlSetPointerInt(tap, unix.TUNSETSTEERINGEBPF, fd) })
	if err != nil {
		return fmt.Errorf("tap %s: TUNSETSTEERINGEBPF: %w", d.name, err)
	}
	return nil
}
