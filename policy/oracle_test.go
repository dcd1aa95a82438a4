package policy_test

import (
	"encoding/binary"
	. "github.com/tapbond/tapbond/policy"
	"slices"
)

// The oracle states the hash a second time: slow, octet by octet, a packet as
// a tree of values rather than offsets. Nothing here calls the package.

// word is four octets in the order in which they stand in the frame.
type word [4]byte

func (a word) xor(b word) word {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}

func words(b []byte) (sum word) {
	for c := range slices.Chunk(b, 4) {
		sum = sum.xor(word(c))
	}
	return sum
}

func wordOf(n uint32) (w word) {
	binary.NativeEndian.PutUint32(w[:], n)
	return w
}

// keys are what the policies mix.
type keys struct {
	addrs, ports word
	icmp         *word
}

// split cuts n octets off, if they are there.
func split(b []byte, n int) (head, rest []byte, ok bool) {
	if len(b) < n {
		return nil, nil, false
	}
	return b[:n], b[n:], true
}

func number(b ...byte) (n int) {
	for _, o := range b {
		n = n*256 + int(o)
	}
	return n
}

// oracleHash is Frame.Hash after Frame.Decode of a frame of 14 octets or more.
func oracleHash(frame []byte, p HashPolicy) uint32 {
	dst, src, typ, rest := frame[0:6], frame[6:12], number(frame[12:14]...), frame[14:]
	tci := 0
	if tag, inner, ok := split(rest, 4); ok && (typ == 0x8100 || typ == 0x88a8) {
		tci, typ, rest = number(tag[:2]...), number(tag[2:]...), inner
	}
	e := (number(dst[5]) ^ number(src[5])) ^ typ

	var k keys
	var ok bool
	switch p.String() {
	case "vlan+srcmac":
		return uint32(tci ^ number(src[:3]...) ^ number(src[3:]...))
	case "layer2+3", "layer3+4":
		ok = k.plainPacket(typ, rest, true)
	case "encap2+3", "encap3+4":
		ok = k.encapPacket(typ, rest, 15)
	}
	if !ok {
		return uint32(e)
	}
	switch p.String() {
	case "layer2+3", "encap2+3":
		return folded(k.addrs.xor(wordOf(uint32(e))))
	}
	l4 := k.ports
	if k.icmp != nil {
		l4 = *k.icmp
	}
	return folded(k.addrs.xor(l4)) / 2
}

// folded xors the upper half into the lower, then each octet into the next.
func folded(w word) uint32 {
	n := binary.NativeEndian.Uint32(w[:])
	o := [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	o = [4]byte{o[0], o[1], o[2] ^ o[0], o[3] ^ o[1]}
	o = [4]byte{o[0], o[1] ^ o[0], o[2] ^ o[1], o[3] ^ o[2]}
	return uint32(number(o[:]...))
}

// plainPacket: IP and what follows, an ICMP error's quotation in its place.
func (k *keys) plainPacket(typ int, b []byte, mayQuote bool) bool {
	var proto int
	var upper []byte
	v6 := typ == 0x86dd
	switch typ {
	case 0x0800:
		h, _, ok := split(b, 20)
		if !ok {
			return false
		}
		k.addrs = words(h[12:20])
		proto = number(h[9])
		if number(h[6:8]...)%0x4000 != 0 {
			proto = -1
		}
		upper = b[min(len(b), number(h[0])%16*4):]
	case 0x86dd:
		h, rest, ok := split(b, 40)
		if !ok {
			return false
		}
		k.addrs, proto, upper = words(h[8:40]), number(h[6]), rest
	default:
		return false
	}
	if isICMP := !v6 && proto == 1 || v6 && proto == 58; isICMP && mayQuote {
		m, quoted, ok := split(upper, 8)
		if !ok {
			return true
		}
		if v6 && m[0] < 128 || !v6 && slices.Contains([]byte{3, 4, 5, 11, 12}, m[0]) {
			return k.plainPacket(typ, quoted, false)
		}
		k.icmpID(m, v6)
		return true
	}
	k.l4(proto, upper)
	return true
}

func (k *keys) l4(proto int, b []byte) {
	skip := map[int]int{6: 0, 17: 0, 33: 0, 50: 0, 51: 4, 132: 0, 136: 0}
	if n, has := skip[proto]; has && len(b) >= n+4 {
		k.ports = word(b[n:])
	}
}

func (k *keys) icmpID(m []byte, v6 bool) {
	with := []byte{0, 8, 13, 14}
	if v6 {
		with = []byte{128, 129}
	}
	if !slices.Contains(with, m[0]) {
		return
	}
	id := make([]byte, 2)
	binary.NativeEndian.PutUint16(id, uint16(max(1, number(m[4:6]...))))
	k.icmp = &word{m[0], m[1], id[0], id[1]}
}

// encapPacket: what an EtherType names. left counts the headers that may still
// be opened.
func (k *keys) encapPacket(typ int, b []byte, left int) bool {
	open := func(n, at int) bool {
		h, rest, ok := split(b, n)
		if !ok {
			return false
		}
		return left == 0 || k.encapPacket(number(h[at], h[at+1]), rest, left-1)
	}
	atLeast := func(n int) bool { return len(b) >= n }
	switch typ {
	case 0x0800:
		if !atLeast(20) || number(b[0])%16 < 5 {
			return false
		}
		k.addrs = words(b[12:20])
		if number(b[6:8]...)%0x4000 != 0 {
			return true
		}
		return k.encapUpper(number(b[9]), b[min(len(b), number(b[0])%16*4):], false, left)
	case 0x86dd:
		if !atLeast(40) {
			return false
		}
		k.addrs = words(b[8:40])
		return k.encapUpper(number(b[6]), b[40:], true, left)
	case 0x8100, 0x88a8:
		return open(4, 2)
	case 0x88fb, 0x892f:
		return open(6, 4)
	case 0x4305:
		return atLeast(2) && b[0] == 0x40 && b[1] == 15 && open(24, 22)
	case 0x8864:
		h, rest, ok := split(b, 8)
		if !ok || h[0] != 0x11 || h[1] != 0 {
			return false
		}
		types := map[int]int{0x0021: 0x0800, 0x0057: 0x86dd, 0x0281: 0x8847, 0x0283: 0x8848}
		if inner, known := types[number(h[6:]...)]; known {
			return left == 0 || k.encapPacket(inner, rest, left-1)
		}
		return h[6]%2 == 0 && h[7]%2 == 1
	case 0x88ca:
		if atLeast(16) {
			k.addrs = word(b[12:])
		}
		return atLeast(16)
	case 0x8906:
		return atLeast(38)
	case 0x88f7:
		return atLeast(34)
	}
	return slices.Contains([]int{0x0806, 0x8035, 0x8847, 0x8848}, typ)
}

// encapUpper: what an IP protocol number names.
func (k *keys) encapUpper(proto int, b []byte, v6 bool, left int) bool {
	if inner, is := map[int]int{4: 0x0800, 41: 0x86dd, 137: 0x8847}[proto]; is {
		return left == 0 || k.encapPacket(inner, b, left-1)
	}
	switch {
	case proto == 47:
		return k.encapGRE(b, left)
	case v6 && (proto == 0 || proto == 43 || proto == 60):
		if len(b) < 2 {
			return false
		}
		next, rest := number(b[0]), b[min(len(b), 8+8*number(b[1])):]
		if left == 0 {
			k.l4(next, rest)
			return true
		}
		return k.encapUpper(next, rest, v6, left-1)
	case v6 && proto == 44:
		return len(b) >= 8
	case (proto == 1 && !v6 || proto == 58 && v6) && len(b) >= 8:
		k.icmpID(b[:8], v6)
	}
	k.l4(proto, b)
	return true
}

func (k *keys) encapGRE(b []byte, left int) bool {
	h, rest, ok := split(b, 4)
	if !ok {
		return false
	}
	has := func(bit int) bool { return number(h[:2]...)&bit != 0 }
	version, typ := number(h[1])%8, number(h[2:]...)
	if has(0x4000) || version > 1 || version == 1 && (typ != 0x880b || !has(0x2000)) {
		return true
	}
	skip := func(n int) bool {
		_, rest, ok = split(rest, n)
		return ok
	}
	// The options' presence is only checked where something in them is read;
	// an end that is missing shows in what follows.
	behind := func(bit int) {
		if has(bit) && !skip(4) {
			rest = nil
		}
	}
	behind(0x8000)
	if has(0x2000) && !skip(4) {
		return false
	}
	behind(0x1000)
	if version == 1 {
		behind(0x0080)
		ppp, _, whole := split(rest, 4)
		if !whole || !skip(4) {
			return false
		}
		if inner, known := map[int]int{0x0021: 0x0800, 0x0057: 0x86dd}[number(ppp[2:]...)]; known {
			typ = inner
		}
	} else if typ == 0x6558 {
		eth, _, whole := split(rest, 14)
		if !whole || !skip(14) {
			return false
		}
		typ = number(eth[12:]...)
	}
	return left == 0 || k.encapPacket(typ, rest, left-1)
}
