package express

import "github.com/tapbond/tapbond/policy"

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
	ipv4, ipv6             = 0x0800, 0x86dd
	protoICMP, protoTCP    = 1, 6
	protoUDP, protoICMPv6  = 17, 58
	protoFragment          = 44
	headerIPv4, headerIPv6 = 20, 40
	portsLen, echoLen      = 4, 8
	vlanTag                = 4
)

// takes reports whether the program handles an IP packet: TCP, UDP and messages
// of ICMP with an identifier, whole enough to see what they are by, and
// fragments.
func takes(etherType uint16, p []byte) bool {
	var proto byte
	var l4 int
	switch etherType {
	case ipv4:
		if len(p) < headerIPv4 {
			return false
		}
		if p[6]&0x3f|p[7] != 0 {
			return true
		}
		proto, l4 = p[9], int(p[0]&0xf)*4
	case ipv6:
		if len(p) < headerIPv6 {
			return false
		}
		proto, l4 = p[6], headerIPv6
	default:
		return false
	}
	switch {
	case proto == protoTCP, proto == protoUDP:
		return len(p) >= l4+portsLen
	case proto == protoFragment && etherType == ipv6:
		return true
	case proto == protoICMP && etherType == ipv4:
		return len(p) >= l4+echoLen && hasID(p[l4], 0, 8, 13, 14)
	case proto == protoICMPv6 && etherType == ipv6:
		return len(p) >= l4+echoLen && hasID(p[l4], 128, 129)
	}
	return false
}

func hasID(typ byte, types ...byte) bool {
	for _, t := range types {
		if typ == t {
			return true
		}
	}
	return false
}
