package express

import (
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// While the active role moves, frames may arrive on two slaves. Of each the first is
// delivered: a map has what was, by a hash of the frame's beginning, and which side
// delivered it. A copy takes its entry away, so that equal frames that a host sends
// are as many as one slave received. Super-frames that two NICs put together
// differently aren't known as copies; TCP drops what it has.

const (
	// copyEntries is how many frames are remembered; more push out the oldest.
	copyEntries = 8192
	// copyLife is how far apart two slaves' copies of a frame are.
	copyLife = 200 * time.Millisecond
	// copyPrime is FNV's.
	copyPrime = 0x100000001b3

	stackCopy    = -192 // the beginning of what follows the Ethernet header
	stackCopyLen = 96
	stackKey     = -200
	stackValue   = -216 // side, then the time in ns

	mapAny     = 0 // BPF_ANY
	mapNoExist = 1 // BPF_NOEXIST
)

// copyLengths are tried in turn: the header of ARP, and of IP with ever more of what
// is in it.
var copyLengths = []int32{stackCopyLen, 64, 40, 28}

func newCopies() (*ebpf.Map, error) {
	return ebpf.NewMap(&ebpf.MapSpec{Name: "tapbond_copies", Type: ebpf.LRUHash, KeySize: 8, ValueSize: 16, MaxEntries: copyEntries})
}

// dropCopies goes on at label first with a frame that no other slave delivered. It
// expects the table in r7, the counters' line in r0 and the side in r9, and keeps
// them; it uses r8.
func (c *code) dropCopies(copies int, first string) {
	c.add(asm.Mov.Reg(asm.R8, asm.R0), asm.Mov.Imm(asm.R1, 0))
	for at := int16(0); at < stackCopyLen; at += 8 {
		c.add(asm.StoreMem(asm.RFP, stackCopy+at, asm.R1, asm.DWord))
	}
	for i, n := range copyLengths {
		shorter := "first"
		if i+1 < len(copyLengths) {
			shorter = "shorter" + string(rune('0'+i))
		}
		c.add(asm.Mov.Imm(asm.R2, etherLen))
		c.load(stackCopy, n, shorter)
		c.add(asm.Ja.Label("hash"))
		if shorter != "first" {
			c.at(shorter)
		}
	}
	c.at("hash")
	c.add(
		asm.LoadMem(asm.R1, asm.R7, tableSeed, asm.DWord),
		asm.LoadImm(asm.R3, copyPrime, asm.DWord),
	)
	for at := int16(0); at < stackCopyLen; at += 8 {
		c.add(
			asm.LoadMem(asm.R2, asm.RFP, stackCopy+at, asm.DWord),
			asm.Xor.Reg(asm.R1, asm.R2),
			asm.Mul.Reg(asm.R1, asm.R3),
			asm.Mov.Reg(asm.R2, asm.R1),
			asm.RSh.Imm(asm.R2, 29),
			asm.Xor.Reg(asm.R1, asm.R2),
		)
	}
	c.add(
		asm.StoreMem(asm.RFP, stackKey, asm.R1, asm.DWord),
		asm.StoreMem(asm.RFP, stackValue, asm.R9, asm.DWord),
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(asm.RFP, stackValue+8, asm.R0, asm.DWord),
	)
	c.updateCopy(copies, mapNoExist)
	c.add(asm.JEq.Imm(asm.R0, 0, "first"))
	c.copyKey(copies)
	c.add(
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "first"),
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.JEq.Reg(asm.R1, asm.R9, "first"), // a host sent it twice
		asm.LoadMem(asm.R1, asm.R0, 8, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, stackValue+8, asm.DWord),
		asm.Sub.Reg(asm.R2, asm.R1),
		asm.JSGT.Imm(asm.R2, int32(copyLife), "late"),
	)
	c.copyKey(copies)
	c.add(asm.FnMapDeleteElem.Call(), asm.Mov.Reg(asm.R0, asm.R8))
	c.bump(countDuplicate, one)
	c.ret(verdictDrop)
	c.at("late")
	c.updateCopy(copies, mapAny)
	c.at("first")
	c.add(asm.Mov.Reg(asm.R0, asm.R8), asm.Ja.Label(first))
}

// copyKey has r1 and r2 say which entry is meant.
func (c *code) copyKey(copies int) {
	c.add(
		asm.LoadMapPtr(asm.R1, copies),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, stackKey),
	)
}

func (c *code) updateCopy(copies int, flags int32) {
	c.copyKey(copies)
	c.add(
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stackValue),
		asm.Mov.Imm(asm.R4, flags),
		asm.FnMapUpdateElem.Call(),
	)
}
