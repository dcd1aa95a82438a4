package bond

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/policy"
)

// hub floods numbered frames to slaves every millisecond, each at a random one
// first, and counts how often the host gets each.
type hub struct {
	*rig
	n int
}

// flood has each of the slaves receive a frame, in the order given, and returns
// how often the host gets it.
func (h *hub) flood(slaves ...string) int {
	h.n++
	got := 0
	for _, s := range slaves {
		if h.receive(s, numberedTo(h.sys.links[h.tap.index].MAC, h.n)) {
			got++
		}
	}
	return got
}

func numberedTo(mac [6]byte, n int) []byte {
	f := numbered(n)
	copy(f, mac[:])
	return f
}

// A change of the active slave that can wait: nothing is lost and nothing comes
// twice, whoever receives a frame first, before, while and after the role moves.
func TestNothingTwiceOnAHub(t *testing.T) {
	for _, c := range []struct {
		options string
		change  func(*rig)
	}{
		{"", func(r *rig) { r.must(r.set("active_slave eth1")) }},
		{"", func(r *rig) { r.must(r.set("primary eth1")) }},
		{"fail_over_mac follow", func(r *rig) { r.must(r.set("active_slave eth1")) }},
	} {
		run(t, "mode active-backup miimon 100 "+c.options, two, func(r *rig) {
			h := &hub{rig: r}
			pass(time.Second)
			done := make(chan struct{})
			at := 0
			for i := range 400 {
				if i == 10 {
					at = i
					go func() {
						c.change(r)
						close(done)
					}()
					synctest.Wait()
				}
				order := []string{"eth0", "eth1"}
				if i%3 == 1 {
					order = []string{"eth1", "eth0"}
				}
				if n := h.flood(order...); n != 1 {
					t.Errorf("%q: %d ms after the change, on %v: delivered %d times", c.options, i-at, order, n)
				}
				pass(time.Millisecond)
			}
			<-done
			st := r.state()
			expect(t, "active", st.Active, "eth1")
			if d := st.Drops["rx_duplicate"]; d < 50 || d > 70 {
				t.Errorf("%d copies dropped", d)
			}
			if st.Generation == 0 || r.b.snap.Load().copies != nil {
				t.Error("copies are looked for all the time")
			}
		})
	}
}

// The worker of the old active slave delivered a frame before the role moved; the
// other slave's copy is late.
func TestLateCopy(t *testing.T) {
	run(t, "mode active-backup miimon 100", two, func(r *rig) {
		pass(time.Second)
		mac := r.link(r.tap.index).MAC
		done := make(chan struct{})
		go func() {
			r.must(r.set("active_slave eth1"))
			close(done)
		}()
		synctest.Wait()
		expect(t, "active while it waits", r.state().Active, "eth0")
		pass(switchDelay - time.Millisecond)
		expect(t, "on the old one", r.receive("eth0", numberedTo(mac, 1)), true)
		<-done
		expect(t, "active", r.state().Active, "eth1")
		expect(t, "its copy on the new one", r.receive("eth1", numberedTo(mac, 1)), false)
		expect(t, "another on the new one alone", r.receive("eth1", numberedTo(mac, 2)), true)
		expect(t, "another on the old one alone", r.receive("eth0", numberedTo(mac, 3)), true)
		expect(t, "our own, flooded to the old one", r.receive("eth0", ownBack), false)
		expect(t, "rx_own_source", r.state().Drops["rx_own_source"], 0)
	})
}

// While a change waits, the slave that is to have the role loses its link, or the
// one that has it does.
func TestLinkLostWhileAChangeWaits(t *testing.T) {
	for lost, want := range map[string]string{"eth0": "eth1", "eth1": "eth0"} {
		run(t, "mode active-backup miimon 100", two, func(r *rig) {
			pass(time.Second)
			done := make(chan struct{})
			go func() {
				r.must(r.set("active_slave eth1"))
				close(done)
			}()
			pass(switchDelay / 2)
			r.sys.plug(lost, false)
			expect(t, lost+" lost: active", r.state().Active, want)
			<-done
			pass(time.Second)
			expect(t, lost+" lost: active", r.state().Active, want)
		})
	}
}

// A lost link doesn't wait, and a bond that was just set up has nothing to wait for.
func TestFailoverDoesNotWait(t *testing.T) {
	run(t, "mode active-backup miimon 100 primary eth0", two, func(r *rig) {
		pass(time.Second)
		at := time.Now()
		r.sys.plug("eth0", false)
		expect(t, "active", r.state().Active, "eth1")
		expect(t, "after", time.Since(at), time.Duration(0))
	})
}

// In 802.3ad a port that leaves its LAG may be sent copies of floods while it
// drains.
func TestNoCopiesByAPortThatLeaves(t *testing.T) {
	s := view(policy.LACP, true, sink{}, sink{}, sink{})
	s.copies, s.sides = newCopies(time.Now()), []int8{0, 0, 1}
	var workers []*rxWorker
	for slot := range 3 {
		workers = append(workers, newRxWorker(slot, nil, sink{}, nil))
	}
	for n := range 90 {
		workers[n%2].deliver(s, batchOf(numbered(n), 1))
		workers[2].deliver(s, batchOf(numbered(n), 1))
	}
	workers[2].deliver(s, batchOf(numbered(1000), 1))
	var got []string
	for _, w := range workers {
		got = append(got, fmt.Sprint(w.count.frames.value(), w.drops.n[policy.RxDuplicate].value()))
	}
	expect(t, "delivered and dropped", strings.Join(got, ", "), "45 0, 45 0, 1 90")
}

// Super-frames are put together differently by each NIC.
func TestSuperFramesAreCompared(t *testing.T) {
	const mss = 100
	super := func(from, segments int) []vnet.Packet {
		h := vnet.Hdr{Flags: vnet.FlagNeedsCsum, GSOType: vnet.GSOTCPv4, HdrLen: 54, GSOSize: mss, CsumStart: 34, CsumOffset: 16}
		if segments == 1 {
			h.GSOType, h.GSOSize = vnet.GSONone, 0
		}
		f := frameOf("02 00 00 00 00 aa 02 00 00 00 00 bb 08 00 45 00 00 00 00 00 40 00 40 06 00 00 0a 00 00 01 0a 00 00 02 0f a0 00 50 00 00 00 00 00 00 00 01 50 10 10 00 00 00")[:54]
		binary.BigEndian.PutUint16(f[16:], uint16(40+segments*mss))
		binary.BigEndian.PutUint16(f[24:], ^sum16(f[14:34]))
		binary.BigEndian.PutUint32(f[38:], uint32(from*mss))
		for i := range segments * mss {
			f = append(f, byte(from+i/mss))
		}
		binary.BigEndian.PutUint16(f[50:], sum16(slices.Concat(f[26:34], []byte{0, 6, byte((20 + segments*mss) >> 8), byte(20 + segments*mss)})))
		p := vnet.Packet{Buf: slices.Concat(make([]byte, vnet.HdrLen), f)}
		h.Encode(p.Buf)
		return []vnet.Packet{p}
	}
	s := view(policy.ActiveBackup, true, sink{}, sink{})
	s.copies, s.sides = newCopies(time.Now()), []int8{0, 1}
	a, b := newRxWorker(0, nil, sink{}, nil), newRxWorker(1, nil, sink{}, nil)
	a.deliver(s, super(0, 3))
	b.deliver(s, super(0, 5))
	a.deliver(s, super(3, 4))
	b.deliver(s, super(5, 1))
	b.deliver(s, super(6, 1))
	b.deliver(s, super(7, 1))
	expect(t, "segments delivered by the first", a.count.frames.value(), 5)
	expect(t, "segments delivered by the second", b.count.frames.value(), 3)
	for _, w := range []*rxWorker{a, b} {
		expect(t, "malformed", w.drops.n[policy.RxMalformed].value(), 0)
	}
	expect(t, "frames that were all copies", b.drops.n[policy.RxDuplicate].value(), 2)
}

// sum16 is the Internet checksum, not complemented.
func sum16(b []byte) uint16 {
	var s uint32
	for i := 0; i < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	return uint16(s + s>>16)
}

func TestWindowNoAllocs(t *testing.T) {
	if labtest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, rule := range []rxRule{rxActive, rxDrain, rxInactive} {
		s := view(policy.ActiveBackup, true, sink{}, sink{})
		s.copies, s.sides, s.rx[1] = newCopies(time.Now()), []int8{0, 1}, rule
		w := newRxWorker(1, nil, sink{}, nil)
		pkts := batchOf(udp4, 32)
		w.deliver(s, pkts)
		if n := testing.AllocsPerRun(100, func() { w.deliver(s, pkts) }); n != 0 {
			t.Errorf("rule %d: %v times a batch", rule, n)
		}
	}
}

func BenchmarkDeliverOnce(b *testing.B) {
	s := view(policy.ActiveBackup, true, sink{})
	s.copies, s.sides = newCopies(time.Now()), []int8{0}
	w := newRxWorker(0, nil, sink{}, nil)
	pkts := batchOf(udp4, 32)
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(pkts) {
		w.deliver(s, pkts)
	}
}
