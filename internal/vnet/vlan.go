package vnet

import "encoding/binary"

// TagLen is the length of a VLAN tag in octets, and the room InsertTag needs
// in front of a Packet's Buf.
const TagLen = 4

const (
	macsLen = 12 // both MAC addresses
	ethLen  = 14 // both MAC addresses and the EtherType
)

// InsertTag puts back the outer VLAN tag that the kernel stripped on receive
// (struct tpacket_auxdata, TP_STATUS_VLAN_VALID). slot is TagLen free octets
// followed by the virtio-net header and the frame as received; the header and
// the MAC addresses move down by TagLen, the tag goes in behind them, and the
// header's offsets follow. What is behind the MAC addresses stays where it
// is, further tags included. Nothing past the end of slot is touched, so a
// frame may fill it.
//
// It returns the tagged Packet's Buf, which is slot itself. If the frame is a
// runt (less than an Ethernet header) or its checksum offset cannot grow, ok
// is false and the Buf returned is the unchanged, untagged one.
//
// A priority tag (VID 0) is put back as any other; tpid is the tag's EtherType.
func InsertTag(slot []byte, tpid, tci uint16) (buf []byte, ok bool) {
	if len(slot) < TagLen {
		return nil, false
	}
	old := slot[TagLen:]
	if len(old) < HdrLen+ethLen {
		return old, false
	}
	var h Hdr
	h.Decode(old)
	if h.Flags&FlagNeedsCsum != 0 {
		if h.CsumStart > 0xffff-TagLen {
			return old, false
		}
		h.CsumStart += TagLen
	}
	if h.GSOType != GSONone && h.HdrLen != 0 {
		h.HdrLen = min(h.HdrLen, 0xffff-TagLen) + TagLen
	}
	copy(slot[HdrLen:], old[HdrLen:HdrLen+macsLen])
	h.Encode(slot)
	binary.BigEndian.PutUint16(slot[HdrLen+macsLen:], tpid)
	binary.BigEndian.PutUint16(slot[HdrLen+macsLen+2:], tci)
	return slot, true
}
