package policy_test

import (
	"bytes"
	"testing"

	"github.com/mdlayher/ethernet"

	. "github.com/tapbond/tapbond/policy"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name   string
		b      []byte
		typ    uint16
		tagged bool
		tci    uint16
		l3     int
	}{
		{"header alone", ether(ipv4, nil), ipv4, false, 0, 14},
		{"ipv6", ether(ipv6, tcp6), ipv6, false, 0, 14},
		{"802.1Q", ether(0x8100, vlan(0xe00a, ipv4, tcp4)), ipv4, true, 0xe00a, 18},
		{"802.1ad", ether(0x88a8, vlan(7, ipv4, tcp4)), ipv4, true, 7, 18},
		{"priority tag", ether(0x8100, vlan(0x2000, ipv6, tcp6)), ipv6, true, 0x2000, 18},
		{"QinQ", ether(0x88a8, vlan(7, 0x8100, vlan(8, ipv4, tcp4))), 0x8100, true, 7, 18},
		{"old QinQ TPID stays", ether(0x9100, vlan(7, ipv4, tcp4)), 0x9100, false, 0, 14},
		{"tag cut short", ether(0x8100, zeros(3)), 0x8100, false, 0, 14},
		{"tag and no more", ether(0x8100, zeros(4)), 0, true, 0, 18},
		{"802.3 length", ether(46, zeros(46)), 46, false, 0, 14},
	} {
		var f Frame
		f.Decode(ether(0x8100, vlan(0xffff, 0xffff, nil))) // left-overs must go
		if !f.Decode(c.b) {
			t.Errorf("%s: not decoded", c.name)
			continue
		}
		if f.EtherType != c.typ || f.Tagged != c.tagged || f.TCI != c.tci || f.L3 != c.l3 {
			t.Errorf("%s: type %#x tagged %v tci %#x l3 %d", c.name, f.EtherType, f.Tagged, f.TCI, f.L3)
		}
		if want := [6]byte{2, 0, 0, 0, 0, 10}; f.Dst() != want {
			t.Errorf("%s: dst %x", c.name, f.Dst())
		}
		if want := [6]byte{2, 0, 0, 0, 0, 1}; f.Src() != want {
			t.Errorf("%s: src %x", c.name, f.Src())
		}
		if !bytes.Equal(f.Payload(), c.b[c.l3:]) || !bytes.Equal(f.Bytes(), c.b) {
			t.Errorf("%s: payload %x", c.name, f.Payload())
		}
	}
}

func TestDecodeRunt(t *testing.T) {
	var f Frame
	for n := range 14 {
		f.Decode(ether(ipv4, tcp4))
		if f.Decode(zeros(n)) {
			t.Errorf("%d octets decoded", n)
		}
		if f.IsMulticast() || f.IsARP() || f.IsIGMP() || f.Dst() != [6]byte{} || f.Src() != [6]byte{} || len(f.Payload()) != 0 {
			t.Errorf("%d octets: the frame before shows through", n)
		}
		if e := f.Explain(Layer34); e.Hash != 0 || e.Note == "" {
			t.Errorf("%d octets: explained as %v", n, e)
		}
	}
}

func TestFrameKinds(t *testing.T) {
	igmp := v4{src: "192.0.2.1", dst: "224.0.0.22", proto: 2}.of(zeros(8))
	group := append([]byte{0x01, 0, 0x5e, 0, 0, 0x16}, ether(ipv4, igmp)[6:]...)
	all := append(bytes.Repeat([]byte{0xff}, 6), ether(0x0806, zeros(28))[6:]...)
	for _, c := range []struct {
		name             string
		b                []byte
		multi, arp, igmp bool
	}{
		{"tcp", ether(ipv4, tcp4), false, false, false},
		{"igmp", group, true, false, true},
		{"igmp to one host", ether(ipv4, igmp), false, false, true},
		{"igmp in a vlan", ether(0x8100, vlan(5, ipv4, igmp)), false, false, true},
		{"igmp in two", ether(0x8100, vlan(5, 0x8100, vlan(6, ipv4, igmp))), false, false, false},
		{"igmp cut short", ether(ipv4, igmp[:19]), false, false, false},
		{"icmpv6, not igmp", ether(ipv6, v6{"fe80::1", "ff02::1", 2}.of(zeros(8))), false, false, false},
		{"arp", all, true, true, false},
		{"arp in a vlan", ether(0x8100, vlan(5, 0x0806, zeros(28))), false, true, false},
	} {
		var f Frame
		f.Decode(c.b)
		if f.IsMulticast() != c.multi || f.IsARP() != c.arp || f.IsIGMP() != c.igmp {
			t.Errorf("%s: multicast %v, arp %v, igmp %v", c.name, f.IsMulticast(), f.IsARP(), f.IsIGMP())
		}
	}
}

// Another decoder sees the same.
func TestDecodeAgainstEthernet(t *testing.T) {
	for _, tag := range []*ethernet.VLAN{nil, {ID: 10, Priority: 5}} {
		e := ethernet.Frame{
			Destination: []byte{1, 2, 3, 4, 5, 6}, Source: []byte{6, 5, 4, 3, 2, 1},
			EtherType: ethernet.EtherTypeIPv6, VLAN: tag, Payload: tcp6,
		}
		b, err := e.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		var f Frame
		if !f.Decode(b) {
			t.Fatal("not decoded")
		}
		dst, src := f.Dst(), f.Src()
		if !bytes.Equal(dst[:], e.Destination) || !bytes.Equal(src[:], e.Source) || f.EtherType != uint16(e.EtherType) {
			t.Errorf("%x > %x, type %#x", src, dst, f.EtherType)
		}
		if f.Tagged != (tag != nil) || tag != nil && f.TCI != 5<<13|10 || !bytes.Equal(f.Payload(), tcp6) {
			t.Errorf("tagged %v, tci %#x, payload %x", f.Tagged, f.TCI, f.Payload())
		}
	}
}
