package vnet

// enclose adjusts the headers around the L4 packet of frame number i of a row:
// lengths, identifications, checksums, from the innermost outwards. known is
// the folded sum of f from octet from to its end, so that a tunnel's checksum
// costs only the headers in front of it.
func (w *walker) enclose(f []byte, i, from int, known uint16) {
	for k := w.n - 1; k >= 0; k-- {
		l := &w.layers[k]
		h := f[l.off:]
		switch l.kind {
		case layerIPv4:
			put16(h, 2, uint16(len(h)))
			put16(h, 4, be16(h, 4)+uint16(i))
			sumIPv4(h)
		case layerIPv6:
			put16(h, 4, uint16(len(h)-40))
		case layerPPPoE:
			put16(h, 4, uint16(len(h)-6))
		case layerGRE:
			put16(h, 4, 0)
			known = extend(f, l.off, from, known)
			put16(h, 4, ^known)
			from, known = l.off, 0xffff
		case layerUDP:
			old := len(w.frame) - l.off
			put16(h, 4, uint16(len(h)))
			seed := be16(h, udpCsum)
			if seed == 0 {
				continue // no checksum wanted
			}
			switch {
			case k == 0:
				continue
			case w.layers[k-1].kind == layerIPv4:
				seed = pseudo4(f[w.layers[k-1].off:], protoUDP, len(h))
			case w.layers[k-1].routed:
				// The final destination is in the sum left in the field.
				seed = add(sub(seed, fold(uint32(old))), uint16(len(h)))
			default:
				seed = pseudo6(f[w.layers[k-1].off:], protoUDP, len(h))
			}
			put16(h, udpCsum, 0)
			known = extend(f, l.off, from, known)
			c := ^add(seed, known)
			if c == 0 {
				c = 0xffff
			}
			put16(h, udpCsum, c)
			from, known = l.off, ^seed
		}
	}
}

// extend returns the sum of f from octet off on, given that from from on.
func extend(f []byte, off, from int, known uint16) uint16 {
	if (from-off)&1 != 0 {
		known = known>>8 | known<<8 // its octets change places
	}
	return add(known, sum(f[off:from]))
}

// sumIPv4 writes the header checksum of the IPv4 packet at the start of h.
func sumIPv4(h []byte) {
	put16(h, 10, 0)
	put16(h, 10, ^sum(h[:int(h[0]&0x0f)*4]))
}
