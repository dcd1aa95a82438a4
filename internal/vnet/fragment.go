package vnet

import (
	"encoding/binary"
	"math/rand/v2"
)

// fragPlan is what cutting one UDP datagram into IP fragments needs: the old
// UDP offload (UFO), which no kernel since 4.14 produces by itself.
type fragPlan struct {
	ip    layer
	at    int    // IPv6: where the fragment header goes
	chain int    // IPv6: the octet that names the header in front of which it goes
	id    uint32 // IPv6: the fragments' identification
}

// planFragments finishes the datagram's checksum and decides where to cut.
func (j *job) planFragments(w *walker, partial bool) error {
	if partial {
		finish(j.frame, j.l4, udpCsum)
	}
	j.size &^= 7 // fragment offsets count in units of 8 octets
	j.frag.ip = *w.ip()
	j.head = j.l4
	if j.frag.ip.kind == layerIPv6 {
		j.insert = 8
		j.frag.id = rand.Uint32() // unpredictable, RFC 7739
		j.frag.at, j.frag.chain = unfragmentable(j.frame, j.frag.ip.off, j.l4)
		j.head = j.frag.at
	}
	if j.size == 0 || len(j.frame)-j.head > 0xffff || j.head-j.frag.ip.off+j.insert+j.size > 0xffff {
		return errFragment
	}
	// The identification of fragments stays; enclose must not count it up.
	// The innermost IP layer is the last one noted: behind it is UDP, target.
	w.n--
	return nil
}

// unfragmentable returns the end of the part of the IPv6 packet at ip that is
// repeated in every fragment (RFC 8200 4.5): up to and with the last
// hop-by-hop or routing header. chain is the octet that names what follows.
func unfragmentable(frame []byte, ip, l4 int) (at, chain int) {
	at, chain = ip+40, ip+6
	off, link := at, chain
	for off+8 <= l4 {
		proto, n := frame[link], 8+int(frame[off+1])*8
		link = off
		switch proto {
		case protoHopByHop, protoRouting:
			off += n
			at, chain = off, link
		case protoDstOpts:
			off += n
		default:
			return at, chain
		}
	}
	return at, chain
}

// writeFragment makes fragment i, which carries part, in f.
func (j *job) writeFragment(f, part []byte, i int, w *walker) {
	copy(f, j.frame[:j.head])
	copy(f[j.head+j.insert:], part)
	offset := uint16(i * j.size)
	more := uint16(0)
	if i < j.count-1 {
		more = 1
	}
	h := f[j.frag.ip.off:]
	if j.frag.ip.kind == layerIPv4 {
		put16(h, 2, uint16(len(h)))
		put16(h, 6, more<<13|offset>>3)
		sumIPv4(h)
	} else {
		put16(h, 4, uint16(len(h)-40))
		b := f[j.head:]
		b[0], b[1] = f[j.frag.chain], 0
		put16(b, 2, offset|more)
		binary.BigEndian.PutUint32(b[4:], j.frag.id)
		f[j.frag.chain] = protoFragment
	}
	w.enclose(f, i, len(f), 0)
}
