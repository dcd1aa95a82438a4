package nic

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A packet socket copies, it doesn't take: with the bond's address on a slave
// the host's own stack would answer on it too. Sockets are served before the
// ingress hook, the stack behind it: a drop there is what makes the NIC ours.

// Verdicts of a classifier in direct-action mode (linux/pkt_cls.h).
const (
	verdictNext = 0xffffffff // TC_ACT_UNSPEC
	verdictDrop = 2          // TC_ACT_SHOT
)

// stackTypes are the ethertypes a host's IP stack takes, and the VLAN tags it
// would look behind. Everything else passes: LLDP, EAPOL, PTP and their
// daemons work on a slave as on any NIC.
var stackTypes = []uint32{unix.ETH_P_IP, unix.ETH_P_ARP, unix.ETH_P_IPV6, unix.ETH_P_8021Q, unix.ETH_P_8021AD, unix.ETH_P_QINQ1}

func isolationProgram() ([]bpf.RawInstruction, error) {
	n := len(stackTypes)
	prog := []bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: uint8(n + 2)},
		bpf.LoadAbsolute{Off: 12, Size: 2},
	}
	for i, t := range stackTypes {
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: uint8(n - i)})
	}
	prog = append(prog, bpf.RetConstant{Val: verdictNext}, bpf.RetConstant{Val: verdictDrop})
	return bpf.Assemble(prog)
}

// Isolate keeps the host's IP stack from hearing what arrives on an interface
// of the caller's network namespace. A filter that a process of ours left is
// replaced.
func Isolate(index int) (*Hook, error) {
	prog, err := isolationProgram()
	if err != nil {
		return nil, err
	}
	h := &Hook{what: "isolation", index: index, parent: ingress, filter: classic(prog)}
	return h, h.attach()
}

// IsolateBy does the same with a program that drops what Isolate's does, or
// makes better use of it. The descriptor is used by Mend too.
func IsolateBy(index, program int) (*Hook, error) {
	h := &Hook{what: "isolation", index: index, parent: ingress, filter: loaded(program)}
	return h, h.attach()
}

// HookOut has a program see what is sent on an interface, before its queues. One
// that a process of ours left is replaced. The descriptor is used by Mend too.
func HookOut(index, program int) (*Hook, error) {
	h := &Hook{what: "egress hook", index: index, parent: egress, filter: loaded(program)}
	return h, h.attach()
}
