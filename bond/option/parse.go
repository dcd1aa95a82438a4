package option

import (
	"net/netip"
	"strconv"
	"strings"
)

const spaces = " \t\n\v\f\r"

// maxName is the longest word that the driver compares with its tables.
const maxName = 31

// maxIfname is the longest interface name.
const maxIfname = 15

// maxAltname is the longest alternative name.
const maxAltname = 127

// Parse reads text as the driver reads the value of a table option: digits and
// spaces alone are a number, of which the first counts; anything else is
// looked up by its first word. ok is false if that yields no allowed value.
// For raw options it is always false.
//
// A number past 64 bits is refused (the driver lets it wrap around).
func (o *Option) Parse(text string) (n uint32, ok bool) {
	if o.Raw {
		return 0, false
	}
	text = firstLine(text)
	word := firstWord(text)
	if strings.Trim(text, "0123456789"+spaces) == "" {
		n, err := strconv.ParseUint(word, 10, 32)
		return uint32(n), err == nil && o.allows(uint32(n))
	}
	if len(word) > maxName {
		return 0, false
	}
	for _, v := range o.Values {
		if v.Name == word || v.Default && word == "default" {
			return v.N, true
		}
	}
	return 0, false
}

func (o *Option) allows(n uint32) bool {
	for _, v := range o.Values {
		if v.N == n {
			return true
		}
	}
	return o.Max != 0 && n >= o.Min && n <= o.Max
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

func firstWord(s string) string {
	s = strings.TrimLeft(s, spaces)
	if i := strings.IndexAny(s, spaces); i >= 0 {
		return s[:i]
	}
	return s
}

// validIfname reports whether the kernel would let a device have this name.
func validIfname(s string) bool {
	return s != "" && len(s) <= maxIfname && s != "." && s != ".." && !strings.ContainsAny(s, "/:"+spaces)
}

// parseIPv4 reads a dotted quad and its VLANs, spaces after it allowed.
func parseIPv4(s string) (Target, bool) {
	t, ok := parseTarget(strings.TrimRight(s, spaces))
	return t, ok && t.Addr.Is4()
}

// parseIPv6 reads an IPv6 address without a zone and its VLANs, spaces around
// it allowed.
func parseIPv6(s string) (Target, bool) {
	t, ok := parseTarget(strings.Trim(s, spaces))
	return t, ok && t.Addr.Is6() && t.Addr.Zone() == "" && !t.Addr.Is4In6()
}

func parseTarget(s string) (Target, bool) {
	addr, vlans, ok := cutVLANs(s)
	a, err := netip.ParseAddr(addr)
	return Target{Addr: a, VLANs: vlans}, ok && err == nil
}

// parseMAC reads six pairs of hex digits with colons between, spaces after
// them allowed.
func parseMAC(s string) (m MAC, ok bool) {
	s = strings.TrimRight(s, spaces)
	if len(s) != 17 {
		return MAC{}, false
	}
	for i := range m {
		b, err := strconv.ParseUint(s[3*i:3*i+2], 16, 8)
		if err != nil || i < 5 && s[3*i+2] != ':' {
			return MAC{}, false
		}
		m[i] = byte(b)
	}
	return m, true
}

// String returns the usual form, "02:00:00:00:00:01".
func (m MAC) String() string {
	const hex = "0123456789abcdef"
	b := make([]byte, 0, 17)
	for i, x := range m {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hex[x>>4], hex[x&15])
	}
	return string(b)
}
