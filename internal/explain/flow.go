// Package explain says in words what a bond does and why: which slave a flow
// takes, and why a slave carries traffic or doesn't. It is made from State
// alone, so it can be asked of any bond, live or written down.
package explain

import (
	"encoding/binary"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Flow is a conversation as people name it. Addresses are the host's side
// first: what it would send.
type Flow struct {
	Proto    uint8
	Src, Dst netip.AddrPort // ports 0 where the protocol has none
	VLAN     uint16         // 0: untagged
	SrcMAC   [6]byte        // zero: the bond's own
	DstMAC   [6]byte        // zero: not known
}

var protocols = map[string]uint8{"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "icmp6": 58, "sctp": 132}

const hasPorts = "tcp udp sctp" // by name

// ParseFlow reads "tcp 10.0.0.1:4000 10.0.0.2:80 [vlan N] [src-mac M] [dst-mac M]".
// IPv6 addresses with ports stand in brackets; protocols other than TCP, UDP
// and SCTP, by name or number, have no ports.
func ParseFlow(words []string) (Flow, error) {
	var f Flow
	if len(words) < 3 {
		return f, fmt.Errorf("%q is no flow: want PROTOCOL SOURCE DESTINATION", strings.Join(words, " "))
	}
	proto, ok := protocols[words[0]]
	if n, err := strconv.ParseUint(words[0], 10, 8); !ok && err == nil {
		proto, ok = uint8(n), true
	}
	if !ok {
		return f, fmt.Errorf("protocol %q: want %s, or a number to 255", words[0], strings.Join(slices.Sorted(maps.Keys(protocols)), ", "))
	}
	f.Proto = proto
	var err error
	if f.Src, err = endpoint(words[1], proto); err != nil {
		return f, err
	}
	if f.Dst, err = endpoint(words[2], proto); err != nil {
		return f, err
	}
	if f.Src.Addr().Is4() != f.Dst.Addr().Is4() {
		return f, fmt.Errorf("%s and %s are of different families", f.Src.Addr(), f.Dst.Addr())
	}
	return f, f.more(words[3:])
}

func (f *Flow) more(words []string) error {
	for ; len(words) > 0; words = words[2:] {
		switch known := words[0] == "vlan" || words[0] == "src-mac" || words[0] == "dst-mac"; {
		case !known:
			return fmt.Errorf("%q: after the destination come vlan N, src-mac M or dst-mac M; a bond is named by --bond %s", words[0], words[0])
		case len(words) < 2:
			return fmt.Errorf("%s: value missing", words[0])
		}
		switch words[0] {
		case "vlan":
			n, err := strconv.ParseUint(words[1], 10, 12)
			if err != nil || n == 0 || n == 4095 {
				return fmt.Errorf("vlan %s: not in 1 to 4094", words[1])
			}
			f.VLAN = uint16(n)
		case "src-mac", "dst-mac":
			mac, err := net.ParseMAC(words[1])
			if err != nil || len(mac) != 6 {
				return fmt.Errorf("%s %q: want an address like 02:00:00:00:00:01", words[0], words[1])
			}
			if words[0] == "src-mac" {
				f.SrcMAC = [6]byte(mac)
			} else {
				f.DstMAC = [6]byte(mac)
			}
		}
	}
	return nil
}

func endpoint(word string, proto uint8) (netip.AddrPort, error) {
	if ap, err := netip.ParseAddrPort(word); err == nil && ported(proto) {
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
	}
	a, err := netip.ParseAddr(word)
	switch {
	case err != nil && !ported(proto):
		return netip.AddrPort{}, fmt.Errorf("%q: want an address without a port", word)
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%q is no address: want ADDRESS or ADDRESS:PORT, IPv6 as [ADDRESS]:PORT", word)
	case ported(proto):
		return netip.AddrPort{}, fmt.Errorf("%s: port missing: want %s", word, netip.AddrPortFrom(a, 80))
	}
	return netip.AddrPortFrom(a.Unmap().WithZone(""), 0), nil
}

func ported(proto uint8) bool {
	for name := range strings.FieldsSeq(hasPorts) {
		if protocols[name] == proto {
			return true
		}
	}
	return false
}

// Frame is the first octets of such a frame, as the host would send it.
func (f *Flow) Frame() []byte {
	b := append(append([]byte{}, f.DstMAC[:]...), f.SrcMAC[:]...)
	if f.VLAN != 0 {
		b = binary.BigEndian.AppendUint16(b, 0x8100)
		b = binary.BigEndian.AppendUint16(b, f.VLAN)
	}
	const payload = 20 // enough of any header that a hash reads
	if f.Src.Addr().Is4() {
		b = append(b, 0x08, 0x00, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, 20+payload)
		b = append(b, 0, 0, 0x40, 0, 64, f.Proto, 0, 0)
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, payload)
		b = append(b, f.Proto, 64)
	}
	b = append(b, f.Src.Addr().AsSlice()...)
	b = append(b, f.Dst.Addr().AsSlice()...)
	switch {
	case ported(f.Proto):
		b = binary.BigEndian.AppendUint16(b, f.Src.Port())
		b = binary.BigEndian.AppendUint16(b, f.Dst.Port())
	case f.Proto == protocols["icmp"]:
		b = append(b, 8, 0, 0, 0) // an echo request
	case f.Proto == protocols["icmp6"]:
		b = append(b, 128, 0, 0, 0)
	default:
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, make([]byte, payload-4)...)
}

func (f *Flow) String() string {
	name := strconv.Itoa(int(f.Proto))
	for n, p := range protocols {
		if p == f.Proto {
			name = n
		}
	}
	ends := fmt.Sprintf("%s to %s", f.Src.Addr(), f.Dst.Addr())
	if ported(f.Proto) {
		ends = fmt.Sprintf("%s to %s", f.Src, f.Dst)
	}
	if f.VLAN != 0 {
		ends += fmt.Sprintf(", VLAN %d", f.VLAN)
	}
	return name + " " + ends
}
