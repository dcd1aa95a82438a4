package nic_test

import (
	"bytes"
	"net"
	"slices"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Tags make a full frame longer than the MTU; they don't count, as with the VLAN
// devices of any NIC. vb has room: a veth, unlike other NICs, looks at what comes.
func TestTagsAreNotLength(t *testing.T) {
	q, ad := []byte{0x81, 0, 0, 10}, []byte{0x88, 0xa8, 0, 12}
	for name, c := range map[string]struct {
		tags []byte
		n    int // of the frame without its tags
		bad  bool
	}{
		"802.1Q":                 {tags: q, n: 1514},
		"802.1Q, over the MTU":   {tags: q, n: 1515, bad: true},
		"802.1ad":                {tags: ad, n: 1514},
		"802.1Q in 802.1Q":       {tags: slices.Concat(q, q), n: 1514},
		"802.1Q in 802.1ad":      {tags: slices.Concat(ad, q), n: 1514},
		"three tags":             {tags: slices.Concat(q, q, q), n: 1514},
		"no tag, over the MTU":   {n: 1515, bad: true},
		"two tags, far from MTU": {tags: slices.Concat(q, q), n: 100},
	} {
		for _, offload := range []bool{true, false} {
			withBed(t, func(d *bed) {
				must(t, netlink.LinkSetMTU(d.b, 1600))
				wire := openFar(t, d)
				w := d.open(offload).Writer()
				sent := frame(c.n+len(c.tags), c.tags...)
				for i := range 300 { // more than a ring has slots
					s := w.WriteBatch([]vnet.Packet{packetOf(sent)})
					if c.bad {
						if s.TooBig != 1 {
							t.Fatalf("%s, offload %v: %+v; want it too big", name, offload, s)
						}
						continue
					}
					if s.OK != 1 || s.Octets != len(sent) {
						t.Fatalf("%s, offload %v: frame %d: %+v", name, offload, i, s)
					}
					if got := next(t, wire); !bytes.Equal(got.Frame(), sent) {
						t.Fatalf("%s, offload %v: frame %d: %d bytes came, %d were sent, or others", name, offload, i, len(got.Frame()), len(sent))
					}
				}
			})
		}
	}
}

// The checksum that is left to the NIC is finished behind two tags, too.
func TestLongFrameGetsItsChecksum(t *testing.T) {
	withBed(t, func(d *bed) {
		must(t, netlink.LinkSetMTU(d.b, 1600))
		must(t, netlink.LinkSetUp(d.a))
		wire := openFar(t, d)
		w := d.open(true).Writer()
		p := packetOf(frame(1522, 0x81, 0, 0, 10, 0x81, 0, 0, 20))
		f := p.Frame()
		clear(f[40:42])
		h := vnet.Hdr{Flags: vnet.FlagNeedsCsum, CsumStart: 30, CsumOffset: 10}
		h.Encode(p.Buf)
		if s := w.WriteBatch([]vnet.Packet{p}); s.OK != 1 {
			t.Fatalf("%+v", s)
		}
		got := next(t, wire)
		h.Decode(got.Buf)
		if h.Flags&vnet.FlagNeedsCsum == 0 || h.CsumStart != 30 || h.CsumOffset != 10 {
			t.Errorf("header %+v; a veth leaves the checksum open where it was", h)
		}
	})
}

func TestLongFramesAfterDownAndClose(t *testing.T) {
	withBed(t, func(d *bed) {
		must(t, netlink.LinkSetMTU(d.b, 1600))
		p := d.open(true)
		w := p.Writer()
		batch := []vnet.Packet{packetOf(frame(1522, 0x81, 0, 0, 10, 0x81, 0, 0, 20))}
		if !labtest.RaceEnabled {
			if n := testing.AllocsPerRun(20, func() { w.WriteBatch(batch) }); n != 0 {
				t.Errorf("WriteBatch allocates %v times", n)
			}
		}
		must(t, netlink.LinkSetDown(d.a))
		if s := w.WriteBatch(batch); s.Down != 1 {
			t.Errorf("slave down: %+v", s)
		}
		must(t, netlink.LinkSetUp(d.a))
		d.awaitUp()
		if s := w.WriteBatch(batch); s.OK != 1 {
			t.Errorf("slave up again: %+v", s)
		}
		must(t, p.Close())
		if s := w.WriteBatch(batch); s.Down != 1 || s.Err != unix.EBADF {
			t.Errorf("closed: %+v", s)
		}
	})
}

// openFar opens the other end of the wire.
func openFar(t *testing.T, d *bed) nic.Port {
	t.Helper()
	far, err := net.InterfaceByName("vb")
	must(t, err)
	p, err := nic.Open(far, nic.Options{Offload: true})
	must(t, err)
	d.t.Cleanup(func() { p.Close() })
	return p
}
