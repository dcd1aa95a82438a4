package probe

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/monitor"
)

var mac = [6]byte{2, 0, 0, 0, 0, 0}

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Frames that the kernel's driver (Linux 6.1) sent, and what answered it.
const (
	recordedRequest = "ffffffffffff 020000000000 0806 0001 0800 06 04 0001 020000000000 0a010009 000000000000 0a010001"
	recordedReply   = "020000000000 020000000200 0806 0001 0800 06 04 0002 020000000200 0a010001 020000000000 0a010009"
	recordedNS      = `3333ff000001 020000000000 86dd 60000000 0020 3a ff fd000000000000000000000000000009
		ff0200000000000000000001ff000001 87 00 7d92 00000000 fd000000000000000000000000000001 0101 020000000000`
	recordedDAD = `3333ff000001 020000000001 86dd 60000000 0020 3a ff 00000000000000000000000000000000
		ff0200000000000000000001ff000001 87 00 49ce 00000000 fe80000000000000000000fffe000001 0e01 cc3490b9c85f`
)

func TestFramesAreTheKernels(t *testing.T) {
	for _, c := range []struct {
		path Path
		want string
	}{
		{Path{Target: ip("10.1.0.1"), Source: ip("10.1.0.9")}, recordedRequest},
		{Path{Target: ip("fd00::1"), Source: ip("fd00::9")}, recordedNS},
	} {
		got, err := Frame(mac, c.path)
		if err != nil {
			t.Fatal(err)
		}
		want := octets(t, c.want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-recorded +built)\n%s", c.path.Target, d)
		}
		c.path.Tags = []link.Tag{{TPID: 0x88a8, VID: 7}, {TPID: 0x8100, VID: 10}}
		if got, err = Frame(mac, c.path); err != nil {
			t.Fatal(err)
		}
		want = slices.Concat(want[:12], []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0, 10}, want[12:])
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s tagged\n%s", c.path.Target, d)
		}
	}
}

// Without a source address a solicitation doesn't say where we are.
func TestNoSource(t *testing.T) {
	got, err := Frame(mac, Path{Target: ip("fe80::1"), Source: netip.IPv6Unspecified()})
	if err != nil || len(got) != 14+40+24 {
		t.Errorf("%d octets, %v", len(got), err)
	}
	got, err = Frame(mac, Path{Target: ip("10.1.0.1"), Source: netip.IPv4Unspecified()})
	if err != nil || !strings.HasSuffix(hex.EncodeToString(got), "00000000"+"000000000000"+"0a010001") {
		t.Errorf("%x, %v", got, err)
	}
}

func TestRead(t *testing.T) {
	any, some := monitor.Frame{Kind: monitor.FrameAny}, monitor.Frame{Kind: monitor.FrameNeighbour}
	edit := func(s string, at int, v ...byte) []byte {
		b := octets(t, s)
		copy(b[at:], v)
		return b
	}
	tagged := func(b []byte, tags ...byte) []byte { return slices.Concat(b[:12], tags, b[12:]) }
	request := monitor.Frame{Kind: monitor.FrameRequest, From: ip("10.1.0.9"), To: ip("10.1.0.1")}
	nd := monitor.Frame{Kind: monitor.FrameND, From: ip("fd00::9"), To: ip("ff02::1:ff00:1")}
	for name, c := range map[string]struct {
		frame  []byte
		others bool
		want   monitor.Frame
	}{
		"request":         {octets(t, recordedRequest), false, request},
		"reply":           {octets(t, recordedReply), false, monitor.Frame{Kind: monitor.FrameReply, From: ip("10.1.0.1"), To: ip("10.1.0.9")}},
		"solicitation":    {octets(t, recordedNS), false, nd},
		"DAD":             {octets(t, recordedDAD), false, monitor.Frame{Kind: monitor.FrameND, From: ip("::"), To: ip("ff02::1:ff00:1")}},
		"tagged":          {tagged(octets(t, recordedRequest), 0x81, 0, 0, 10), false, request},
		"twice tagged":    {tagged(octets(t, recordedNS), 0x88, 0xa8, 0, 7, 0x81, 0, 0, 10), false, nd},
		"for others":      {octets(t, recordedReply), true, some},
		"ND for others":   {octets(t, recordedNS), true, some},
		"long addresses":  {edit(recordedReply, 18, 128), false, some},
		"another medium":  {edit(recordedReply, 15, 6), false, some},
		"other protocol":  {edit(recordedReply, 16, 0x86, 0xdd), false, some},
		"RARP":            {edit(recordedReply, 21, 3), false, some},
		"half an ARP":     {octets(t, recordedReply)[:41], false, some},
		"routed ND":       {edit(recordedNS, 21, 254), false, some},
		"extension first": {edit(recordedNS, 20, 0), false, any},
		"echo":            {edit(recordedNS, 54, 128), false, any},
		"half an NS":      {octets(t, recordedNS)[:14+40+23], false, any},
		"IPv4":            {octets(t, "020000000000 020000000200 0800 45"), false, any},
		"nothing":         {nil, false, any},
		"a tag's half":    {octets(t, "020000000000 020000000200 8100 0000"), false, any},
	} {
		if got := Read(c.frame, c.others); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{recordedRequest, recordedReply, recordedNS, recordedDAD} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := Read(b, false)
		if named := got.From.IsValid() && got.To.IsValid(); named != (got.Kind >= monitor.FrameRequest) {
			t.Errorf("%v", got)
		}
		if Read(b, true).From.IsValid() {
			t.Error("believed, although it is for others")
		}
	})
}

// fakeHost has bond0 (2) with a VLAN 10 (3) and in a bridge (4), and eth9 (9).
type fakeHost struct {
	routes map[string]int // "address out" -> device
	srcs   map[string]netip.Addr
	ways   []link.Way
	addrs  map[int][]netip.Prefix
}

var devices = []link.Upper{
	{Info: link.Info{Index: 3, Name: "bond0.10"}, Tags: []link.Tag{{TPID: 0x8100, VID: 10}}},
	{Info: link.Info{Index: 4, Name: "br0"}},
}

func (h *fakeHost) LinkByIndex(index int) (link.Info, error) {
	return link.Info{Index: index, Name: map[int]string{2: "bond0", 9: "eth9"}[index]}, nil
}
func (h *fakeHost) Uppers(int) ([]link.Upper, error)        { return devices, nil }
func (h *fakeHost) Addresses(i int) ([]netip.Prefix, error) { return h.addrs[i], nil }
func (h *fakeHost) OnLink(to netip.Addr, w link.Way) (link.Hop, error) {
	key := to.String()
	if w.Out != 0 {
		key += fmt.Sprint(" on ", map[int]string{2: "bond0", 3: "bond0.10"}[w.Out])
	}
	if w.Mark != 0 {
		key += fmt.Sprint(" mark ", w.Mark)
	}
	if w.Src.IsValid() {
		key += fmt.Sprint(" from ", w.Src)
	}
	if i, ok := h.routes[key]; ok {
		return link.Hop{Index: i, Src: h.srcs[key]}, nil
	}
	return link.Hop{}, unix.ENETUNREACH
}
func (h *fakeHost) Ways([]link.Info, []netip.Addr) ([]link.Way, error) { return h.ways, nil }

func TestPaths(t *testing.T) {
	pfx := netip.MustParsePrefix
	h := &fakeHost{
		routes: map[string]int{"10.1.0.1": 2, "10.2.0.1": 3, "10.3.0.1": 4, "10.9.0.1": 9, "fd00::1": 2, "fd09::1": 9, "fd08::1": 9, "fd08::1 on bond0": 2, "fe80::1 on bond0": 2},
		addrs: map[int][]netip.Prefix{
			2: {pfx("10.1.1.9/24"), pfx("10.1.0.9/24"), pfx("10.1.0.10/24"), pfx("fe80::9/64"), pfx("fd00::9/64"), pfx("fd08::9/64")},
			3: {pfx("10.2.0.9/24")},
		},
	}
	h.routes["10.5.0.1"], h.srcs = 2, map[string]netip.Addr{"10.5.0.1": ip("10.255.0.1")}
	none4, none6 := netip.IPv4Unspecified(), netip.IPv6Unspecified()
	tag := []link.Tag{{TPID: 0x8100, VID: 10}}
	want := []Path{
		{Target: ip("10.1.0.1"), Source: ip("10.1.0.9")},
		{Target: ip("10.2.0.1"), Source: ip("10.2.0.9"), Tags: tag},
		{Target: ip("10.3.0.1"), Source: none4}, // no address there
		{Target: ip("10.4.0.1"), Source: none4, NoRoute: true},
		{Target: ip("10.9.0.1"), Source: none4, Elsewhere: "eth9"},
		{Target: ip("10.2.0.1"), Source: ip("10.2.0.9"), Tags: tag},
		{Target: ip("10.1.0.1"), Source: ip("10.1.0.9"), Tags: []link.Tag{{TPID: 0x8100, VID: 5}, {TPID: 0x8100, VID: 6}}},
		{Target: ip("10.9.0.1"), Source: none4, Tags: []link.Tag{{TPID: 0x8100, VID: 7}}},
		{Target: ip("10.5.0.1"), Source: ip("10.255.0.1")}, // the route says from where
		{Target: ip("fd00::1"), Source: ip("fd00::9")},
		{Target: ip("fe80::1"), Source: ip("fe80::9")},
		{Target: ip("fd08::1"), Source: ip("fd08::9")}, // the better route is elsewhere
		{Target: ip("fd09::1"), Source: none6, Elsewhere: "eth9"},
		{Target: ip("fd0a::1"), Source: none6, NoRoute: true},
	}
	vlans := map[int][]uint16{5: {10}, 6: {5, 6}, 7: {7}}
	var targets []Target
	for i, p := range want {
		targets = append(targets, Target{Addr: p.Target, VLANs: vlans[i]})
	}
	got, own, err := Paths(h, 2, targets)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if len(own) != 8 || !slices.Contains(own, ip("10.255.0.1")) || !slices.Contains(own, ip("10.2.0.9")) {
		t.Errorf("own addresses %v", own)
	}
}
