package link

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Groups are the multicast groups that the host has joined on a link, without
// those that are never reported: all hosts, and what never leaves the host.
type Groups struct {
	// IGMP is the version to report in: 1 or 2 while an older querier has been
	// heard, else 3.
	IGMP int
	V4   []Group
	V6   []Group
}

// Group is one multicast group.
type Group struct {
	Addr netip.Addr
	// Include: traffic from Sources only is wanted; else from everywhere.
	Include bool
	Sources []netip.Addr
}

// netDir shows the network namespace of the calling thread.
const netDir = "/proc/thread-self/net/"

// Groups implements Host. It reads /proc, which waits for nothing.
func (l *Linux) Groups(index int) (Groups, error) {
	var text [4]string
	for i, name := range []string{"igmp", "mcfilter", "igmp6", "mcfilter6"} {
		b, err := os.ReadFile(netDir + name)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6 has no igmp6
			return Groups{}, err
		}
		text[i] = string(b)
	}
	g := parseGroups(index, text[0], text[1], text[2], text[3])
	if b, err := os.ReadFile("/proc/sys/net/ipv4/igmp_link_local_mcast_reports"); err == nil && strings.TrimSpace(string(b)) == "0" {
		g.V4 = withoutLocal(g.V4)
	}
	return g, nil
}

// withoutLocal drops 224.0.0.0/24.
func withoutLocal(list []Group) []Group {
	var out []Group
	for _, g := range list {
		if a := g.Addr.As4(); [3]byte(a[:]) != [3]byte{224, 0, 0} {
			out = append(out, g)
		}
	}
	return out
}

func parseGroups(index int, igmp, mcfilter, igmp6, mcfilter6 string) Groups {
	g := Groups{IGMP: 3}
	here := false
	// A line of the device, with its querier's version, then one a group: the
	// address in the machine's order, users, timer, reporter.
	for line := range strings.Lines(igmp) {
		f := strings.Fields(line)
		switch {
		case len(f) >= 4 && line[0] != '\t':
			here = f[0] == strconv.Itoa(index)
			if v := strings.TrimPrefix(f[len(f)-1], "V"); here && (v == "1" || v == "2") {
				g.IGMP = int(v[0] - '0')
			}
		case here && len(f) >= 2:
			if a, ok := reversed4(f[0]); ok && a != allHosts {
				g.V4 = append(g.V4, withSources(a, f[1], index, mcfilter))
			}
		}
	}
	for line := range strings.Lines(igmp6) { // index, device, group, users, flags, timer
		f := strings.Fields(line)
		if len(f) < 4 || f[0] != strconv.Itoa(index) {
			continue
		}
		if a, ok := hexAddr(f[2]); ok && a != allNodes && a.As16()[1]&0xf > 1 {
			g.V6 = append(g.V6, withSources(a, f[3], index, mcfilter6))
		}
	}
	return g
}

var (
	allHosts = netip.AddrFrom4([4]byte{224, 0, 0, 1})
	allNodes = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 1})
)

// withSources looks a group's sources up: index, device, group, source, how many
// want it and how many don't. Who wants all sources appears nowhere: there is
// one if the group has more users than any of its sources has, unless the group
// is source-specific by its address.
func withSources(a netip.Addr, users string, index int, filter string) Group {
	g := Group{Addr: a}
	most := 0
	for line := range strings.Lines(filter) {
		f := strings.Fields(line)
		if len(f) < 6 || f[0] != strconv.Itoa(index) {
			continue
		}
		group, ok := hexAddr(strings.TrimPrefix(f[2], "0x"))
		source, ok2 := hexAddr(strings.TrimPrefix(f[3], "0x"))
		want, err := strconv.Atoi(f[4])
		if !ok || !ok2 || group != a || err != nil || want == 0 {
			continue
		}
		g.Sources = append(g.Sources, source)
		most = max(most, want)
	}
	n, _ := strconv.Atoi(users)
	g.Include = most > 0 && (most >= n || sourceSpecific(a))
	if !g.Include {
		g.Sources = nil
	}
	return g
}

// sourceSpecific: RFC 4607, 232.0.0.0/8 and ff3x::/32.
func sourceSpecific(a netip.Addr) bool {
	if a.Is4() {
		return a.As4()[0] == 232
	}
	b := a.As16()
	return b[1]>>4 == 3 && b[2] == 0 && b[3] == 0
}

func hexAddr(s string) (netip.Addr, bool) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(b)
}

func reversed4(s string) (netip.Addr, bool) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 {
		return netip.Addr{}, false
	}
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b), true
}
