package bond

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tapbond/tapbond/lacp"
)

// frameFrom is a LACPDU of some system's port.
func frameFrom(system, port byte, state lacp.Bits) []byte {
	p := lacp.LACPDU{Actor: lacp.Info{System: lacp.MAC{2, 0, 0, 0, 1, system}, Key: 1, Port: uint16(port), State: state}}
	return p.AppendFrame(nil, lacp.MAC{2})
}

// wrong is a copy of a frame with a byte of it replaced.
func wrong(f []byte, at int, v byte) []byte {
	f = slices.Clone(f)
	f[at] = v
	return f
}

// However many frames come, few wait: the partner's among them, and the last word
// of each sender rather than the first; what is illegal gives way to what isn't.
func TestSlowInboxKeepsWhatCounts(t *testing.T) {
	partner := frameFrom(1, 1, 0x3f)
	id, ok := lacp.ActorOf(partner)
	if !ok {
		t.Fatal("no actor")
	}
	last := func(i *slowInbox, from []byte) (state byte, n int) {
		for _, f := range i.take(nil) {
			if string(f.data[18:32]) == string(from[18:32]) && f.lacpdu {
				state, n = f.data[32], n+1
			}
		}
		return state, n
	}
	for name, flood := range map[string]func(n int) []byte{
		"illegal":              func(n int) []byte { return wrong(partner, 17, 19) },
		"runts":                func(n int) []byte { return partner[:60] },
		"other partners":       func(n int) []byte { return frameFrom(byte(n), byte(n>>8)|2, 0x3f) },
		"another one":          func(n int) []byte { return frameFrom(9, 9, lacp.Bits(n)) },
		"another of its ports": func(n int) []byte { return frameFrom(1, 2, 7) },
		"OAM":                  func(n int) []byte { return wrong(partner, 14, 3) },
	} {
		for _, place := range []int{0, 500, 999} { // where in the flood the partner speaks
			woken := 0
			i := newSlowInbox(func() { woken++ })
			i.keep(id)
			for n := range 1000 {
				if n == place {
					i.put(partner, false)
				}
				i.put(flood(n), false)
				i.flush()
			}
			expect(t, name+": woken", woken, 1)
			expect(t, name+": waiting and lost", len(i.frames)+int(i.lost()), 1001)
			expect(t, name+": room", len(i.frames) <= slowBacklog, true)
			state, n := last(i, partner)
			expect(t, name+": the partner is heard", n, 1)
			expect(t, name+": its word", state, 0x3f)
		}
	}
	i := newSlowInbox(func() {})
	i.keep(id)
	for n := range 1000 {
		i.put(frameFrom(1, 1, lacp.Bits(n)), false)
	}
	state, _ := last(i, partner)
	expect(t, "the last word", state, byte(999&0xff))
}

// A flooded port costs a bounded number of steps; a partner that speaks in between
// is heard, the other port notices nothing, and what is not looked at is counted.
func TestSlowFlood(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(good []byte) []byte
	}{
		{"illegal", func(f []byte) []byte { return wrong(f, 17, 19) }},
		{"in a VLAN", func(f []byte) []byte { return slices.Insert(slices.Clone(f), 12, 0x81, 0, 0, 5) }},
		{"the same again", func(f []byte) []byte { return f }},
		{"OAM", func(f []byte) []byte { return wrong(f, 14, 3) }},
	} {
		back(t, "lacp_rate fast", "lacp_rate fast", two, func(a, b *rig) {
			up(a, b)
			busy := a.b.slaveByName("eth1").busyFrames()
			pass(2 * time.Second)
			if n := a.b.slaveByName("eth1").busyFrames() - busy; n < 1 || n > 4 {
				t.Errorf("%d frames on an idle link in 2 s: the carrier poller goes by them", n)
			}
			a.sys.mu.Lock()
			control := a.sys.control[a.sys.indexLocked("eth1")]
			a.sys.mu.Unlock()
			pdus := b.pdus("eth1")
			f := c.bad(pdus[len(pdus)-1].frame)
			before := a.slave("eth1").AD
			const perMS, ms = 10, 5000
			for range ms {
				for range perMS {
					control.arrive(f)
				}
				pass(time.Millisecond)
			}
			pass(50 * time.Millisecond)
			expect(t, c.name+": undisturbed", a.distributes(two...), true)
			after := a.slave("eth1").AD
			expect(t, c.name+": began to distribute", after.Counters.DistributeCount, 1)
			looked := after.Counters.IllegalRx - before.Counters.IllegalRx + after.Counters.UnknownRx - before.Counters.UnknownRx +
				after.Counters.LACPDUsRx - before.Counters.LACPDUsRx
			if most := uint64(2000 * ms / 1000); looked > most || looked < 100 {
				t.Errorf("%s: %d frames looked at in %d ms", c.name, looked, ms)
			}
			if lost := after.Overrun - before.Overrun; lost+looked < perMS*ms || lost+looked > perMS*ms+10 {
				t.Errorf("%s: %d looked at, %d not, of %d", c.name, looked, lost, perMS*ms)
			}
			n := 0
			for _, line := range a.log() {
				if strings.Contains(line, "Slow Protocols frames a second") {
					n++
				}
			}
			expect(t, c.name+": messages", n, 1)
			at := len(b.pdus("eth1"))
			pass(1100 * time.Millisecond)
			expect(t, "goes on speaking", len(b.pdus("eth1")) > at, true)
		})
	}
}

// A Marker is answered behind the data that came before it.
func TestMarkerComesBehindTheData(t *testing.T) {
	back(t, "lacp_rate fast", "", two, func(a, b *rig) {
		up(a, b)
		mk := lacp.Marker{Type: lacp.MarkerInformation, Port: 9, System: lacp.MAC{2, 1}, Transaction: 0xdeadbeef}
		frame := mk.AppendFrame(nil, lacp.MAC{2, 0, 0, 0, 1, 0})
		a.sys.mu.Lock()
		control, port := a.sys.control[a.sys.indexLocked("eth0")], a.sys.ports[a.sys.indexLocked("eth0")]
		a.sys.mu.Unlock()
		answers := func() (n int) {
			a.sys.mu.Lock()
			defer a.sys.mu.Unlock()
			for _, s := range a.sys.sent {
				if s.frame[12] == 0x88 && s.frame[13] == 0x09 && s.frame[14] == 2 {
					n++
					var got lacp.Marker
					got.Decode(s.frame[14:])
					want := mk
					want.Type = lacp.MarkerResponse
					expect(t, "answer", got, want)
				}
			}
			return n
		}
		for i, tags := range []string{"", "\x81\x00\xe0\x00", "\x88\xa8\x00\x00\x81\x00\x00\x00"} {
			f := slices.Insert(slices.Clone(frame), 12, []byte(tags)...)
			tags = fmt.Sprintf("tags %x", tags)
			control.arrive(f)
			synctest.Wait()
			expect(t, tags+" answered before the data has passed", answers(), i)
			port.arrive(f)
			synctest.Wait()
			expect(t, tags+" answered", answers(), i+1)
			expect(t, tags+" counted once", a.slave("eth0").AD.Counters.MarkerPDUsRx, uint64(i+1))
		}
		for i, tags := range []string{"\x81\x00\x00\x05", "\x81\x00\x00\x00\x81\x00\x00\x05"} {
			f := slices.Insert(slices.Clone(frame), 12, []byte(tags)...)
			tags = fmt.Sprintf("tags %x", tags)
			control.arrive(f)
			port.arrive(f)
			synctest.Wait()
			expect(t, tags+" answered", answers(), 3)
			expect(t, tags+" counted", a.slave("eth0").AD.Illegal["tagged"], uint64(i+1))
		}
	})
}

// More Markers than anybody may send are dropped where they come in.
func TestMarkerFlood(t *testing.T) {
	woken := 0
	i := newSlowInbox(func() { woken++ })
	mk := lacp.Marker{Type: lacp.MarkerInformation, Port: 9, System: lacp.MAC{2, 1}}
	f := mk.AppendFrame(nil, lacp.MAC{2})
	now := time.Unix(1000, 0)
	for range 10_000 {
		now = now.Add(100 * time.Microsecond)
		i.marker(f, now)
		i.take(nil)
	}
	if woken < 10*slowBurst/2 || woken > 11*slowBurst || int(i.lost())+woken != 10_000 {
		t.Errorf("%d Markers of 10000 passed in a second, %d dropped", woken, i.lost())
	}
}
