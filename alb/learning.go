package alb

// learnType is the EtherType of learning frames: configuration testing
// (loopback), which nobody answers.
const learnType = 0x9000

// learnLen is a learning frame's length in octets, the shortest that Ethernet
// has; the tag comes on top.
const learnLen = 60

// Learning returns a frame from which a switch learns that mac is behind the
// port it comes by: from mac to mac, with the tags given (kernel: the same).
func Learning(mac [6]byte, tags ...Tag) []byte {
	b := make([]byte, 0, learnLen+4*len(tags))
	b = append(append(b, mac[:]...), mac[:]...)
	b = appendTags(b, tags)
	b = append(b, learnType>>8, learnType&0xff)
	return append(b, make([]byte, learnLen+4*len(tags)-len(b))...)
}

// Tag is a VLAN tag.
type Tag struct {
	TPID uint16 // 0x8100 or 0x88a8
	VID  uint16 // 0 to 4095
}

func appendTags(b []byte, tags []Tag) []byte {
	for _, t := range tags {
		b = append(b, byte(t.TPID>>8), byte(t.TPID), byte(t.VID>>8), byte(t.VID))
	}
	return b
}
