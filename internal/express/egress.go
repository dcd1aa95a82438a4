package express

import "github.com/cilium/ebpf/asm"

// egress is the program on the TAP's egress hook: it sends a frame on the slave
// that the workers would, or leaves it to them. state and counters are the maps'
// descriptors.
//
// Registers: r6 the context, r7 the addresses folded to a word and then the hash
// of layer2+3, r8 the ports and then the hash of layer3+4, r9 the hash of layer2.
func egress(state, counters, cpus int) asm.Instructions {
	c := &code{}
	c.add(asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R2, 0))
	c.load(stackEther, etherLen, "workers")
	c.untag()
	c.add(
		asm.StoreMem(asm.RFP, stackL3, asm.R8, asm.DWord),
		asm.JEq.Imm(asm.R9, wireIPv4, "ipv4"),
		asm.JEq.Imm(asm.R9, wireIPv6, "ipv6"),
		asm.JEq.Imm(asm.R9, wireARP, "arp"),
	)
	c.at("workers")
	c.ret(verdictNext)
	c.dissectIPv4()
	c.dissectIPv6()
	c.identifiers()
	c.hashes()
	c.open(state)
	c.send(counters, cpus)
	c.at("leave")
	c.add(
		asm.LoadMem(asm.R2, asm.RFP, stackBkt, asm.DWord),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R2, asm.R1, asm.Word, bucketIn),
	)
	c.ret(verdictNext)
	return c.ins
}

// untag leaves the ethertype in r9 and the offset of what it stands for in r8. The
// outer VLAN tag is looked behind, be it beside the frame or in it.
func (c *code) untag() {
	c.add(
		asm.LoadMem(asm.R9, asm.RFP, stackEther+12, asm.Half),
		asm.Mov.Imm(asm.R8, etherLen),
		asm.LoadMem(asm.R1, asm.R6, skbVLANPresent, asm.Word),
		asm.JNE.Imm(asm.R1, 0, "untagged"), // beside it: one in it is an inner one
		asm.JEq.Imm(asm.R9, wire8021Q, "tagged"),
		asm.JNE.Imm(asm.R9, wire8021AD, "untagged"),
	)
	c.at("tagged")
	c.add(asm.Mov.Imm(asm.R2, etherLen+2))
	c.load(stackL4, 2, "workers")
	c.add(asm.LoadMem(asm.R9, asm.RFP, stackL4, asm.Half), asm.Mov.Imm(asm.R8, etherLen+vlanTag))
	c.at("untagged")
}

// dissectIPv4 goes on at hashes, with fragments, or at ports or echo with r2 the
// offset of what follows the header.
func (c *code) dissectIPv4() {
	c.at("ipv4")
	c.add(asm.Mov.Reg(asm.R2, asm.R8))
	c.load(stackIP, headerIPv4, "workers")
	c.add(
		asm.LoadMem(asm.R7, asm.RFP, stackIP+12, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, stackIP+16, asm.Word),
		asm.Xor.Reg(asm.R7, asm.R1),
		asm.Mov.Imm(asm.R8, 0),
		asm.LoadMem(asm.R1, asm.RFP, stackIP+6, asm.Half), // flags and offset
		asm.And.Imm(asm.R1, 0xff3f),
		asm.JNE.Imm(asm.R1, 0, "hashes"),
		asm.LoadMem(asm.R2, asm.RFP, stackIP, asm.Byte),
		asm.And.Imm(asm.R2, 0xf),
		asm.LSh.Imm(asm.R2, 2),
		asm.LoadMem(asm.R1, asm.RFP, stackL3, asm.DWord),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.LoadMem(asm.R3, asm.RFP, stackIP+9, asm.Byte),
	)
	c.jumpToPorts()
	c.add(asm.JNE.Imm(asm.R3, protoICMP, "hashes"))
	c.load(stackL4, icmpLen, "hashes")
	c.add(asm.LoadMem(asm.R1, asm.RFP, stackL4, asm.Byte))
	for _, typ := range icmpIDs {
		c.add(asm.JEq.Imm(asm.R1, int32(typ), "echo"))
	}
	for _, typ := range icmpErrors {
		c.add(asm.JEq.Imm(asm.R1, int32(typ), "workers"))
	}
	c.add(asm.Ja.Label("hashes"))
}

// jumpToPorts goes on at ports if the protocol in r3 has any, at ah if it has an
// SPI there.
func (c *code) jumpToPorts() {
	for _, proto := range []int32{protoTCP, protoUDP, protoDCCP, protoESP, protoSCTP, protoUDPLite} {
		c.add(asm.JEq.Imm(asm.R3, proto, "ports"))
	}
	c.add(asm.JEq.Imm(asm.R3, protoAH, "ah"))
}

func (c *code) dissectIPv6() {
	c.at("ipv6")
	c.add(asm.Mov.Reg(asm.R2, asm.R8))
	c.load(stackIP, headerIPv6, "workers")
	c.add(asm.LoadMem(asm.R7, asm.RFP, stackIP+8, asm.Word))
	for at := int16(12); at < headerIPv6; at += 4 {
		c.add(asm.LoadMem(asm.R1, asm.RFP, stackIP+at, asm.Word), asm.Xor.Reg(asm.R7, asm.R1))
	}
	c.add(
		asm.Mov.Imm(asm.R8, 0),
		asm.LoadMem(asm.R2, asm.RFP, stackL3, asm.DWord),
		asm.Add.Imm(asm.R2, headerIPv6),
		asm.LoadMem(asm.R3, asm.RFP, stackIP+6, asm.Byte),
	)
	c.jumpToPorts()
	c.add(asm.JNE.Imm(asm.R3, protoICMPv6, "hashes"))
	c.load(stackL4, icmpLen, "hashes")
	c.add(
		asm.LoadMem(asm.R1, asm.RFP, stackL4, asm.Byte),
		asm.JLT.Imm(asm.R1, icmp6Info, "workers"),
		asm.JGT.Imm(asm.R1, icmp6EchoReply, "hashes"),
		asm.Ja.Label("echo"),
	)
}

// identifiers leaves in r8, which was 0, what tells flows of the same addresses
// apart.
func (c *code) identifiers() {
	c.at("ah")
	c.add(asm.Add.Imm(asm.R2, 4))
	c.at("ports")
	c.load(stackL4, portsLen, "hashes")
	c.add(
		asm.LoadMem(asm.R8, asm.RFP, stackL4, asm.Word),
		asm.Ja.Label("hashes"),
	)
	c.at("echo") // type, code and identifier; an identifier of 0 counts as 1
	c.add(
		asm.LoadMem(asm.R8, asm.RFP, stackL4+4, asm.Half),
		asm.HostTo(asm.BE, asm.R8, asm.Half),
		asm.JNE.Imm(asm.R8, 0, "identified"),
		asm.Mov.Imm(asm.R8, 1),
	)
	c.at("identified")
	c.add(
		asm.LSh.Imm(asm.R8, 16),
		asm.LoadMem(asm.R1, asm.RFP, stackL4, asm.Half), // type, and code above it
		asm.Or.Reg(asm.R8, asm.R1),
	)
}

// hashes is policy.Frame.Hash.
func (c *code) hashes() {
	fold := func(r asm.Register) {
		c.add(
			asm.Mov.Reg32(asm.R1, r), asm.RSh.Imm32(asm.R1, 16), asm.Xor.Reg32(r, asm.R1),
			asm.Mov.Reg32(asm.R1, r), asm.RSh.Imm32(asm.R1, 8), asm.Xor.Reg32(r, asm.R1),
		)
	}
	c.at("hashes")
	c.add(asm.Xor.Reg32(asm.R8, asm.R7))
	fold(asm.R8)
	c.add(asm.RSh.Imm32(asm.R8, 1))
	c.ether()
	c.add(asm.Xor.Reg32(asm.R7, asm.R9))
	fold(asm.R7)
	c.add(asm.Ja.Label("gate"))

	c.at("arp") // has layer 2 alone
	c.ether()
	c.add(asm.Mov.Reg(asm.R7, asm.R9), asm.Mov.Reg(asm.R8, asm.R9))
}

// ether makes the hash of layer2 of the ethertype in r9.
func (c *code) ether() {
	c.add(
		asm.HostTo(asm.BE, asm.R9, asm.Half), // as a number
		asm.LoadMem(asm.R1, asm.RFP, stackEther+5, asm.Byte),
		asm.Xor.Reg32(asm.R9, asm.R1),
		asm.LoadMem(asm.R1, asm.RFP, stackEther+11, asm.Byte),
		asm.Xor.Reg32(asm.R9, asm.R1),
	)
}

// open goes on only if the way is open to the flow, else at leave; r3 is the table
// then.
func (c *code) open(state int) {
	c.at("gate")
	c.add(
		asm.LoadMapValue(asm.R2, state, 0),
		asm.Mov.Reg32(asm.R1, asm.R8),
		asm.And.Imm(asm.R1, numBuckets-1),
		asm.LSh.Imm(asm.R1, bucketShift),
		asm.Add.Reg(asm.R2, asm.R1),
		asm.Add.Imm(asm.R2, stateBuckets),
		asm.StoreMem(asm.RFP, stackBkt, asm.R2, asm.DWord),
		asm.LoadMem(asm.R4, asm.R2, bucketIn, asm.Word),
		asm.LoadMem(asm.R5, asm.R2, bucketOut, asm.Word),
	)
	c.currentTable(asm.R3, state)
	c.add(
		asm.JNE.Reg32(asm.R4, asm.R5, "leave"),
		asm.LoadMem(asm.R1, asm.R3, tableTx, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "leave"),
		asm.LoadMem(asm.R1, asm.R3, tableHold, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "choose"),
		asm.StoreMem(asm.RFP, stackTable, asm.R3, asm.DWord),
		asm.FnKtimeGetNs.Call(),
		asm.LoadMem(asm.R3, asm.RFP, stackTable, asm.DWord),
		asm.LoadMem(asm.R1, asm.R3, tableHold, asm.DWord),
		asm.JLT.Reg(asm.R0, asm.R1, "leave"),
	)
}

func (c *code) send(counters, cpus int) {
	c.at("choose")
	c.add(
		asm.LoadMem(asm.R2, asm.R3, tableCount, asm.Word),
		asm.JEq.Imm(asm.R2, 0, "leave"),
		asm.LoadMem(asm.R4, asm.R3, tableKind, asm.Word),
		asm.Mov.Imm(asm.R1, 0),
		asm.JEq.Imm(asm.R4, int32(Fixed), "chosen"),
		asm.Mov.Reg32(asm.R1, asm.R9),
		asm.JEq.Imm(asm.R4, int32(ByLink), "chosen"),
		asm.Mov.Reg32(asm.R1, asm.R8),
		asm.JEq.Imm(asm.R4, int32(ByPorts), "chosen"),
		asm.Mov.Reg32(asm.R1, asm.R7),
	)
	c.at("chosen")
	c.add(
		asm.Mod.Reg32(asm.R1, asm.R2),
		asm.And.Imm(asm.R1, Seats-1),
		asm.LSh.Imm(asm.R1, slaveShift),
		asm.Add.Reg(asm.R3, asm.R1),
		asm.LoadMem(asm.R9, asm.R3, tableSlaves+slaveIndex, asm.Word),
		asm.LoadMem(asm.R7, asm.R3, tableSlaves+slaveSeat, asm.Word),
	)
	c.counterLine(asm.R7, counters, cpus, "uncounted")
	c.add(asm.LoadMem(asm.R2, asm.R6, skbLen, asm.Word))
	c.bump(countTxFrames, one)
	c.bump(countTxOctets, asm.R2)
	c.at("uncounted")
	c.add(asm.Mov.Reg(asm.R1, asm.R9))
	c.redirect(0)
}
