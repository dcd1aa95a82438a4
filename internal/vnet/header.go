package vnet

import "encoding/binary"

// HdrLen is the length of the virtio-net header in octets, the short form
// that IFF_VNET_HDR and PACKET_VNET_HDR use by default (no num_buffers).
const HdrLen = 10

// Flags of a header.
const (
	FlagNeedsCsum = 1 // checksum at CsumStart+CsumOffset is partial
	FlagDataValid = 2 // checksum was verified
)

// GSO types of a header. GSOECN may be or-ed to the TCP ones.
const (
	GSONone  = 0
	GSOTCPv4 = 1
	GSOUDP   = 3 // UFO, obsolete
	GSOTCPv6 = 4
	GSOUDPL4 = 5 // USO: datagrams of GSOSize octets
	GSOECN   = 0x80
)

// Hdr is a decoded virtio-net header. All offsets count from the first octet
// of the Ethernet frame.
type Hdr struct {
	Flags      uint8
	GSOType    uint8
	HdrLen     uint16 // octets of L2+L3+L4 headers; a hint, may be larger on receive
	GSOSize    uint16 // payload octets per segment
	CsumStart  uint16 // first octet the checksum covers
	CsumOffset uint16 // where to store it, from CsumStart
}

// Decode reads the header at the start of b, which must have HdrLen octets.
func (h *Hdr) Decode(b []byte) {
	_ = b[HdrLen-1]
	h.Flags, h.GSOType = b[0], b[1]
	h.HdrLen = binary.NativeEndian.Uint16(b[2:])
	h.GSOSize = binary.NativeEndian.Uint16(b[4:])
	h.CsumStart = binary.NativeEndian.Uint16(b[6:])
	h.CsumOffset = binary.NativeEndian.Uint16(b[8:])
}

// Encode writes the header to the first HdrLen octets of b.
func (h *Hdr) Encode(b []byte) {
	_ = b[HdrLen-1]
	b[0], b[1] = h.Flags, h.GSOType
	binary.NativeEndian.PutUint16(b[2:], h.HdrLen)
	binary.NativeEndian.PutUint16(b[4:], h.GSOSize)
	binary.NativeEndian.PutUint16(b[6:], h.CsumStart)
	binary.NativeEndian.PutUint16(b[8:], h.CsumOffset)
}
