package vnet

import (
	"encoding/binary"
	"math/bits"
)

// The Internet checksum (RFC 1071) works modulo 65535, so partial sums may be
// added in any order and width, and a seed (the pseudo-header's sum, left in
// the checksum field by whoever offloads it) can be corrected by adding and
// subtracting 16-bit words. Sums here are folded 16-bit values of big-endian
// words, not complemented.

// sum returns the folded sum of b, padded with a zero octet if its length is odd.
func sum(b []byte) uint16 {
	// Adding little-endian words gives the octet-swapped sum: one swap at the
	// end instead of one per load.
	var acc, carry uint64
	for len(b) >= 64 {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), 0)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[8:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[16:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[24:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[32:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[40:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[48:]), carry)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b[56:]), carry)
		acc += carry // cannot wrap: a sum that carried is below 2^64-1
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(b), 0)
		acc += carry
		b = b[8:]
	}
	if len(b) > 0 {
		var tail [8]byte
		copy(tail[:], b)
		acc, carry = bits.Add64(acc, binary.LittleEndian.Uint64(tail[:]), 0)
		acc += carry
	}
	acc = acc>>32 + acc&0xffffffff
	acc = acc>>32 + acc&0xffffffff
	return bits.ReverseBytes16(fold(uint32(acc)))
}

// fold reduces a sum of 16-bit words to one.
func fold(v uint32) uint16 {
	v = v>>16 + v&0xffff
	v = v>>16 + v&0xffff
	return uint16(v)
}

// add returns the folded sum of a and b.
func add(a, b uint16) uint16 { return fold(uint32(a) + uint32(b)) }

// sub returns a-b modulo 65535.
func sub(a, b uint16) uint16 { return fold(uint32(a) + uint32(^b)) }

// pseudo4 returns the sum of the pseudo-header (RFC 9293 3.1, RFC 768) of n
// octets of proto in the IPv4 packet that starts at ip.
func pseudo4(ip []byte, proto uint8, n int) uint16 {
	return fold(uint32(sum(ip[12:20])) + uint32(proto) + uint32(n>>16) + uint32(n&0xffff))
}

// pseudo6 is pseudo4 for IPv6 (RFC 8200 8.1). The destination is the one in
// the header, which is not the final one behind a routing header.
func pseudo6(ip []byte, proto uint8, n int) uint16 {
	return fold(uint32(sum(ip[8:40])) + uint32(proto) + uint32(n>>16) + uint32(n&0xffff))
}
