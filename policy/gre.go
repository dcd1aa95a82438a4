package policy

// GRE flags: RFC 2784, RFC 2890; the acknowledgment is version 1's, RFC 2637.
const (
	greChecksum = 0x8000
	greRouting  = 0x4000
	greKey      = 0x2000
	greSequence = 0x1000
	greAck      = 0x0080
	greVersion  = 0x0007
)

// gre goes behind a GRE header of version 0, and behind that of version 1 if
// it is PPTP's. Source-routed and later ones end the walk at the outer header.
func (w *walk) gre() verdict {
	if !w.has(4) {
		return failed
	}
	flags, next := be16(w.b, w.at), be16(w.b, w.at+2)
	version := flags & greVersion
	if flags&greRouting != 0 || version > 1 {
		return done
	}
	if version == 1 && (next != etherPPP || flags&greKey == 0) {
		return done
	}
	n := 4
	if flags&greChecksum != 0 {
		n += 4
	}
	if flags&greKey != 0 {
		if n += 4; !w.has(n) {
			return failed
		}
	}
	if flags&greSequence != 0 {
		n += 4
	}
	switch {
	case version == 1:
		if flags&greAck != 0 {
			n += 4
		}
		if n += 4; !w.has(n) { // address, control, PPP protocol
			return failed
		}
		switch be16(w.b, w.at+n-2) {
		case pppIPv4:
			next = etherIPv4
		case pppIPv6:
			next = etherIPv6
		}
	case next == etherTEB:
		if n += etherHeader; !w.has(n) {
			return failed
		}
		next = be16(w.b, w.at+n-2)
	}
	w.at += n
	return w.ipInIP(next)
}
