package announce

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/ethernet"

	"github.com/tapbond/tapbond/internal/link"
)

// Membership reports, as the host would answer a querier. IGMP: RFC 2236 2,
// RFC 3376 4.2; MLD: RFC 3810 5.2.
const (
	typeReportV1 = 0x12
	typeReportV2 = 0x16
	typeReportV3 = 0x22
	typeMLDv2    = 143

	modeInclude = 1 // MODE_IS_INCLUDE
	modeExclude = 2 // MODE_IS_EXCLUDE

	protoIGMP   = 2
	ip4Len      = 24 // header with the router alert option
	maxSources  = 60 // of a record: what a small MTU has room for
	maxMLDLen   = 1200
	controlTOS  = 0xc0 // internetwork control, as the kernel's
	hopByHopLen = 8
)

var (
	igmpRouters = netip.AddrFrom4([4]byte{224, 0, 0, 22})
	mldRouters  = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x16})
)

// IGMP returns the reports of one group in IGMP version 1, 2 or 3: one frame,
// more if it has very many sources. src is the device's address, 0.0.0.0 if it
// has none.
func IGMP(mac [6]byte, src netip.Addr, version int, g link.Group, tags []link.Tag) ([][]byte, error) {
	if version < 3 {
		msg := make([]byte, 8)
		msg[0] = typeReportV2
		if version == 1 {
			msg[0] = typeReportV1
		}
		group := g.Addr.As4()
		copy(msg[4:], group[:])
		f, err := igmpFrame(mac, src, g.Addr, msg, tags)
		return [][]byte{f}, err
	}
	var out [][]byte
	for first := true; first || len(g.Sources) > 0; first = false {
		n := min(len(g.Sources), maxSources)
		msg := make([]byte, 16, 16+4*n)
		msg[0], msg[7] = typeReportV3, 1
		msg[8] = recordType(g)
		msg[11] = byte(n)
		group := g.Addr.As4()
		copy(msg[12:], group[:])
		for _, s := range g.Sources[:n] {
			msg = append(msg, s.AsSlice()...)
		}
		g.Sources = g.Sources[n:]
		f, err := igmpFrame(mac, src, igmpRouters, msg, tags)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

func recordType(g link.Group) byte {
	if g.Include {
		return modeInclude
	}
	return modeExclude
}

// igmpFrame fills in a message's checksum and puts IP and Ethernet around it.
func igmpFrame(mac [6]byte, src, dst netip.Addr, msg []byte, tags []link.Tag) ([]byte, error) {
	binary.BigEndian.PutUint16(msg[2:], checksum(0, msg))
	b := make([]byte, ip4Len, ip4Len+len(msg))
	b[0], b[1] = 4<<4|ip4Len/4, controlTOS
	binary.BigEndian.PutUint16(b[2:], uint16(ip4Len+len(msg)))
	b[6] = 0x40 // don't fragment
	b[8], b[9] = 1, protoIGMP
	s, d := src.As4(), dst.As4()
	copy(b[12:], s[:])
	copy(b[16:], d[:])
	copy(b[20:], []byte{0x94, 4, 0, 0}) // router alert, RFC 2113
	binary.BigEndian.PutUint16(b[10:], checksum(0, b))
	return Frame([6]byte{1, 0, 0x5e, d[1] & 0x7f, d[2], d[3]}, mac, ethernet.EtherTypeIPv4, append(b, msg...), tags)
}

// MLD returns reports of all groups of a device, several in a frame. src is the
// device's link-local address, :: if it has none.
func MLD(mac [6]byte, src netip.Addr, groups []link.Group, tags []link.Tag) ([][]byte, error) {
	var out [][]byte
	var records []byte
	n := 0
	flush := func() error {
		if n == 0 {
			return nil
		}
		f, err := mldFrame(mac, src, n, records, tags)
		out = append(out, f)
		records, n = nil, 0
		return err
	}
	for _, g := range groups {
		for first := true; first || len(g.Sources) > 0; first = false {
			k := min(len(g.Sources), maxSources)
			if len(records)+20+16*k > maxMLDLen {
				if err := flush(); err != nil {
					return nil, err
				}
			}
			records = append(records, recordType(g), 0, 0, byte(k))
			records = append(records, g.Addr.AsSlice()...)
			for _, s := range g.Sources[:k] {
				records = append(records, s.AsSlice()...)
			}
			g.Sources = g.Sources[k:]
			n++
		}
	}
	err := flush()
	return out, err
}

func mldFrame(mac [6]byte, src netip.Addr, n int, records []byte, tags []link.Tag) ([]byte, error) {
	msgLen := 8 + len(records)
	b := make([]byte, ip6Len+hopByHopLen+8, ip6Len+hopByHopLen+msgLen)
	b[0] = 6 << 4
	binary.BigEndian.PutUint16(b[4:], uint16(hopByHopLen+msgLen))
	b[7] = 1 // hop limit; the next header, 0, is the hop-by-hop options
	s, d := src.As16(), mldRouters.As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	copy(b[ip6Len:], []byte{protoICMPv6, 0, 5, 2, 0, 0, 1, 0}) // router alert, RFC 2711
	msg := b[ip6Len+hopByHopLen:]
	msg[0] = typeMLDv2
	binary.BigEndian.PutUint16(msg[6:], uint16(n))
	b = append(b, records...)
	msg = b[ip6Len+hopByHopLen:]
	binary.BigEndian.PutUint16(msg[2:], ICMPv6Sum(b[8:40], msg))
	return Frame([6]byte{0x33, 0x33, 0, 0, 0, 0x16}, mac, ethernet.EtherTypeIPv6, b, tags)
}
