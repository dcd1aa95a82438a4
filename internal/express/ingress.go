package express

import "github.com/cilium/ebpf/asm"

// ingress is the program on the ingress hook of the slave in a seat. IP and ARP go to
// the bond's TAP as if it had arrived there, by the receive rules, with the VLAN
// tag that the kernel keeps beside it, if it had one; what else the host's stack
// would take is dropped, as the plain isolation does: the sockets have had it.
//
// Registers: r6 the context, r7 the table, r8 the seat, r9 the ethertype, then the
// side on which copies are looked for, 0 for none.
func ingress(state, counters, copies, cpus, bond, seat int) asm.Instructions {
	c := &code{}
	c.add(asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R2, 0))
	c.load(stackEther, etherLen, "next")
	c.add(
		asm.LoadMem(asm.R9, asm.RFP, stackEther+12, asm.Half),
		asm.JEq.Imm(asm.R9, wireIPv4, "ip"),
		asm.JEq.Imm(asm.R9, wireIPv6, "ip"),
		asm.JEq.Imm(asm.R9, wireARP, "ip"),
		asm.JEq.Imm(asm.R9, wire8021Q, "drop"),
		asm.JEq.Imm(asm.R9, wire8021AD, "drop"),
		asm.JEq.Imm(asm.R9, wireQinQ, "drop"),
		asm.LoadMem(asm.R1, asm.R6, skbVLANPresent, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "drop"),
	)
	c.at("next")
	c.ret(verdictNext)

	c.at("ip")
	c.add(asm.Mov.Imm(asm.R8, int32(seat)))
	c.counterLine(asm.R8, counters, cpus, "drop")
	c.currentTable(asm.R7, state)
	c.add(
		asm.LoadMem(asm.R1, asm.R7, tableUp, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "down"),
		asm.LoadMem(asm.R9, asm.R7, int16(tableRules+seat), asm.Byte),
		asm.Mov.Reg(asm.R1, asm.R9),
		asm.And.Imm(asm.R1, sideBit-1),
		asm.RSh.Imm(asm.R9, sideShift),
		asm.JEq.Imm(asm.R1, int32(Inactive), "inactive"),
		asm.JNE.Imm(asm.R1, int32(Drain), "source"),
		asm.JNE.Imm(asm.R9, 0, "source"), // of broadcasts, too, one copy is delivered
		asm.LoadMem(asm.R1, asm.RFP, stackEther, asm.Byte),
		asm.And.Imm(asm.R1, 1),
		asm.JNE.Imm(asm.R1, 0, "inactive"),
	)
	c.at("source")
	for at := int16(0); at < 6; at += 2 {
		c.add(
			asm.LoadMem(asm.R1, asm.RFP, stackEther+6+at, asm.Half),
			asm.LoadMem(asm.R2, asm.R7, tableMAC+at, asm.Half),
			asm.JNE.Reg(asm.R1, asm.R2, "deliver"),
		)
	}
	c.add(
		asm.JEq.Imm(asm.R9, 0, "own"),
		asm.LoadMem(asm.R1, asm.R7, int16(tableRules+seat), asm.Byte),
		asm.And.Imm(asm.R1, sideBit-1),
		asm.JEq.Imm(asm.R1, int32(Drain), "inactive"), // flooded by the new active slave's switch
	)
	c.at("own")
	c.bump(countOwn, one)
	c.at("drop")
	c.ret(verdictDrop)
	c.at("down")
	c.bump(countBondDown, one)
	c.ret(verdictDrop)
	c.at("inactive")
	c.bump(countInactive, one)
	c.ret(verdictDrop)

	c.at("deliver")
	c.add(asm.JEq.Imm(asm.R9, 0, "redirect"))
	c.dropCopies(copies, "redirect")
	c.at("redirect")
	c.add(asm.LoadMem(asm.R2, asm.R6, skbLen, asm.Word))
	c.bump(countRxFrames, one)
	c.bump(countRxOctets, asm.R2)
	c.add(asm.Mov.Imm(asm.R1, int32(bond)))
	c.redirect(ingressFlag)
	return c.ins
}
