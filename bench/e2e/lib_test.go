package e2e

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/net/bpf"
)

// isBPDU matches frames to the bridge group address.
func isBPDU() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0x0180c200, SkipTrue: 3},
		bpf.LoadAbsolute{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: 1},
		bpf.RetConstant{Val: 0},
	}
}

// slowDown limits an interface of the caller's namespace to bits a second.
func slowDown(ifname string, bits uint64) error {
	l, err := netlink.LinkByName(ifname)
	if err != nil {
		return err
	}
	return netlink.QdiscReplace(&netlink.Tbf{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
		Rate:       bits / 8,
		Limit:      20_000,
		Buffer:     netlink.Xmittime(bits/8, 10_000),
	})
}
