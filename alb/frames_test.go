package alb

import (
	"bytes"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"pgregory.net/rapid"

	"github.com/tapbond/tapbond/policy"
)

func octets(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mac(n byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, n} }

func ip(s string) IP { return FromAddr(netip.MustParseAddr(s)) }

// The frames are those that the kernel's driver sent (Linux 6.1).
func TestFramesAreTheKernels(t *testing.T) {
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{Learning(mac(1)), "020000000001 020000000001 9000" + strings.Repeat("00", 46)},
		{Learning(mac(1), Tag{0x8100, 10}), "020000000001 020000000001 8100000a 9000" + strings.Repeat("00", 46)},
		{
			answer(ip("10.1.0.9"), ip("10.1.0.2"), mac(1), [6]byte{2, 0, 0, 0, 2, 0}, 0),
			"020000000200 020000000001 0806 0001080006040002 020000000001 0a010009 020000000200 0a010002",
		},
	} {
		if want := octets(t, c.want); !bytes.Equal(c.got, want) {
			t.Errorf("built    % x\nrecorded % x", c.got, want)
		}
	}
}

// arpFrame builds a frame with the package that the rewriting must not use.
func arpFrame(t testing.TB, op arp.Operation, src, dst [6]byte, sender string, targetMAC [6]byte, target string, vid uint16) []byte {
	t.Helper()
	p, err := arp.NewPacket(op, src[:], netip.MustParseAddr(sender), targetMAC[:], netip.MustParseAddr(target))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := &ethernet.Frame{Destination: dst[:], Source: net.HardwareAddr(src[:]), EtherType: ethernet.EtherTypeARP, Payload: payload}
	if vid != 0 {
		f.VLAN = &ethernet.VLAN{ID: vid}
	}
	b, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(t testing.TB, b []byte) *policy.Frame {
	t.Helper()
	f := new(policy.Frame)
	if !f.Decode(b) {
		t.Fatal("not a frame")
	}
	return f
}

func TestParseARP(t *testing.T) {
	reply := func() []byte {
		return arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0)
	}
	request := func() []byte {
		return arpFrame(t, arp.OperationRequest, mac(0), broadcast, "10.1.0.9", [6]byte{}, "10.1.0.1", 0)
	}
	set := func(b []byte, at int, v ...byte) []byte { return slices.Replace(b, at, at+len(v), v...) }
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"reply", reply(), true},
		{"request", request(), true},
		{"request to one host", set(request(), 0, 2, 0, 0, 0, 0, 9), true},
		{"tagged", arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 7), true},
		{"padded", append(reply(), make([]byte, 40)...), true},
		{"shortest", reply()[:42], true},
		{"cut short", reply()[:41], false},
		{"802.1ad tag", set(arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 7), 12, 0x88, 0xa8), false},
		{"hardware type", set(reply(), 15, 6), false},
		{"protocol type", set(reply(), 16, 0x86, 0xdd), false},
		{"hardware length 128", set(reply(), 18, 128), false},
		{"hardware length 0", set(reply(), 18, 0), false},
		{"protocol length 16", set(reply(), 19, 16), false},
		{"operation 0", set(reply(), 21, 0), false},
		{"RARP", set(reply(), 21, 3), false},
		{"operation 258", set(reply(), 20, 1), false},
		{"sender isn't who sends", set(reply(), 27, 5), false},
		{"multicast sender", set(set(reply(), 6, 3), 22, 3), false},
		{"no sender address", set(set(reply(), 6, 0, 0, 0, 0, 0, 0), 22, 0, 0, 0, 0, 0, 0), false},
		{"probe", set(request(), 28, 0, 0, 0, 0), false},
		{"announcement", set(request(), 38, 10, 1, 0, 9), false},
		{"link-local", set(request(), 28, 169, 254), false},
		{"to link-local", set(request(), 38, 169, 254), false},
		{"from a group", set(request(), 28, 224), false},
		{"to a group", set(request(), 38, 224), false},
		{"reply to all", set(reply(), 0, 255, 255, 255, 255, 255, 255), false},
		{"reply to a group", set(reply(), 0, 1), false},
		{"reply to another than it says", set(reply(), 37, 8), false},
		{"request to a group", set(request(), 0, 1, 0, 0x5e, 0, 0, 1), false},
	} {
		var x Exchange
		if got := parseARP(frame(t, c.b), &x); got != c.ok {
			t.Errorf("%s: accepted %v", c.name, got)
		}
	}
	var x Exchange
	parseARP(frame(t, arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 7)), &x)
	if want := (Exchange{Sender: ip("10.1.0.9"), Target: ip("10.1.0.1"), SenderMAC: mac(0), VID: 7, Reply: true, Peer: mac(9)}); x != want {
		t.Errorf("%+v, want %+v", x, want)
	}
}

// view is what the workers know of a bond with an address, one client, and another one
// that was asked for.
func view(t testing.TB) *View {
	t.Helper()
	c := NewClients(mac(0))
	c.SetND(true)
	c.SetOwn([]IP{ip("10.1.0.9"), ip("fd00::9")})
	c.SetSlaves(start, mac(0), [][6]byte{mac(0), mac(1)}, []Slave{{ID: 3, MAC: mac(1), Mbps: 1000, Usable: true}})
	c.Outgoing(start, &Exchange{Sender: ip("10.1.0.9"), Target: ip("10.1.0.1"), SenderMAC: mac(0), Reply: true, Peer: mac(9)})
	c.Outgoing(start, &Exchange{Sender: ip("fd00::9"), Target: ip("fd00::1"), SenderMAC: mac(0), Reply: true, Peer: mac(9)})
	c.Outgoing(start, &Exchange{Sender: ip("10.1.0.9"), Target: ip("10.1.0.3"), SenderMAC: mac(0), ToAll: true, Peer: broadcast})
	return c.View()
}

func TestOutgoingVerdicts(t *testing.T) {
	v := view(t)
	for _, c := range []struct {
		name string
		b    []byte
		want Verdict
	}{
		{"to a client", arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0), Take},
		{"to nobody we know", arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.2", 0), Ask},
		{"in another VLAN", arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 4), Ask},
		{"a guest's", arpFrame(t, arp.OperationReply, mac(7), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0), Leave},
		{"with a slave's address", arpFrame(t, arp.OperationReply, mac(1), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0), Leave},
		{"for an address that isn't ours", arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.8", mac(9), "10.1.0.1", 0), Leave},
	} {
		var x Exchange
		if got, slave := v.Outgoing(frame(t, c.b), &x); got != c.want || got == Take && slave != 3 {
			t.Errorf("%s: verdict %d, slave %d", c.name, got, slave)
		}
	}
}

func TestIncomingVerdicts(t *testing.T) {
	v := view(t)
	from := func(src byte, sender, target string) []byte {
		return arpFrame(t, arp.OperationReply, mac(src), mac(1), sender, mac(1), target, 0)
	}
	asks := func(src byte, sender, target string) []byte {
		return arpFrame(t, arp.OperationRequest, mac(src), broadcast, sender, [6]byte{}, target, 0)
	}
	for _, c := range []struct {
		name  string
		b     []byte
		want  Verdict
		stand Standing
	}{
		{"nothing new", from(9, "10.1.0.1", "10.1.0.9"), Leave, Client},
		{"a client's new address", from(8, "10.1.0.1", "10.1.0.9"), Note, Caller},
		{"a stranger", from(8, "10.1.0.2", "10.1.0.9"), Leave, Caller},
		{"to another host", from(8, "10.1.0.1", "10.1.0.7"), Leave, Stranger},
		{"our own", from(1, "10.1.0.9", "10.1.0.1"), Leave, Stranger},
		{"somebody with our address", from(8, "10.1.0.9", "10.1.0.1"), Note, Stranger},
		{"a client's request", asks(9, "10.1.0.1", "10.1.0.9"), Leave, Client},
		{"a request with a client's address", asks(8, "10.1.0.1", "10.1.0.9"), Leave, Caller},
		{"a client's request to another host", asks(9, "10.1.0.1", "10.1.0.7"), Leave, Stranger},
		{"the answer of one that was asked", from(7, "10.1.0.3", "10.1.0.9"), Note, Client},
	} {
		var x Exchange
		if got, stand := v.Incoming(frame(t, c.b), &x); got != c.want || stand != c.stand {
			t.Errorf("%s: verdict %d, standing %d", c.name, got, stand)
		}
	}
}

// Rewriting changes the sender's hardware address in the packet and nothing
// else, where it is for one host; otherwise nothing.
func TestRewrite(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want bool
	}{
		{arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0), true},
		{arpFrame(t, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 5), true},
		{arpFrame(t, arp.OperationRequest, mac(0), mac(9), "10.1.0.9", [6]byte{}, "10.1.0.1", 0), true},
		{arpFrame(t, arp.OperationRequest, mac(0), broadcast, "10.1.0.9", [6]byte{}, "10.1.0.1", 0), false},
	} {
		f, want := frame(t, c.b), slices.Clone(c.b)
		if c.want {
			m := mac(1)
			copy(want[f.L3+8:], m[:])
		}
		var x Exchange
		if !parse(f, false, &x) {
			t.Fatalf("not accepted: % x", c.b)
		}
		x.Rewrite(f, mac(1))
		if !bytes.Equal(c.b, want) {
			t.Errorf("rewritten % x\nwant      % x", c.b, want)
		}
	}
}

// FuzzExchange: whatever a frame is, judging it is safe and changes nothing,
// and rewriting what was accepted changes six octets of it at most, and a
// checksum that stays right.
func FuzzExchange(f *testing.F) {
	f.Add(arpFrame(f, arp.OperationReply, mac(0), mac(9), "10.1.0.9", mac(9), "10.1.0.1", 0))
	f.Add(arpFrame(f, arp.OperationRequest, mac(0), broadcast, "10.1.0.9", [6]byte{}, "10.1.0.1", 5))
	f.Add(arpFrame(f, arp.OperationReply, mac(8), mac(1), "10.1.0.1", mac(1), "10.1.0.9", 0))
	f.Add(answer(ip("fd00::9"), ip("fd00::1"), mac(0), mac(9), 0))
	v := view(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		before := slices.Clone(b)
		var fr policy.Frame
		if !fr.Decode(b) {
			return
		}
		var x Exchange
		out, slave := v.Outgoing(&fr, &x)
		v.Incoming(&fr, new(Exchange))
		if !bytes.Equal(b, before) {
			t.Fatal("judging changed the frame")
		}
		if out == Leave {
			return
		}
		if x.SenderMAC != mac(0) || fr.Src() != mac(0) || x.Sender != ip("10.1.0.9") && x.Sender != ip("fd00::9") {
			t.Fatalf("takes %+v", x)
		}
		if out == Take && slave != 3 {
			t.Fatalf("slave %d", slave)
		}
		good := fr.IsARP() || sumOf(&fr) == 0
		x.Rewrite(&fr, mac(1))
		changed := 0
		for i := range b {
			if b[i] != before[i] {
				changed++
			}
		}
		if x.ToAll && changed > 0 || changed > 8 || !bytes.Equal(b[:fr.L3], before[:fr.L3]) {
			t.Fatalf("changed %d octets:\n% x\n% x", changed, before, b)
		}
		if good && !fr.IsARP() && sumOf(&fr) != 0 {
			t.Fatal("the checksum is wrong now")
		}
	})
}

// sumOf is 0 for a neighbour discovery message whose checksum is right.
func sumOf(f *policy.Frame) uint16 {
	p := f.Payload()[:ip6Len+ndLen]
	sum := uint32(ndLen + protoICMPv6)
	for i := 8; i < len(p); i += 2 {
		sum += uint32(p[i])<<8 | uint32(p[i+1])
	}
	return ^fold(sum)
}

func TestND(t *testing.T) {
	na := answer(ip("fd00::9"), ip("fd00::1"), mac(0), mac(9), 0)
	if sumOf(frame(t, na)) != 0 {
		t.Errorf("checksum of % x", na)
	}
	var x Exchange
	if parseND(frame(t, na), &x) {
		t.Error("what we send by ourselves counts as an answer to a question")
	}
	// As a host answers: solicited.
	na[14+40+4] |= naSolicited
	fr := frame(t, na)
	sum := fold(uint32(^word(fr.Payload()[ip6Len:], checksumSpot)) + naSolicited<<8)
	putWord(fr.Payload()[ip6Len:], checksumSpot, ^sum)
	if sumOf(fr) != 0 || !parseND(fr, &x) || !x.Reply || x.Sender != ip("fd00::9") || x.Target != ip("fd00::1") {
		t.Fatalf("%+v, sum %x", x, sumOf(fr))
	}
	if to, slave := view(t).Outgoing(fr, &x); to != Take || slave != 3 {
		t.Errorf("verdict %d, slave %d", to, slave)
	}
	x.Rewrite(fr, mac(1))
	if m := fr.Payload()[ip6Len+ndOption+2:]; [6]byte(m) != mac(1) || sumOf(fr) != 0 {
		t.Errorf("option % x, sum %x", m[:6], sumOf(fr))
	}
	for name, at := range map[string]int{"hop limit": 14 + 7, "code": 14 + 41, "length": 14 + 5, "option length": 14 + 40 + 25, "multicast target": 14 + 48} {
		bad := slices.Clone(na)
		bad[at] = 0xff
		if parseND(frame(t, bad), &x) {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The rewritten checksum is that of the message, whatever is in it.
func TestNDChecksum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		any := rapid.SliceOfN(rapid.Byte(), 38, 38).Draw(t, "octets")
		ours, peer := IP(any[:16]), IP(any[16:32])
		b := answer(ours, peer, [6]byte(any[32:]), mac(9), 0)
		if ours.is4() {
			return
		}
		f := new(policy.Frame)
		f.Decode(b)
		if sumOf(f) != 0 {
			t.Fatal("as built")
		}
		setLinkOption(f, [6]byte(rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "address")))
		if sumOf(f) != 0 {
			t.Fatal("as rewritten")
		}
	})
}
