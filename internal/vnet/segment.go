package vnet

// Segmenter cuts super-frames into frames that are complete in themselves and
// finishes checksums. It owns the memory of what it cuts: after a few calls it
// has as much as it needs and allocates no more. One goroutine uses it.
//
// Its methods append to a caller's slice. Frames that need nothing are
// appended as they are, borrowed from where they came from; cut ones are valid
// until Reset.
type Segmenter struct {
	arena []byte
	used  int // octets of arena
	total int // octets of all arenas since Reset
	w     walker
	job   job
}

const (
	firstArena = 128 << 10
	// maxRow bounds, in octets, what one super-frame may become. 64 KiB of
	// payload and 100 octets of headers stay below it down to segments of 8
	// octets, the least that Linux makes (TCP_MIN_GSO_SIZE).
	maxRow = 2 << 20
	// maxTotal bounds, in octets, what is cut between two Resets: 200
	// super-frames of common segment sizes, or a few hostile ones.
	maxTotal = 16 << 20
)

// NewSegmenter returns a Segmenter with room for one super-frame of the common
// segment sizes.
func NewSegmenter() *Segmenter { return &Segmenter{arena: make([]byte, firstArena)} }

// Reset takes back the memory of all frames cut so far.
func (s *Segmenter) Reset() { s.used, s.total = 0, 0 }

// Segment appends to dst the frames that p is to become on the wire. If p is
// no super-frame that is p itself, its checksum still to be written where the
// header says so. Else it is a row of frames with GSOSize octets of payload
// each (the last may have less), with zero headers, p's Type, all checksums
// written and all lengths right, in tunnels of any depth.
//
// TCP: sequence numbers go on, FIN and PSH are on the last only, CWR on the
// first only (RFC 3168 6.1.2). UDP with GSOUDPL4: datagrams of GSOSize octets.
// UDP with GSOUDP: one datagram in IP fragments. Every IPv4 header of a row,
// outer or inner, counts its identification up by one per frame, save those of
// fragments. A tunnel's UDP checksum of zero stays zero. A GRE sequence number
// is repeated: no stack builds super-frames with one.
//
// On error (always a [Malformed]) dst is returned unchanged. p may be changed
// in place.
func (s *Segmenter) Segment(dst []Packet, p *Packet) ([]Packet, error) {
	if len(p.Buf) < HdrLen {
		return dst, errHdr
	}
	if p.Buf[1] == GSONone {
		return append(dst, *p), nil
	}
	if err := s.plan(p); err != nil {
		return dst, err
	}
	j := &s.job
	for i := range j.count {
		buf := s.take(HdrLen + j.segLen(i))
		clear(buf[:HdrLen])
		j.write(buf[HdrLen:], i, &s.w)
		dst = append(dst, Packet{Buf: buf, Type: p.Type})
	}
	return dst, nil
}

// take returns n octets of the arena, not cleared.
func (s *Segmenter) take(n int) []byte {
	if s.used+n > len(s.arena) {
		// The old arena lives on as long as frames in it are borrowed.
		s.arena, s.used = make([]byte, max(2*len(s.arena), n)), 0
	}
	b := s.arena[s.used : s.used+n : s.used+n]
	s.used = min((s.used+n+15)&^15, len(s.arena))
	s.total += n
	return b
}

// jobKind says how a super-frame is cut.
type jobKind uint8

const (
	jobTCP  jobKind = iota
	jobUDP          // datagrams
	jobFrag         // IP fragments
)

// job is the plan for one super-frame.
type job struct {
	kind    jobKind
	frame   []byte
	l4      int    // first octet of the L4 header
	head    int    // octets repeated in front of each payload
	insert  int    // octets each frame has more than that: an IPv6 fragment header
	payload []byte // what is cut
	size    int    // octets of it per frame
	count   int    // frames
	seed    uint16 // sum of the L4 pseudo-header without its length
	frag    fragPlan
}

// segLen returns the length of frame i.
func (j *job) segLen(i int) int {
	return j.head + j.insert + min(j.size, len(j.payload)-i*j.size)
}

// plan fills s.job and s.w for p, which has a GSO type.
func (s *Segmenter) plan(p *Packet) error {
	var h Hdr
	h.Decode(p.Buf)
	frame := p.Frame()
	if !h.Check(len(frame)) {
		return errHdr
	}
	w, j := &s.w, &s.job
	target := int(h.CsumStart)
	if h.Flags&FlagNeedsCsum == 0 {
		var ok bool
		if target, _, ok = plainL4(frame); !ok {
			return errPath
		}
	}
	if !w.find(frame, target) {
		return errPath
	}
	ip := w.ip()
	if ip == nil {
		return errPath
	}
	// An Ethernet frame padded to its minimum: what is behind the IP packet is
	// no payload. Larger differences are a length that overflowed.
	if end := w.ipEnd(); end < len(frame) && len(frame)-end <= maxPad && end > target {
		frame = frame[:end]
	}
	n, ok := l4HdrLen(frame, target, h.GSOType)
	if !ok {
		return errL4
	}
	*j = job{kind: jobTCP, frame: frame, l4: target, head: target + n, size: int(h.GSOSize)}
	proto := uint8(protoUDP)
	switch h.GSOType {
	case GSOUDPL4:
		j.kind = jobUDP
	case GSOUDP:
		j.kind = jobFrag
	default:
		proto = protoTCP
	}
	if w.proto != proto {
		return errL4
	}
	if j.kind == jobFrag {
		if err := j.planFragments(w, h.Flags&FlagNeedsCsum != 0); err != nil {
			return err
		}
	} else if !j.planSeed(ip, proto, h.Flags&FlagNeedsCsum != 0) {
		return errL4
	}
	j.payload = frame[j.head:]
	j.count = max(1, (len(j.payload)+j.size-1)/j.size)
	row := j.count*(HdrLen+15+j.head+j.insert) + len(j.payload)
	if row > maxRow || s.total+row > maxTotal {
		return errTooMany
	}
	for _, l := range w.layers[:w.n] {
		if j.segLen(0)-l.off > 0xffff {
			return errLong
		}
	}
	return nil
}

// maxPad is the most octets of padding an Ethernet frame has (IEEE 802.3 4.2.3.3).
const maxPad = 46

// planSeed takes the pseudo-header's sum from the checksum field if partial
// says that it is there (right behind routing headers too), else from ip.
func (j *job) planSeed(ip *layer, proto uint8, partial bool) bool {
	switch {
	case partial:
		field := j.l4 + tcpCsum
		if proto == protoUDP {
			field = j.l4 + udpCsum
		}
		n := len(j.frame) - j.l4
		j.seed = sub(be16(j.frame, field), fold(uint32(n)))
	case ip.kind == layerIPv4:
		j.seed = pseudo4(j.frame[ip.off:], proto, 0)
	case ip.routed:
		return false
	default:
		j.seed = pseudo6(j.frame[ip.off:], proto, 0)
	}
	return true
}

// write makes frame i in f.
func (j *job) write(f []byte, i int, w *walker) {
	part := j.payload[i*j.size:]
	part = part[:min(j.size, len(part))]
	if j.kind == jobFrag {
		j.writeFragment(f, part, i, w)
		return
	}
	copy(f, j.frame[:j.head])
	copy(f[j.head:], part)
	l4 := f[j.l4:]
	if j.kind == jobTCP {
		j.fixTCP(l4, i)
	} else {
		j.fixUDP(l4)
	}
	seed := add(j.seed, uint16(len(l4)))
	c := ^add(seed, sum(l4))
	if j.kind == jobTCP {
		put16(l4, tcpCsum, c)
	} else {
		if c == 0 {
			c = 0xffff
		}
		put16(l4, udpCsum, c)
	}
	// Pseudo-header and L4 packet now add up to zero.
	w.enclose(f, i, j.l4, ^seed)
}

// fixTCP makes the TCP header at the start of b that of segment i, the
// checksum zero.
func (j *job) fixTCP(b []byte, i int) {
	const fin, psh, cwr = 0x01, 0x08, 0x80
	seq := uint32(be16(b, 4))<<16 | uint32(be16(b, 6))
	seq += uint32(i * j.size)
	put16(b, 4, uint16(seq>>16))
	put16(b, 6, uint16(seq))
	if i > 0 {
		b[13] &^= cwr
	}
	if i < j.count-1 {
		b[13] &^= fin | psh
	}
	put16(b, tcpCsum, 0)
}

// fixUDP makes the UDP header at the start of b that of the datagram b, the
// checksum zero.
func (j *job) fixUDP(b []byte) {
	put16(b, 4, uint16(len(b)))
	put16(b, udpCsum, 0)
}
