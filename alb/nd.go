package alb

import "github.com/tapbond/tapbond/policy"

// Neighbour discovery: RFC 4861 4.3, 4.4 and 4.6.1. IPv6 receive balancing is
// an extension: the kernel's driver has none.
const (
	etherIPv6    = 0x86dd
	ip6Len       = 40
	protoICMPv6  = 58
	typeNS       = 135
	typeNA       = 136
	ndLen        = 32 // header, target, one link-layer address option
	optSource    = 1
	optTarget    = 2
	naSolicited  = 0x40
	naOverride   = 0x20
	ndHopLimit   = 255
	ndTarget     = 8  // within the message
	ndOption     = 24 // likewise; the only one
	checksumSpot = 2
)

// parseND reads a solicitation or solicited advertisement with exactly one
// option, the sender's link-layer address, in a frame of one tag at most and
// without extension headers. Others, allowed as they are, are left alone.
func parseND(f *policy.Frame, x *Exchange) bool {
	vid, ok := oneTag(f)
	b := f.Payload()
	if !ok || f.EtherType != etherIPv6 || len(b) < ip6Len+ndLen {
		return false
	}
	if b[0]>>4 != 6 || b[6] != protoICMPv6 || b[7] != ndHopLimit || b[4] != 0 || b[5] != ndLen {
		return false
	}
	m := b[ip6Len : ip6Len+ndLen]
	src, dst, target := IP(b[8:24]), IP(b[24:40]), IP(m[ndTarget:])
	if m[1] != 0 || m[ndOption+1] != 1 || !host6(&src) || !host6(&target) {
		return false
	}
	to := f.Dst()
	*x = Exchange{SenderMAC: [6]byte(m[ndOption+2:]), VID: vid, Peer: to}
	switch {
	case m[0] == typeNS && m[ndOption] == optSource:
		// To one host, or to the group that in effect is one.
		x.Sender, x.Target = src, target
	case m[0] == typeNA && m[ndOption] == optTarget && m[4]&naSolicited != 0 && host6(&dst):
		x.Sender, x.Target, x.Reply = target, dst, true
	default:
		return false
	}
	if x.SenderMAC != f.Src() || !unicastMAC(x.SenderMAC) || x.Sender == x.Target {
		return false
	}
	return unicastMAC(to) || !x.Reply && to[0] == 0x33 && to[1] == 0x33 && to[2] == 0xff
}

// host6: a unicast address that is not :: or ::1.
func host6(ip *IP) bool {
	return ip[0] != 0xff && *ip != IP{} && *ip != IP{15: 1} && !ip.is4()
}

// setLinkOption changes the address in the option of a message that parseND
// has accepted, and its checksum with it (RFC 1624), which the host's stack
// finishes by itself in these messages, whatever the TAP offers.
func setLinkOption(f *policy.Frame, mac [6]byte) {
	m := f.Payload()[ip6Len:]
	sum := uint32(^word(m, checksumSpot)) & 0xffff
	for i := 0; i < 6; i += 2 {
		at := ndOption + 2 + i
		sum += uint32(^word(m, at)&0xffff) + uint32(mac[i])<<8 + uint32(mac[i+1])
	}
	copy(m[ndOption+2:], mac[:])
	putWord(m, checksumSpot, ^fold(sum))
}

// appendNA appends the EtherType and the advertisement, to one host and
// overriding what it remembers, that ours is at mac.
func appendNA(b []byte, ours, peer IP, mac [6]byte) []byte {
	b = append(b, etherIPv6>>8, etherIPv6&0xff)
	at := len(b)
	b = append(b, 6<<4, 0, 0, 0, 0, ndLen, protoICMPv6, ndHopLimit)
	b = append(append(b, ours[:]...), peer[:]...)
	b = append(b, typeNA, 0, 0, 0, naOverride, 0, 0, 0)
	b = append(append(b, ours[:]...), optTarget, 1)
	b = append(b, mac[:]...)
	m := b[at+ip6Len:]
	sum := uint32(ndLen + protoICMPv6)
	for i := 8; i < len(b)-at; i += 2 { // the addresses, then the message
		sum += uint32(word(b[at:], i))
	}
	putWord(m, checksumSpot, ^fold(sum))
	return b
}

func word(b []byte, at int) uint16 { return uint16(b[at])<<8 | uint16(b[at+1]) }

func putWord(b []byte, at int, w uint16) { b[at], b[at+1] = byte(w>>8), byte(w) }

// fold is the ones' complement sum of a sum's halves.
func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
