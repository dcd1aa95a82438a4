package policy

// be16 reads two octets in network order. The caller has checked the length.
func be16(b []byte, at int) uint16 {
	b = b[at : at+2 : at+2]
	return uint16(b[0])<<8 | uint16(b[1])
}

// load32 reads four octets as the processor would load them, as the kernel's
// hash does: addresses and ports are mixed without swapping, so the same frame
// hashes differently on little- and big-endian machines, there as here. The
// caller has checked the length. (encoding/binary has this, but brings sync,
// io and reflect along.)
func load32(b []byte, at int) uint32 {
	b = b[at : at+4 : at+4]
	if bigEndian {
		return uint32(b[3]) | uint32(b[2])<<8 | uint32(b[1])<<16 | uint32(b[0])<<24
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
