package alb

import (
	"net/netip"

	"github.com/tapbond/tapbond/policy"
)

// IP is an IPv4 or IPv6 address; IPv4 ones are mapped (::ffff:a.b.c.d).
type IP [16]byte

// IP4 returns an IPv4 address as an IP.
func IP4(a [4]byte) IP {
	return IP{10: 0xff, 11: 0xff, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}
}

// FromAddr returns a as an IP.
func FromAddr(a netip.Addr) IP { return a.As16() }

// Addr returns ip in the form that is printed.
func (ip IP) Addr() netip.Addr { return netip.AddrFrom16(ip).Unmap() }

func (ip *IP) is4() bool { return [12]byte(ip[:12]) == [12]byte{10: 0xff, 11: 0xff} }

func (ip *IP) v4() [4]byte { return [4]byte(ip[12:]) }

// Exchange is what one ARP packet, or neighbour discovery message, says.
type Exchange struct {
	Sender, Target IP
	// SenderMAC is the address that the receivers learn.
	SenderMAC [6]byte
	// VID is that of the frame's tag, 0 if it has none.
	VID uint16
	// Reply: it answers one host. Otherwise it asks for Target's address.
	Reply bool
	// ToAll: every host on the network hears it.
	ToAll bool
	// Peer is the Ethernet destination: for a reply, and a request to one host,
	// that of Target.
	Peer [6]byte
}

// ARP: RFC 826. Offsets within the packet for Ethernet and IPv4.
const (
	etherARP  = 0x0806
	arpLen    = 28
	arpSender = 8  // hardware, then protocol address
	arpTarget = 18 // likewise
	opRequest = 1
	opReply   = 2
)

var (
	arpHead   = [6]byte{0, 1, 8, 0, 6, 4} // Ethernet, IPv4, their lengths
	broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
)

// parseARP reads an ARP packet of one tag at most, and reports whether it is a
// sound one about unicast addresses. What it claims is not judged.
func parseARP(f *policy.Frame, x *Exchange) bool {
	vid, ok := oneTag(f)
	b := f.Payload()
	if !ok || len(b) < arpLen || [6]byte(b) != arpHead {
		return false
	}
	op := uint16(b[6])<<8 | uint16(b[7])
	if op != opRequest && op != opReply {
		return false
	}
	sender, target := [4]byte(b[arpSender+6:]), [4]byte(b[arpTarget+6:])
	if !host4(sender) || !host4(target) || sender == target {
		return false // a probe (RFC 5227: sender 0), an announcement, or nonsense
	}
	dst := f.Dst()
	*x = Exchange{
		Sender: IP4(sender), Target: IP4(target), SenderMAC: [6]byte(b[arpSender:]), VID: vid,
		Reply: op == opReply, ToAll: dst == broadcast, Peer: dst,
	}
	switch {
	case x.SenderMAC != f.Src() || !unicastMAC(x.SenderMAC):
		return false // says another address than it comes from
	case x.Reply && (!unicastMAC(dst) || [6]byte(b[arpTarget:]) != dst):
		return false
	}
	return x.ToAll || unicastMAC(dst)
}

// oneTag returns the VLAN of a frame with at most one 802.1Q tag.
func oneTag(f *policy.Frame) (vid uint16, ok bool) {
	if !f.Tagged {
		return 0, true
	}
	b := f.Bytes()
	return f.TCI & 0xfff, b[12] == 0x81 && b[13] == 0
}

// host4: an address that a host may have and that is not link-local, where
// hosts find out themselves who has which (RFC 3927).
func host4(a [4]byte) bool {
	return a[0] != 0 && a[0] != 127 && a[0] < 224 && (a[0] != 169 || a[1] != 254)
}

func unicastMAC(m [6]byte) bool { return m[0]&1 == 0 && m != [6]byte{} }

// setSender changes in place the hardware address that a frame, one that
// parse has accepted, tells of its sender, in the packet only.
func setSender(f *policy.Frame, mac [6]byte) {
	if f.IsARP() {
		copy(f.Payload()[arpSender:], mac[:])
		return
	}
	setLinkOption(f, mac)
}

// parse reads an ARP packet or, with nd, a neighbour discovery message.
func parse(f *policy.Frame, nd bool, x *Exchange) bool {
	if f.IsARP() {
		return parseARP(f, x)
	}
	return nd && parseND(f, x)
}

// answer is the unicast reply that tells peer that ours is at mac.
func answer(ours, peer IP, mac, peerMAC [6]byte, vid uint16) []byte {
	b := make([]byte, 0, 14+4+40+ndLen)
	b = append(append(b, peerMAC[:]...), mac[:]...)
	if vid != 0 {
		b = appendTags(b, []Tag{{TPID: 0x8100, VID: vid}})
	}
	if !ours.is4() {
		return appendNA(b, ours, peer, mac)
	}
	b = append(b, etherARP>>8, etherARP&0xff)
	b = append(append(b, arpHead[:]...), 0, opReply)
	from, to := ours.v4(), peer.v4()
	b = append(append(b, mac[:]...), from[:]...)
	return append(append(b, peerMAC[:]...), to[:]...)
}
