package policy

import (
	"encoding/binary"
	"net"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressText(t *testing.T) {
	group := rapid.SampledFrom([]uint16{0, 0, 1, 0x10, 0xffff, 0xabc})
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		for range 8 {
			b = binary.BigEndian.AppendUint16(b, group.Draw(t, "group"))
		}
		// netip writes these two with dots.
		if ip := netip.AddrFrom16([16]byte(b)); !ip.Is4In6() && ipv6Text(b) != ip.String() {
			t.Errorf("%s, want %s", ipv6Text(b), ip)
		}
		if got, want := ipv4Text(b), netip.AddrFrom4([4]byte(b)).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if got, want := macText(b), net.HardwareAddr(b[:6]).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

func TestLoad(t *testing.T) {
	b := []byte{0, 1, 2, 3, 4, 5}
	if got, want := load32(b, 1), binary.NativeEndian.Uint32(b[1:]); got != want {
		t.Errorf("%#x, want %#x", got, want)
	}
	if got := be16(b, 4); got != 0x0405 {
		t.Errorf("%#x", got)
	}
}
