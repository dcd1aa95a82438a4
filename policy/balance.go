package policy

// Buckets is how many parts balance-tlb and balance-alb divide the flows into.
// A bucket is what is placed on a slave, and what is moved.
const Buckets = 256

// Table says on which slave each bucket is: an index into Snapshot.Slaves, -1
// for none.
type Table [Buckets]int16

// Load counts octets, super-frames as they are: by bucket, and in the last
// place those that went to the active slave because they are not balanced.
type Load [Buckets + 1]uint64

// Unbalanced is the place in a Load of what has no bucket.
const Unbalanced = Buckets

// tlb is balance-tlb: IP unicast is spread by xmit_hash_policy, the rest goes
// out on the active slave, where what comes back arrives.
type tlb struct{}

// Select leaves frames with a source of their own, of a bridge's or macvlan's
// guests, to the active slave. The kernel spreads them too, and has to put the
// slave's address in the place of the guest's: the guest is never heard of
// again.
func (tlb) Select(s *Snapshot, q *Queue, f *Frame) (int, Reason) {
	if f.isFrom(&s.MAC) && f.tlbBalanced() {
		return s.spread(q, f, f.Hash(s.Hash))
	}
	return s.onActive(q, f)
}

// alb is balance-alb: as tlb, but the bucket is the receiver's IP address, so
// that a client hears us from one slave whatever it talks about. ARP isn't for
// the selector: package alb places it.
type alb struct{}

func (alb) Select(s *Snapshot, q *Queue, f *Frame) (int, Reason) {
	if !f.isFrom(&s.MAC) {
		return s.onActive(q, f)
	}
	to, ok := f.albBalanced()
	switch {
	case !ok:
		return s.onActive(q, f)
	case s.Table == nil:
		return s.spread(q, f, f.Hash(s.Hash))
	}
	return s.spread(q, f, xorOctets(to))
}

// Bucket returns the bucket of a frame of the bond's own in balance-tlb or
// balance-alb, false if it isn't balanced and the active slave takes it.
func (f *Frame) Bucket(m Mode, p HashPolicy) (bucket uint8, ok bool) {
	if len(f.b) < etherHeader {
		return 0, false
	}
	if m == BalanceALB {
		to, ok := f.albBalanced()
		return uint8(xorOctets(to)), ok
	}
	return uint8(f.Hash(p)), f.tlbBalanced()
}

// spread picks by the table, or, if flows are not moved by their load, as
// balance-xor does.
func (s *Snapshot) spread(q *Queue, f *Frame, hash uint32) (int, Reason) {
	if s.Table == nil {
		n := uint32(len(s.Usable))
		if n == 0 {
			return -1, TxNoSlave
		}
		return s.Usable[hash%n], None
	}
	bucket := uint8(hash)
	q.Load[bucket] += uint64(len(f.b))
	if to := int(s.Table[bucket]); to >= 0 {
		return to, None
	}
	return -1, TxNoSlave
}

func (s *Snapshot) onActive(q *Queue, f *Frame) (int, Reason) {
	if s.Active < 0 {
		return -1, TxNoActive
	}
	q.Load[Unbalanced] += uint64(len(f.b))
	return s.Active, None
}

func (f *Frame) isFrom(mac *[6]byte) bool {
	return len(f.b) >= etherHeader && [6]byte(f.b[6:12]) == *mac
}

// tlbBalanced: IP to one receiver, neighbour discovery excepted: what is sent
// with a slave's own address must not tell of the bond's.
func (f *Frame) tlbBalanced() bool {
	if f.b[0]&1 != 0 {
		return false
	}
	switch f.EtherType {
	case etherIPv4:
		return true
	case etherIPv6:
		return !f.isND()
	}
	return false
}

// albBalanced returns the receiver's address: 4 or 16 octets. Groups are spread
// as well, but not what every host hears, group management, neighbour
// discovery, and the search for duplicates of an IPv6 address.
func (f *Frame) albBalanced() (to []byte, ok bool) {
	p := f.b[f.L3:]
	switch {
	case f.EtherType == etherIPv4 && len(p) >= ipv4Header:
		to = p[16:20]
		if [4]byte(to) == [4]byte{255, 255, 255, 255} || p[9] == protoIGMP {
			return nil, false
		}
	case f.EtherType == etherIPv6 && len(p) >= ipv6Header:
		to = p[24:40]
		if [16]byte(p[8:24]) == [16]byte{} || f.isND() || [6]byte(f.b) == [6]byte{0x33, 0x33, 0, 0, 0, 1} {
			return nil, false
		}
	default:
		return nil, false
	}
	return to, [6]byte(f.b) != [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
}

// isND reports whether an IPv6 frame is a neighbour solicitation or
// advertisement (RFC 4861: ICMPv6 types 135 and 136).
func (f *Frame) isND() bool {
	p := f.b[f.L3:]
	return len(p) > ipv6Header && p[6] == protoICMPv6 && (p[ipv6Header] == 135 || p[ipv6Header] == 136)
}

// xorOctets is the kernel's hash of a receiver in balance-alb.
func xorOctets(b []byte) (x uint32) {
	for _, o := range b {
		x ^= uint32(o)
	}
	return x
}
