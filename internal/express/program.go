package express

import "github.com/cilium/ebpf/asm"

// Verdicts of a classifier in direct-action mode (linux/pkt_cls.h).
const (
	verdictNext = -1 // TC_ACT_UNSPEC: as if the program weren't there
	verdictDrop = 2  // TC_ACT_SHOT
)

// Fields of struct __sk_buff.
const (
	skbLen         = 0
	skbVLANPresent = 20
)

// Where the programs keep what they look at, on the stack. The two headers are
// apart, as words are read from both.
const (
	stackEther = -16 // 14 octets
	stackIP    = -56 // up to 40
	stackL4    = -64 // up to 8
	stackTable = -72 // the table in force
	stackBkt   = -80 // the flow's bucket
	stackL3    = -88 // where the IP header is in the frame

	etherLen = 14
)

// Ethertypes as a program reads them, in network order, on what New takes: a
// little-endian processor.
const (
	wireIPv4 = 0x0008
	wireIPv6 = 0xdd86
	wireARP  = 0x0608
)

// Ethertypes of VLAN tags, 802.1Q's, 802.1ad's and one of old.
const (
	wire8021Q  = 0x0081
	wire8021AD = 0xa888
	wireQinQ   = 0x0091
)

// code is a program being written.
type code struct {
	ins   asm.Instructions
	label string
}

func (c *code) add(ins ...asm.Instruction) {
	for _, i := range ins {
		if c.label != "" {
			i = i.WithSymbol(c.label)
			c.label = ""
		}
		c.ins = append(c.ins, i)
	}
}

// at names the next instruction.
func (c *code) at(label string) {
	if c.label != "" { // two names for one place
		c.add(asm.Ja.Label(label))
	}
	c.label = label
}

// load copies n octets of the frame from offset r2 to the stack, and goes to
// label when the frame is shorter. r6 is the context.
func (c *code) load(to int32, n int32, short string) {
	c.add(
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, to),
		asm.Mov.Imm(asm.R4, n),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, short),
	)
}

// currentTable leaves in dst the table in force; it uses r1.
func (c *code) currentTable(dst asm.Register, state int) {
	c.add(
		asm.LoadMapValue(dst, state, 0),
		asm.LoadMem(asm.R1, dst, stateCurrent, asm.Word),
		asm.And.Imm(asm.R1, numTables-1),
		asm.LSh.Imm(asm.R1, tableShift),
		asm.Add.Reg(dst, asm.R1),
		asm.Add.Imm(dst, stateTables),
	)
}

// counterLine leaves in r0 the line of this processor's counters for a seat: the
// one in seat, which is spoilt. Without such a line it goes to label none.
func (c *code) counterLine(seat asm.Register, counters, cpus int, none string) {
	c.add(
		asm.FnGetSmpProcessorId.Call(),
		asm.JGE.Imm(asm.R0, int32(cpus), none),
		asm.LSh.Imm(asm.R0, cpuShift),
		asm.And.Imm(seat, Seats-1),
		asm.LSh.Imm(seat, counterShift),
		asm.Add.Reg(seat, asm.R0),
		asm.LoadMapValue(asm.R0, counters, 0),
		asm.Add.Reg(asm.R0, seat),
	)
}

// bump adds src, or one, to a counter of the line in r0; it uses r1.
func (c *code) bump(counter int16, src asm.Register) {
	c.add(asm.LoadMem(asm.R1, asm.R0, counter, asm.DWord))
	if src == asm.R0 {
		c.add(asm.Add.Imm(asm.R1, 1))
	} else {
		c.add(asm.Add.Reg(asm.R1, src))
	}
	c.add(asm.StoreMem(asm.R0, counter, asm.R1, asm.DWord))
}

// one is what bump adds where no register is given.
const one = asm.R0

func (c *code) ret(verdict int32) { c.add(asm.Mov.Imm(asm.R0, verdict), asm.Return()) }

const ingressFlag = 1 // BPF_F_INGRESS

// redirect ends the program: the frame goes to the interface in r1.
func (c *code) redirect(flags int32) {
	c.add(asm.Mov.Imm(asm.R2, flags), asm.FnRedirect.Call(), asm.Return())
}
