package vnet

import "testing"

func TestSynthesize(t *testing.T) {
	vx := []byte{8, 0, 0, 0, 0, 0, 42, 0}
	csum := func(start, off uint16) Hdr { return Hdr{Flags: FlagNeedsCsum, CsumStart: start, CsumOffset: off} }
	gso := func(h Hdr, typ uint8, hdrLen, size uint16) Hdr {
		h.GSOType, h.HdrLen, h.GSOSize = typ, hdrLen, size
		return h
	}
	tests := []struct {
		name  string
		s     *stack
		ready bool // checksum complete
		want  Hdr
	}{
		{"tcp4", newStack(pattern(100)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800), false, csum(34, 16)},
		{"tcp4 ready", newStack(pattern(100)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800), true, Hdr{}},
		{"tcp4 at the mtu", newStack(pattern(1448)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800), false, csum(34, 16)},
		{"tcp4 gso", newStack(pattern(5000)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800), false, gso(csum(34, 16), GSOTCPv4, 66, 1448)},
		{"tcp4 merged", newStack(pattern(5000)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800), true, gso(Hdr{}, GSOTCPv4, 66, 1448)},
		{"tcp6 gso tagged", newStack(pattern(5000)).tcp(1, 0, 12).v6(6, true, 60).vlan(1, 0x86dd).eth(0x8100), false, gso(csum(66, 16), GSOTCPv6, 98, 1420)},
		{"udp6", newStack(pattern(100)).udp(1).v6(17, true).eth(0x86dd), false, csum(54, 6)},
		{"udp4 long", newStack(pattern(5000)).udp(1).v4(17, 1, 0, true).eth(0x0800), false, gso(csum(34, 6), GSOUDP, 42, 1480)},
		{"udp6 long", newStack(pattern(5000)).udp(1).v6(17, true).eth(0x86dd), false, gso(csum(54, 6), GSOUDP, 62, 1448)},
		{"vxlan gso", newStack(pattern(5000)).tcp(1, 0, 12).v4(6, 1, 0, true).eth(0x0800).raw(vx...).udp(4789).v4(17, 1, 0, false).eth(0x0800), false, gso(csum(84, 16), GSOTCPv4, 116, 1398)},
		{"garbage on vxlan's port", newStack(pattern(5)).udp(4789).v4(17, 1, 0, true).eth(0x0800), false, csum(34, 6)},
		{"sctp", newStack(pattern(100)).raw(make([]byte, 12)...).v4(132, 1, 0, false).eth(0x0800), false, csum(34, 8)},
		{"icmp", newStack(pattern(100)).v4(1, 1, 0, false).eth(0x0800), false, Hdr{}},
		{"arp", newStack(pattern(46)).eth(0x0806), false, Hdr{}},
		{"runt", newStack(pattern(9)), false, Hdr{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Synthesize(tt.s.b, 1500, !tt.ready)
			if got != tt.want {
				t.Fatalf("got %+v\nwant %+v", got, tt.want)
			}
			if !got.Check(len(tt.s.b)) {
				t.Error("does not pass Check")
			}
			tt.s.hdr = got
			out, err := NewSegmenter().Plain(nil, tt.s.packet())
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range out {
				if n := len(p.Frame()); n > 1500+14+4 {
					t.Errorf("frame %d has %d octets", i, n)
				}
			}
		})
	}
}
