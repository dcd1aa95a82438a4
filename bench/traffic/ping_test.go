package traffic

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestPing(t *testing.T) {
	for name, addr := range loopbacks {
		t.Run(name, func(t *testing.T) {
			labtest.InNetns(t, func() {
				r, err := Ping(t.Context(), PingConfig{From: Here{}, Src: addr, Dst: addr, Count: 20, Interval: time.Millisecond, Size: 1000})
				if err != nil {
					t.Fatal(err)
				}
				if r.Sent != 20 || r.Received != 20 || r.Lost+r.Duplicated+r.Corrupted+r.Errors != 0 || len(r.RTT) != 20 {
					t.Errorf("%s", r)
				}
				if m := r.Median(); m <= 0 || m > 100*time.Millisecond {
					t.Errorf("median %s", m)
				}
			})
		})
	}
}

func TestPingNoRoute(t *testing.T) {
	labtest.InNetns(t, func() {
		if r, err := Ping(t.Context(), PingConfig{From: Here{}, Dst: netip.MustParseAddr("192.0.2.1")}); err == nil {
			t.Errorf("%s: want an error", r)
		}
	})
}

func TestPingVerdicts(t *testing.T) {
	p := pinger{cfg: PingConfig{Size: 56}, request: echoRequest6, reply: echoReply6, id: 9, run: 77, seen: make([]bool, 3)}
	p.rep.Sent = 3
	answer := func(i int) []byte {
		m := p.message(i)
		m[0] = echoReply6
		return m
	}
	other := answer(1)
	other[5] ^= 1 // another's id
	bad := answer(2)
	bad[30] ^= 1
	request := p.message(2)
	for _, m := range [][]byte{answer(0), answer(0), other, answer(1), answer(0), bad, request, bad[:7], nil} {
		p.take(m)
	}
	r := p.finish()
	if r.Received != 2 || r.Lost != 1 || r.Duplicated != 2 || r.Corrupted != 1 {
		t.Errorf("%s", r)
	}
}

func TestChecksum(t *testing.T) {
	// The example of RFC 1071, section 3: sum ddf2.
	if got := checksum([]byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}); got != ^uint16(0xddf2) {
		t.Errorf("checksum %#x: want %#x", got, ^uint16(0xddf2))
	}
	if a, b := checksum([]byte{1, 2, 3}), checksum([]byte{1, 2, 3, 0}); a != b {
		t.Errorf("odd length: %#x, padded: %#x", a, b)
	}
}
