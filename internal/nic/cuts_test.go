package nic_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/tapbond/tapbond/internal/nic"
	"golang.org/x/sys/unix"
)

// ReceiveCuts takes what is there with one call, each frame cut to what there is
// room for.
func TestReceiveCuts(t *testing.T) {
	withBed(t, func(d *bed) {
		ifi, err := net.InterfaceByName("va")
		must(t, err)
		c, err := nic.OpenControl(ifi, nic.Filter{EtherTypes: []uint16{0x88b5}, Tags: true})
		must(t, err)
		defer c.Close()
		wire := d.socket(d.b, 0)
		send := func(f []byte) {
			_, err := unix.Write(wire, f)
			must(t, err)
		}
		send(frame(60))
		send(append(frame(70)[:12], 8, 0))               // isn't let through
		send(frame(71, 0x81, 0, 0xe0, 0))                // a priority tag
		send(frame(72, 0x88, 0xa8, 0, 7, 0x81, 0, 0, 9)) // the inner tag stays
		send(frame(1000))
		want := []nic.Received{
			{N: 60}, {N: 67, Tagged: true, TPID: 0x8100, TCI: 0xe000}, {N: 68, Tagged: true, TPID: 0x88a8, TCI: 7}, {N: nic.CutLen},
		}
		cuts := make([]nic.Cut, 2)
		for got := 0; got < len(want); {
			n, err := c.ReceiveCuts(cuts)
			must(t, err)
			for i := range cuts[:n] {
				r := cuts[i].Received
				r.Type = 0
				if r != want[got] || len(cuts[i].Bytes()) != r.N || cuts[i].Data[0] != frame(60)[0] {
					t.Errorf("frame %d: %+v, want %+v", got, r, want[got])
				}
				got++
			}
		}
		ended := make(chan error, 1)
		go func() {
			_, err := c.ReceiveCuts(cuts)
			ended <- err
		}()
		must(t, c.Close())
		select {
		case err := <-ended:
			if err != os.ErrClosed {
				t.Errorf("after Close: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Close doesn't wake the reader")
		}
	})
}
