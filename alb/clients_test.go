package alb

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// failer is a test, or one run of a property.
type failer interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}

// network is a bond with clients in virtual time.
type network struct {
	t      failer
	c      *Clients
	now    time.Time
	bond   [6]byte
	slaves []Slave
	heard  map[IP][6]byte // what each client believes
	on     map[IP]int     // the slave by which it was told last
	frames int
	last   []Teach
}

var host = ip("10.1.0.9")

func newNetwork(t failer, n int) *network {
	w := &network{t: t, c: NewClients(mac(0)), now: start, bond: mac(0), heard: map[IP][6]byte{}, on: map[IP]int{}}
	w.c.SetOwn([]IP{host})
	for id := range n {
		w.slaves = append(w.slaves, Slave{ID: id, MAC: mac(byte(id)), Mbps: 1000, Usable: true, Active: id == 0})
	}
	w.changed()
	return w
}

func (w *network) changed() {
	ours := [][6]byte{w.bond}
	for _, s := range w.slaves {
		ours = append(ours, s.MAC)
	}
	w.c.SetSlaves(w.now, w.bond, ours, w.slaves)
}

func peer(i int) IP { return IP4([4]byte{10, 1, 1, byte(i)}) }

func peerMAC(i int) [6]byte { return [6]byte{2, 1, 0, 0, 0, byte(i)} }

// answers has the host answer a client's request and returns the slave.
func (w *network) answers(i int) int {
	id := w.c.Outgoing(w.now, &Exchange{Sender: host, Target: peer(i), SenderMAC: w.bond, Reply: true, Peer: peerMAC(i)})
	if s := find(w.slaves, id); s != nil {
		w.heard[peer(i)], w.on[peer(i)] = s.MAC, id
	}
	return id
}

// asks has the host ask for a client, who answers.
func (w *network) asks(i int) int {
	id := w.c.Outgoing(w.now, &Exchange{Sender: host, Target: peer(i), SenderMAC: w.bond, ToAll: true, Peer: broadcast})
	for p := range w.heard {
		w.heard[p] = w.bond
	}
	w.heard[peer(i)] = w.bond
	w.c.Incoming(w.now, &Exchange{Sender: peer(i), Target: host, SenderMAC: peerMAC(i), Reply: true, Peer: w.bond})
	return id
}

// pass lets time go by and clients be told.
func (w *network) pass(d time.Duration) {
	end := w.now.Add(d)
	w.last = nil
	for {
		at, ok := w.c.Next()
		if !ok || at.After(end) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		out := w.c.Step(w.now, nil)
		for _, x := range out {
			w.frames += x.Copies
			w.heard[x.Peer], w.on[x.Peer] = x.MAC, x.Slave
		}
		w.last = append(w.last, out...)
		if again, ok := w.c.Next(); ok && !again.After(w.now) {
			w.t.Fatalf("due again at once, having told %d", len(out))
		}
	}
	w.now = end
}

// spread is how many clients believe each slave's address.
func (w *network) spread() string {
	n := make([]int, len(w.slaves))
	for _, m := range w.heard {
		for i, s := range w.slaves {
			if s.MAC == m {
				n[i]++
			}
		}
	}
	return fmt.Sprint(n)
}

func (w *network) want(what, spread string) {
	w.t.Helper()
	if got := w.spread(); got != spread {
		w.t.Errorf("%s: clients per slave %v, want %v", what, got, spread)
	}
}

func TestClientsInTurn(t *testing.T) {
	w := newNetwork(t, 3)
	for i := range 9 {
		if got := w.answers(i); got != i%3 {
			t.Errorf("client %d is on slave %d", i, got)
		}
	}
	w.want("answered", "[3 3 3]")
	if w.answers(4) != 1 {
		t.Error("a client that asks again changes its slave")
	}
	w.pass(time.Second)
	if len(w.last) != 9 || w.last[0].Why != NewClient {
		t.Errorf("told %d of 9 new clients", len(w.last))
	}
	w.pass(time.Minute)
	if len(w.last) != 0 {
		t.Errorf("told again without need: %+v", w.last)
	}
}

func TestFasterSlavesGetTheClients(t *testing.T) {
	w := newNetwork(t, 3)
	w.slaves[0].Mbps = 100
	w.changed()
	for i := range 6 {
		w.answers(i)
	}
	w.want("one slow slave", "[0 3 3]")
	w.slaves[0].Mbps = 1000
	w.changed()
	w.pass(3 * time.Second)
	w.want("it is as fast now", "[2 2 2]")
}

// A request to all tells everybody the bond's address, so that everybody is
// told again, later (the recording of the driver: 2.2 s after the last one).
func TestRequestToAll(t *testing.T) {
	w := newNetwork(t, 2)
	w.asks(1)
	w.pass(1500 * time.Millisecond)
	w.asks(2)
	w.pass(1900 * time.Millisecond)
	if len(w.last) != 0 {
		t.Fatalf("told too early: %+v", w.last)
	}
	w.pass(300 * time.Millisecond)
	if len(w.last) != 2 {
		t.Fatalf("told %d of 2", len(w.last))
	}
	w.want("told again", "[1 1]")
}

// A host that never stops asking doesn't keep its clients from being told.
func TestRequestsWithoutEnd(t *testing.T) {
	w := newNetwork(t, 2)
	w.answers(1)
	w.answers(2)
	w.pass(time.Second)
	before := w.frames
	for range 60 {
		w.asks(77)
		w.pass(time.Second)
	}
	if w.frames-before < 6 {
		t.Errorf("%d frames in a minute", w.frames-before)
	}
}

func TestLostSlaveIsLeftAtOnce(t *testing.T) {
	w := newNetwork(t, 3)
	for i := range 9 {
		w.answers(i)
	}
	w.pass(10 * time.Second)
	before := w.now
	w.slaves[1].Usable = false
	w.changed()
	w.pass(0)
	w.want("at once", "[5 0 4]")
	if w.last[0].Why != SlaveLost || w.now != before {
		t.Errorf("%+v", w.last)
	}
	n := w.frames
	w.pass(time.Minute)
	if got := w.frames - n; got != 3*copies*retries {
		t.Errorf("%d frames of retries", got)
	}
	w.slaves[1].Usable = true
	w.changed()
	w.pass(12 * time.Second)
	w.want("restored", "[3 3 3]")
}

// The active slave fails: the one that takes over gets the bond's address and
// gives it its own.
func TestFailover(t *testing.T) {
	w := newNetwork(t, 3)
	for i := range 9 {
		w.answers(i)
	}
	w.pass(10 * time.Second)
	w.slaves[0].Usable, w.slaves[0].Active, w.slaves[0].MAC = false, false, mac(1)
	w.slaves[1].Active, w.slaves[1].MAC = true, mac(0)
	w.changed()
	w.pass(0)
	for p, m := range w.heard {
		if s := find(w.slaves, w.on[p]); !s.Usable || s.MAC != m {
			t.Errorf("%v believes %v and was told by slave %d, which has %v", p.Addr(), m, w.on[p], s.MAC)
		}
	}
	w.want("failover", "[0 5 4]")
}

func TestAllLost(t *testing.T) {
	w := newNetwork(t, 2)
	w.answers(1)
	w.answers(2)
	w.pass(5 * time.Second)
	w.slaves[0].Usable, w.slaves[1].Usable = false, false
	w.changed()
	w.pass(time.Minute)
	if len(w.last) != 0 || w.answers(3) != -1 {
		t.Errorf("told without a slave: %+v", w.last)
	}
	w.slaves[1].Usable = true
	w.changed()
	w.pass(time.Second)
	w.want("one is back", "[0 3]")
}

func TestWhoIsBelieved(t *testing.T) {
	w := newNetwork(t, 2)
	w.asks(1)
	w.pass(10 * time.Second)
	liar := Exchange{Sender: peer(1), Target: host, SenderMAC: mac(66), Reply: true}
	w.c.Incoming(w.now, &liar)
	if st, n := w.c.State(); st[0].MAC != peerMAC(1) || n.Unasked != 1 {
		t.Errorf("a reply that nobody asked for is believed: %+v", st)
	}
	w.c.Outgoing(w.now, &Exchange{Sender: host, Target: peer(1), SenderMAC: w.bond, Peer: peerMAC(1)})
	w.c.Incoming(w.now, &liar)
	if st, _ := w.c.State(); st[0].MAC != mac(66) {
		t.Errorf("the host asked and isn't told: %+v", st)
	}
	if !w.c.Incoming(w.now, &Exchange{Sender: host, Target: peer(1), SenderMAC: mac(66), Reply: true}) {
		t.Error("a claim to our address isn't noticed")
	}
	if st, n := w.c.State(); len(st) != 1 || n.Conflict != 1 {
		t.Errorf("it has an effect: %+v", st)
	}
	if w.c.Incoming(w.now, &Exchange{Sender: peer(1), Target: host, SenderMAC: mac(1), Reply: true}) || w.c.Outgoing(w.now, &Exchange{Sender: peer(5), Target: peer(1), SenderMAC: w.bond}) != -1 {
		t.Error("a slave's address, or a foreign one, makes a client")
	}
}

func TestOwnAddressGone(t *testing.T) {
	w := newNetwork(t, 2)
	w.answers(1)
	w.answers(2)
	w.c.SetOwn([]IP{ip("10.1.0.10")})
	if st, _ := w.c.State(); len(st) != 0 || len(w.c.count) != 0 {
		t.Errorf("left: %+v, %v", st, w.c.count)
	}
}

// A flood of strangers: the table stays as it is, frames within their bound,
// and those that were there before keep their places.
func TestFlood(t *testing.T) {
	w := newNetwork(t, 3)
	for i := range 9 {
		w.answers(i)
	}
	w.pass(10 * time.Second)
	var before, after runtime.MemStats
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			p := IP4([4]byte{10, 2, byte(i >> 8), byte(i)})
			w.c.Outgoing(w.now, &Exchange{Sender: host, Target: p, SenderMAC: w.bond, Reply: true, Peer: [6]byte{2, 2, 0, 0, byte(i >> 8), byte(i)}})
			if i%100 == 0 {
				w.c.View()
				w.pass(time.Millisecond)
			}
		}
	}
	flood(0, 65536)
	runtime.GC()
	runtime.ReadMemStats(&before)
	frames, began := w.frames, w.now
	for range 4 {
		flood(0, 65536)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 256<<10 {
		t.Errorf("memory grew by %d octets", grown)
	}
	st, n := w.c.State()
	if len(st) != MaxClients || n.Full == 0 {
		t.Errorf("%d clients, %+v", len(st), n)
	}
	for i := range 9 {
		if w.c.find(host, peer(i), 0) == nil {
			t.Errorf("client %d lost its place", i)
		}
	}
	if per := float64(w.frames-frames) / w.now.Sub(began).Seconds(); per > 200 {
		t.Errorf("%.0f frames/s", per)
	}
	// Who was away for long gives way, and hears the bond's address first.
	w.pass(2 * idleAfter)
	frames = w.frames
	flood(65536, 65536+4096)
	w.pass(10 * time.Second)
	if _, m := w.c.State(); m.Evicted == 0 || w.frames == frames {
		t.Errorf("nobody gave way: %+v", m)
	}
}

// However slaves come and go, everybody who can be told ends up with the
// address of a slave that can be used, and the load is even.
func TestEverybodyEndsUpWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newNetwork(t, rapid.IntRange(1, 4).Draw(t, "slaves"))
		clients := rapid.IntRange(1, 20).Draw(t, "clients")
		for i := range clients {
			w.answers(i)
		}
		for range rapid.IntRange(0, 8).Draw(t, "changes") {
			i := rapid.IntRange(0, len(w.slaves)-1).Draw(t, "slave")
			w.slaves[i].Usable = !w.slaves[i].Usable
			w.changed()
			w.pass(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
		}
		i := rapid.IntRange(0, len(w.slaves)-1).Draw(t, "is up")
		w.slaves[i].Usable = true
		w.changed()
		w.pass(12 * time.Second)
		counts, up := map[[6]byte]int{}, 0
		for _, s := range w.slaves {
			if s.Usable {
				counts[s.MAC], up = 0, up+1
			}
		}
		for p, m := range w.heard {
			if _, ok := counts[m]; !ok {
				t.Fatalf("%v believes %v, of no slave that can be used", p.Addr(), m)
			}
			counts[m]++
		}
		for m, n := range counts {
			if n < clients/up || n > (clients+up-1)/up {
				t.Fatalf("%d clients of %d on %v of %d slaves", n, clients, m, up)
			}
		}
	})
}
