package lacp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// healthy is a PDU that the driver sent, byte for byte.
const healthy = "0180c2000002" + "020000000001" + "8809" + "0101" +
	"0114" + "ffff" + "020000000000" + "000f" + "00ff" + "0002" + "3f" + "000000" +
	"0214" + "ffff" + "020000000200" + "000f" + "00ff" + "0002" + "3f" + "000000" +
	"0310" + "0000" + "000000000000000000000000" + "0000" +
	"00000000000000000000000000000000000000000000000000" + "00000000000000000000000000000000000000000000000000"

func TestPDUOnTheWire(t *testing.T) {
	t.Parallel()
	want, err := hex.DecodeString(healthy)
	if err != nil || len(want) != FrameLen {
		t.Fatal(err, len(want))
	}
	p := LACPDU{
		Version: 1,
		Actor:   Info{0xffff, MAC{2, 0, 0, 0, 0, 0}, 15, 255, 2, 0x3f},
		Partner: Info{0xffff, MAC{2, 0, 0, 0, 2, 0}, 15, 255, 2, 0x3f},
	}
	if got := p.AppendFrame(nil, MAC{2, 0, 0, 0, 0, 1}); !bytes.Equal(got, want) {
		t.Errorf("sent\n%x, want\n%x", got, want)
	}
	kind, body, why := classify(want, false)
	if kind != slowLACP || why != Legal {
		t.Fatal(kind, why)
	}
	var back LACPDU
	if why := back.Decode(body); why != Legal || back != p {
		t.Errorf("read back %v %+v", why, back)
	}
}

func TestWhatIsLegal(t *testing.T) {
	t.Parallel()
	good, _ := hex.DecodeString(healthy)
	for _, c := range []struct {
		name   string
		change func(f []byte) []byte
		inVLAN bool
		kind   slow
		want   Illegal
	}{
		{name: "as it is", kind: slowLACP},
		{name: "longer", change: func(f []byte) []byte { return append(f, make([]byte, 1000)...) }, kind: slowLACP},
		{name: "version 0", change: set(15, 0), kind: slowLACP},
		{name: "version 255", change: set(15, 255), kind: slowLACP},
		{name: "TLV types", change: func(f []byte) []byte { f[16], f[36], f[56], f[72] = 9, 9, 9, 7; return f }, kind: slowLACP},
		{name: "reserved octets", change: func(f []byte) []byte { f[33], f[53], f[60], f[123] = 255, 255, 255, 255; return f }, kind: slowLACP},
		{name: "terminator length", change: set(73, 5), kind: slowLACP},
		{name: "VLAN in auxdata", inVLAN: true, want: IllegalTagged, kind: slowLACP},
		{name: "VLAN in line", change: tags("81000005"), want: IllegalTagged, kind: slowLACP},
		{name: "VLAN of a provider", change: tags("88a80fff"), want: IllegalTagged, kind: slowLACP},
		{name: "priority tag", change: tags("81000000"), kind: slowLACP},
		{name: "priority tag with a priority", change: tags("8100e000"), kind: slowLACP},
		{name: "priority tag, droppable", change: tags("8100f000"), kind: slowLACP},
		{name: "priority tag of a provider", change: tags("88a80000"), kind: slowLACP},
		{name: "two priority tags", change: tags("88a80000", "8100e000"), kind: slowLACP},
		{name: "VLAN behind a priority tag", change: tags("81000000", "81000007"), want: IllegalTagged, kind: slowLACP},
		{name: "priority tag in a VLAN", change: tags("88a80007", "81000000"), want: IllegalTagged, kind: slowLACP},
		{name: "priority tag in a VLAN in auxdata", inVLAN: true, change: tags("81000000"), want: IllegalTagged, kind: slowLACP},
		{name: "data in a VLAN", inVLAN: true, change: set(12, 0x08, 0x00), want: IllegalTagged},
		{name: "priority tag and nothing", change: func(f []byte) []byte { return tags("81000000")(f)[:18] }, want: IllegalRunt},
		{name: "half a tag", change: func(f []byte) []byte { return tags("81000000")(f)[:16] }, want: IllegalEtherType},
		{name: "nearest bridge", change: set(5, 0x0e), want: IllegalAddress, kind: slowLACP},
		{name: "to us alone", change: set(0, 2, 0, 0, 0, 0, 1), want: IllegalAddress, kind: slowLACP},
		{name: "another protocol", change: set(12, 0x08, 0x00), want: IllegalEtherType},
		{name: "subtype 0", change: set(14, 0), want: IllegalSubtype},
		{name: "subtype 11", change: set(14, 11), want: IllegalSubtype},
		{name: "OAM", change: set(14, 3), kind: slowOther},
		{name: "short OAM", change: func(f []byte) []byte { f[14] = 3; return f[:60] }, kind: slowOther},
		{name: "runt", change: func(f []byte) []byte { return f[:FrameLen-1] }, want: IllegalRunt, kind: slowLACP},
		{name: "runt with a priority tag", change: func(f []byte) []byte { return tags("81000000")(f)[:FrameLen+3] }, want: IllegalRunt, kind: slowLACP},
		{name: "FCS kept", change: func(f []byte) []byte { return append(f, 1, 2, 3, 4) }, kind: slowLACP},
		{name: "no subtype", change: func(f []byte) []byte { return f[:14] }, want: IllegalRunt},
		{name: "nothing", change: func(f []byte) []byte { return nil }, want: IllegalRunt},
		{name: "actor length 19", change: set(17, 19), want: IllegalActorLen, kind: slowLACP},
		{name: "partner length 0", change: set(37, 0), want: IllegalPartnerLen, kind: slowLACP},
		{name: "partner length 255", change: set(37, 255), want: IllegalPartnerLen, kind: slowLACP},
		{name: "collector length", change: set(57, 20), want: IllegalCollectorLen, kind: slowLACP},
		{name: "no system", change: set(20, 0, 0, 0, 0, 0, 0), want: IllegalActorSystem, kind: slowLACP},
		{name: "system with the group bit", change: set(20, 3), kind: slowLACP},
		{name: "broadcast for a system", change: set(20, 255, 255, 255, 255, 255, 255), kind: slowLACP},
		{name: "zeros but the last bit", change: set(20, 0, 0, 0, 0, 0, 1), kind: slowLACP},
		{name: "group bit and zeros", change: set(20, 1, 0, 0, 0, 0, 0), kind: slowLACP},
		{name: "port 0", change: set(30, 0, 0), want: IllegalActorPort, kind: slowLACP},
		{name: "key 0", change: set(26, 0, 0), kind: slowLACP},
	} {
		f := bytes.Clone(good)
		if c.change != nil {
			f = c.change(f)
		}
		kind, body, why := classify(f, c.inVLAN)
		if kind == slowLACP && why == Legal {
			var p LACPDU
			why = p.Decode(body)
		}
		if kind != c.kind || why != c.want {
			t.Errorf("%s: %v %v, want %v %v", c.name, kind, why, c.kind, c.want)
		}
	}
}

func set(off int, v ...byte) func([]byte) []byte {
	return func(f []byte) []byte { copy(f[off:], v); return f }
}

// tags puts tags in front of the EtherType.
func tags(all ...string) func([]byte) []byte {
	return func(f []byte) []byte {
		out := bytes.Clone(f[:12])
		for _, s := range all {
			b, err := hex.DecodeString(s)
			if err != nil {
				panic(err)
			}
			out = append(out, b...)
		}
		return append(out, f[12:]...)
	}
}

func TestMarkerOnTheWire(t *testing.T) {
	t.Parallel()
	m := Marker{Type: MarkerInformation, Port: 7, System: MAC{2, 0, 0, 0, 0, 0xaa}, Transaction: 0xdeadbeef}
	f := m.AppendFrame(nil, MAC{2, 0, 0, 0, 0, 9})
	want := append([]byte{1, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 9, 0x88, 9, 2, 1, 1, 16, 0, 7, 2, 0, 0, 0, 0, 0xaa, 0xde, 0xad, 0xbe, 0xef}, make([]byte, 94)...)
	if !bytes.Equal(f, want) {
		t.Errorf("sent\n%x, want\n%x", f, want)
	}
	for _, c := range []struct {
		name string
		cut  int
		len  byte
		want Illegal
	}{{"good", FrameLen, 16, Legal}, {"the driver's length", FrameLen, 22, Legal}, {"length 15", FrameLen, 15, IllegalMarkerLen}, {"short", 54, 16, IllegalRunt}} {
		g := bytes.Clone(f)[:c.cut]
		g[17] = c.len
		var back Marker
		kind, body, why := classify(g, false)
		if why == Legal {
			why = back.Decode(body)
		}
		if why != c.want || why == Legal && (kind != slowMarker || back != m) {
			t.Errorf("%s: %v %v %+v", c.name, kind, why, back)
		}
	}
	if !IsMarker(f) || IsMarker(f[:60]) || !IsMarker(tags("81000000")(f)) || IsMarker(tags("81000005")(f)) {
		t.Error("IsMarker is wrong")
	}
	for what, want := range map[string]bool{"": true, "81000000": true, "81000005": true, "88a80001 81000002": true, "0800": false} {
		if got := IsSlow(tags(strings.Fields(what)...)(f)); got != want {
			t.Errorf("a slow frame behind %q: %v", what, got)
		}
	}
	if IsSlow(f[:13]) || IsSlow(nil) {
		t.Error("less than a header is no slow frame")
	}
}

func infos() *rapid.Generator[Info] {
	return rapid.Custom(func(t *rapid.T) Info {
		i := Info{
			SystemPriority: rapid.Uint16().Draw(t, "system priority"), Key: rapid.Uint16().Draw(t, "key"),
			PortPriority: rapid.Uint16().Draw(t, "port priority"), Port: rapid.Uint16Range(1, 65535).Draw(t, "port"),
			State: Bits(rapid.Byte().Draw(t, "state")),
		}
		copy(i.System[:], rapid.SliceOfN(rapid.Byte(), 6, 6).Draw(t, "system"))
		if i.System == (MAC{}) {
			i.System[5] = 1
		}
		return i
	})
}

func TestPDURoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := LACPDU{Version: 1, Actor: infos().Draw(t, "actor"), Partner: infos().Draw(t, "partner"), CollectorMaxDelay: rapid.Uint16().Draw(t, "delay")}
		var back LACPDU
		if why := back.Decode(p.AppendTo(nil)); why != Legal {
			t.Fatal(why)
		}
		if d := cmp.Diff(p, back); d != "" {
			t.Fatal(d)
		}
	})
}

// FuzzLACPDU: nothing panics, and what is accepted says the same when it is
// sent again.
func FuzzLACPDU(f *testing.F) {
	good, _ := hex.DecodeString(healthy)
	f.Add(good[headerLen:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, back LACPDU
		if p.Decode(b) != Legal {
			return
		}
		if why := back.Decode(p.AppendTo(nil)); why != Legal {
			t.Fatal(why)
		}
		p.Version = lacpVersion
		if p != back {
			t.Fatalf("%+v became %+v", p, back)
		}
	})
}

// FuzzMarker likewise.
func FuzzMarker(f *testing.F) {
	m := Marker{Type: MarkerResponse, Port: 7, System: MAC{2, 0, 0, 0, 0, 0xaa}, Transaction: 1}
	f.Add(m.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, back Marker
		if p.Decode(b) != Legal {
			return
		}
		if why := back.Decode(p.AppendTo(nil)); why != Legal || p != back {
			t.Fatalf("%v: %+v became %+v", why, p, back)
		}
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	if got := Bits(0x3f).String(); got != "active,short_timeout,aggregating,in_sync,collecting,distributing" {
		t.Error(got)
	}
	if got := Bits(0xc0).Names(); len(got) != 2 || got[0] != "defaulted" || got[1] != "expired" {
		t.Error(got)
	}
	var m MAC
	if err := m.UnmarshalText([]byte("02:00:5e:AA:0b:ff")); err != nil || m != (MAC{2, 0, 0x5e, 0xaa, 0x0b, 0xff}) {
		t.Error(err, m)
	}
	if m.String() != "02:00:5e:aa:0b:ff" {
		t.Error(m)
	}
	for _, bad := range []string{"", "02:00:5e:aa:0b:f", "02:00:5e:aa:0b:fg", "02-00:5e:aa:0b:ff"} {
		if m.UnmarshalText([]byte(bad)) == nil {
			t.Error("accepted", bad)
		}
	}
	for _, c := range []struct {
		mbps uint32
		half bool
		want uint16
	}{{1000, false, 9}, {10000, false, 15}, {25000, false, 21}, {100000, false, 31}, {0, false, 1}, {12345, false, 1}, {100, true, 6}} {
		if got := Key(0, c.mbps, c.half); got != c.want {
			t.Errorf("key of %d: %d, want %d", c.mbps, got, c.want)
		}
	}
	if got := Key(33, 0, true); got != 2112 {
		t.Error(got)
	}
	speeds := []uint32{1, 10, 100, 1000, 2500, 5000, 10000, 14000, 20000, 25000, 40000, 50000, 56000, 80000, 100000, 200000, 400000, 800000, 1600000}
	for i, mbps := range speeds {
		if got := Key(0, mbps, false); got != uint16(i+1)<<1|1 {
			t.Errorf("key of %d Mb/s: %d", mbps, got)
		}
	}
	a, b := System{1, MAC{2, 0, 0, 0, 0, 9}}, System{2, MAC{2, 0, 0, 0, 0, 1}}
	if !a.Less(b) || b.Less(a) || a.Less(a) {
		t.Error("the priority doesn't come first")
	}
	if a.Priority = 2; a.Less(b) || !b.Less(a) {
		t.Error("then the address")
	}
	if text, err := a.MAC.MarshalText(); err != nil || string(text) != "02:00:00:00:00:09" {
		t.Error(err, string(text))
	}
}
