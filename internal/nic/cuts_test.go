package nic_test

import (
	"encoding/binary"
	"net"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/tapbond/tapbond/internal/nic"
	"golang.org/x/sys/unix"
)

// ReceiveCuts takes what is there with one call, each frame cut to what there is
// room for.
func TestReceiveCuts(t *testing.T) {
	withBed(t, func(d *bed) {
		ifi, err := net.InterfaceByName("va")
		must(t, err)
		control, err := nic.OpenControl(ifi, nic.Filter{EtherTypes: []uint16{0x88b5}, Tags: true})
		must(t, err)
		defer control.Close()
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
		cuts := make([]nic.Cut, 3)
		for got := 0; got < len(want); {
			n, err := control.ReceiveCuts(cuts)
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
		// A tag that a NIC has taken off, as most do: it was never in the frame here.
		for _, tag := range []struct{ tpid, tci uint16 }{{0x8100, 0xe000}, {0x8100, 5}, {0x88a8, 0}} {
			hook, err := nic.HookOut(d.b.Attrs().Index, pushTag(t, tag.tpid, tag.tci))
			must(t, err)
			send(frame(80))
			n, err := control.ReceiveCuts(cuts)
			must(t, err)
			if r := cuts[0].Received; n != 1 || !r.Tagged || r.TCI != tag.tci || r.TPID != tag.tpid || r.N != 80 {
				t.Errorf("tag %+v taken off: %d frames, %+v", tag, n, r)
			}
			must(t, hook.Remove())
		}
		ended := make(chan error, 1)
		go func() {
			_, err := control.ReceiveCuts(cuts)
			ended <- err
		}()
		must(t, control.Close())
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

// pushTag is a program that gives each frame a tag beside its bytes, as a NIC that
// inserts tags wants it, and one that takes them off leaves it.
func pushTag(t *testing.T, tpid, tci uint16) int {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R2, int32(binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, tpid)))),
		asm.Mov.Imm(asm.R3, int32(tci)),
		asm.FnSkbVlanPush.Call(),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return(),
	}})
	must(t, err)
	t.Cleanup(func() { p.Close() })
	return p.FD()
}

// A flood that waits is taken with one call, in order, as far as there is room.
func TestReceiveManyCuts(t *testing.T) {
	withBed(t, func(d *bed) {
		ifi, err := net.InterfaceByName("va")
		must(t, err)
		control, err := nic.OpenControl(ifi, nic.Filter{EtherTypes: []uint16{0x88b5}})
		must(t, err)
		defer control.Close()
		wire := d.socket(d.b, 0)
		const all = 150
		for i := range all {
			f := frame(60)
			f[20] = byte(i)
			_, err := unix.Write(wire, f)
			must(t, err)
		}
		cuts := make([]nic.Cut, 100)
		for i, next := 0, 0; next < all; i++ {
			n, err := control.ReceiveCuts(cuts)
			must(t, err)
			if want := min(all-next, len(cuts)); n != want {
				t.Errorf("call %d took %d frames, want %d", i, n, want)
			}
			for k := range cuts[:n] {
				if got := int(cuts[k].Data[20]); got != next {
					t.Fatalf("frame %d came as %d", got, next)
				}
				next++
			}
		}
	})
}
