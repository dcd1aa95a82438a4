package traffic

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
)

func TestTCPStream(t *testing.T) {
	for name, addr := range loopbacks {
		t.Run(name, func(t *testing.T) {
			labtest.InNetns(t, func() {
				r, err := TCPStream(t.Context(), TCPConfig{
					From: Here{}, To: Here{}, Listen: netip.AddrPortFrom(addr, 0), Out: 5_000_003, Back: 1_234_567,
				})
				if err != nil {
					t.Fatal(err)
				}
				if r.OutSent == r.BackSent || r.OutSent == [32]byte{} {
					t.Errorf("hashes %x and %x: want two streams", r.OutSent, r.BackSent)
				}
			})
		})
	}
}

// A context that ends, ends a stream that would run for long.
func TestTCPStreamCancelled(t *testing.T) {
	labtest.InNetns(t, func() {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := TCPStream(ctx, TCPConfig{
			From: Here{}, To: Here{}, Listen: netip.AddrPortFrom(loopbacks["IPv4"], 0), Out: 1 << 40,
		})
		if err == nil {
			t.Error("no error")
		}
	})
}

func TestPatternReads(t *testing.T) {
	var a, b pattern
	x, y := make([]byte, 64), make([]byte, 0, 64)
	a.Read(x)
	for len(y) < 64 {
		n, _ := b.Read(y[len(y):min(len(y)+16, 64)])
		y = y[:len(y)+n]
	}
	if string(x) != string(y) {
		t.Error("the stream depends on how it is read")
	}
}
