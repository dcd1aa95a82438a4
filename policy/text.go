package policy

import "strconv"

// How Explain writes things. By hand, as fmt and net bring along what this
// package does without.

// hexText is v as 0x and at least n digits.
func hexText(v uint64, n int) string {
	s := strconv.FormatUint(v, 16)
	for len(s) < n {
		s = "0" + s
	}
	return "0x" + s
}

func macText(b []byte) string {
	s := ""
	for i, o := range b[:6] {
		if i > 0 {
			s += ":"
		}
		s += hexText(uint64(o), 2)[2:]
	}
	return s
}

func ipv4Text(b []byte) string {
	s := ""
	for i, o := range b[:4] {
		if i > 0 {
			s += "."
		}
		s += strconv.Itoa(int(o))
	}
	return s
}

// ipv6Text is the canonical form of RFC 5952: lower case, no leading zeros, the
// first longest run of two or more zero groups shortened. An address with an
// IPv4 one in it is written in groups like any other.
func ipv6Text(b []byte) string {
	from, to := zeroRun(b)
	s := ""
	for i := 0; i < 8; i++ {
		switch {
		case i == from:
			s += "::"
			i = to - 1
			continue
		case i > 0 && i != to:
			s += ":"
		}
		s += strconv.FormatUint(uint64(be16(b, 2*i)), 16)
	}
	return s
}

// zeroRun is the first of the longest runs of zero groups, from and up to
// before to; both -1 if none is longer than one.
func zeroRun(b []byte) (from, to int) {
	from, to = -1, -1
	longest := 1
	for i := 0; i < 8; i++ {
		j := i
		for j < 8 && be16(b, 2*j) == 0 {
			j++
		}
		if j-i > longest {
			from, to, longest = i, j, j-i
		}
		i = max(i, j-1)
	}
	return from, to
}

func etherName(t uint16) string {
	switch t {
	case etherIPv4:
		return "ipv4"
	case etherIPv6:
		return "ipv6"
	case etherARP:
		return "arp"
	case etherRARP:
		return "rarp"
	case etherVLAN, etherSVLAN:
		return "vlan"
	case etherMPLS, etherMPLSMC:
		return "mpls"
	case etherPPPoE:
		return "pppoe"
	case etherBatman:
		return "batman-adv"
	case etherTIPC:
		return "tipc"
	case etherPTP:
		return "ptp"
	case etherFCoE:
		return "fcoe"
	case etherHSR:
		return "hsr"
	case etherPRP:
		return "prp"
	}
	return "ethertype " + hexText(uint64(t), 4)
}

func protoName(p int) string {
	switch p {
	case protoHopByHop:
		return "hop-by-hop options"
	case protoICMP:
		return "icmp"
	case protoIGMP:
		return "igmp"
	case protoIPv4:
		return "ipip"
	case protoTCP:
		return "tcp"
	case protoUDP:
		return "udp"
	case protoDCCP:
		return "dccp"
	case protoIPv6:
		return "ipv6"
	case protoRouting:
		return "routing header"
	case protoFragment:
		return "fragment header"
	case protoGRE:
		return "gre"
	case protoESP:
		return "esp"
	case protoAH:
		return "ah"
	case protoICMPv6:
		return "icmpv6"
	case protoDstOpts:
		return "destination options"
	case protoSCTP:
		return "sctp"
	case protoUDPLite:
		return "udplite"
	case protoMPLS:
		return "mpls"
	}
	return "protocol " + strconv.Itoa(p)
}

func icmpName(f family) string {
	if f == ipv6Addrs {
		return protoName(protoICMPv6)
	}
	return protoName(protoICMP)
}
