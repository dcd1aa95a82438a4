package policy

// HashPolicy is an xmit_hash_policy, in the kernel's numbers. Values above
// VlanSrcMAC hash as Layer2.
type HashPolicy uint8

// Hash policies.
const (
	Layer2     HashPolicy = iota // layer2
	Layer34                      // layer3+4
	Layer23                      // layer2+3
	Encap23                      // encap2+3
	Encap34                      // encap3+4
	VlanSrcMAC                   // vlan+srcmac
)

var hashPolicyNames = []string{"layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"}

// String is the kernel's name of the policy.
func (p HashPolicy) String() string { return nameOf(hashPolicyNames, uint8(p)) }

// MarshalText is String, for JSON.
func (p HashPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// ParseHashPolicy reads a policy's name or number. The error is a ParseError.
func ParseHashPolicy(s string) (HashPolicy, error) {
	n, ok := parseName(hashPolicyNames, s)
	if !ok {
		return 0, ParseError{Option: "xmit_hash_policy", Value: s}
	}
	return HashPolicy(n), nil
}

// Hash is the number whose remainder picks the slave: usable[Hash mod n]. It
// is the arithmetic of the kernel driver since Linux 6.0, so that a flow takes
// the same way out as there, given the same usable slaves. A frame that did
// not decode hashes to 0.
//
// One thing is out of reach: for encap3+4 the kernel prefers a hash that the
// sending socket or the NIC has left with the packet; here it is always that
// of the headers.
func (f *Frame) Hash(p HashPolicy) uint32 {
	if len(f.b) < etherHeader {
		return 0
	}
	switch p {
	case Layer23, Layer34:
		var fl flow
		if fl.plain(f.b, f.L3, f.EtherType) {
			return fl.mix(p, f.ether())
		}
	case Encap23, Encap34:
		w := walk{b: f.b, at: f.L3, etherType: f.EtherType}
		if w.run() {
			return w.mix(p, f.ether())
		}
	case VlanSrcMAC:
		return f.vlanSrcMAC()
	}
	return f.ether()
}

// ether is E, the hash of layer2 and of every frame without a flow.
func (f *Frame) ether() uint32 {
	return uint32(f.b[5]^f.b[11]) ^ uint32(f.EtherType)
}

// vlanSrcMAC leaves out the destination: one host's frames of one VLAN stay
// together. The address counts as two numbers of three octets.
func (f *Frame) vlanSrcMAC() uint32 {
	m := f.b[6:12]
	vendor := uint32(m[0])<<16 | uint32(m[1])<<8 | uint32(m[2])
	device := uint32(m[3])<<16 | uint32(m[4])<<8 | uint32(m[5])
	return uint32(f.TCI) ^ vendor ^ device
}

// mix makes the hash of a flow; ether is E.
func (fl *flow) mix(p HashPolicy, ether uint32) uint32 {
	if p == Layer23 || p == Encap23 {
		return fold(ether ^ fl.addrs)
	}
	x := fl.ports
	if fl.icmp != 0 {
		x = fl.icmp
	}
	// Hosts that pick only even source ports would leave the lowest bit, all
	// that two slaves look at, without a say.
	return fold(x^fl.addrs) >> 1
}

// fold brings the upper octets' entropy to the lowest.
func fold(x uint32) uint32 {
	x ^= x >> 16
	return x ^ x>>8
}
