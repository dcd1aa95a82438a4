package express

import (
	"slices"

	"github.com/tapbond/tapbond/policy"
)

// A flow may find the short way closed (the table says so) and later open again
// while frames of it are still between the TAP and a slave: the next ones must not
// overtake them. So the program counts, by bucket of flows, what it leaves to the
// workers, the workers count what of it they are done with, and the short way is
// open to a bucket while the two are equal.

// Bucket returns the bucket of a frame's flow, and false for a frame that the
// program leaves to the workers in any case, uncounted. f must have decoded.
func Bucket(f *policy.Frame) (int, bool) {
	if !takes(f.EtherType, f.Payload()) {
		return 0, false
	}
	return int(f.Hash(policy.Layer34)) & (numBuckets - 1), true
}

const (
	ipv4, arp, ipv6        = 0x0800, 0x0806, 0x86dd
	protoICMP, protoICMPv6 = 1, 58
	protoTCP, protoUDP     = 6, 17
	protoDCCP, protoESP    = 33, 50
	protoAH, protoSCTP     = 51, 132
	protoUDPLite           = 136
	headerIPv4, headerIPv6 = 20, 40
	portsLen, icmpLen      = 4, 8
	vlanTag                = 4

	icmp6Info      = 128 // the first type of ICMPv6 that is no error
	icmp6EchoReply = 129 // this and the one before have an identifier
)

// Types of ICMP that quote the packet they complain about, and those with an
// identifier (RFC 792).
var (
	icmpErrors = []byte{3, 4, 5, 11, 12}
	icmpIDs    = []byte{0, 8, 13, 14}
)

// takes reports whether the program handles a packet: ARP, and IP but for errors
// of ICMP, which go the way of the flow they are about: that takes more looking.
func takes(etherType uint16, p []byte) bool {
	switch etherType {
	case arp:
		return true
	case ipv4:
		if len(p) < headerIPv4 {
			return false
		}
		l4 := int(p[0]&0xf) * 4
		fragment := p[6]&0x3f|p[7] != 0
		return fragment || p[9] != protoICMP || len(p) < l4+icmpLen || !slices.Contains(icmpErrors, p[l4])
	case ipv6:
		if len(p) < headerIPv6 {
			return false
		}
		return p[6] != protoICMPv6 || len(p) < headerIPv6+icmpLen || p[headerIPv6] >= icmp6Info
	}
	return false
}
