package bond

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/express"
)

// fakeLane notes what it is told.
type fakeLane struct {
	mu     sync.Mutex
	table  express.Table
	done   []int
	seats  []*fakeSeat
	full   bool
	closed bool
	gone   bool // the hook
	mended int
}

type fakeSeat struct {
	lane   *fakeLane
	number int
	left   bool
	count  express.Counters
}

func (l *fakeLane) locked(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
}

func (l *fakeLane) Publish(t *express.Table) {
	l.locked(func() {
		l.table = *t
		l.table.Targets = slices.Clone(t.Targets)
	})
}
func (l *fakeLane) Done(bucket int) { l.locked(func() { l.done = append(l.done, bucket) }) }
func (l *fakeLane) Settle()         {}
func (l *fakeLane) Attach() error   { return nil }
func (l *fakeLane) Check() (ok bool, err error) {
	l.locked(func() { ok = !l.gone })
	return ok, nil
}
func (l *fakeLane) Mend() error {
	l.locked(func() { l.gone = false; l.mended++ })
	return nil
}
func (l *fakeLane) Remove() error { return nil }
func (l *fakeLane) Close() error {
	l.locked(func() { l.closed = true })
	return nil
}
func (l *fakeLane) Seat() (Seat, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return nil, express.ErrNoSeat
	}
	s := &fakeSeat{lane: l, number: len(l.seats) + 3} // never a slave's slot
	l.seats = append(l.seats, s)
	return s, nil
}

func (s *fakeSeat) Number() int { return s.number }
func (s *fakeSeat) FD() int     { return -1 }
func (s *fakeSeat) Counters() (c express.Counters) {
	s.lane.locked(func() { c = s.count })
	return c
}
func (s *fakeSeat) Frames() uint64 {
	c := s.Counters()
	return c.TxFrames + c.Seen()
}
func (s *fakeSeat) Leave() error {
	s.lane.locked(func() { s.left = true })
	return nil
}

// lane runs fn with a bond that has a lane and is up.
func withLane(t *testing.T, options string, nics []string, fn func(*rig, *fakeLane)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sys, l := newFakeSystem(nics...), new(fakeLane)
		sys.lane = l
		r := newRig(t, sys, options+" express on", nics)
		r.must(r.b.SetUp(t.Context()))
		fn(r, l)
		if err := r.e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
		for _, s := range l.seats {
			if !s.left {
				t.Errorf("seat %d is still taken", s.number)
			}
		}
		if !l.closed {
			t.Error("the lane is still open")
		}
	})
}

// told is the table in words: what is sent where, and the rules of the seats.
func (r *rig) told(l *fakeLane) string {
	r.t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	names := map[int]string{}
	for i, link := range r.sys.links {
		names[i] = link.Name
	}
	words := []string{"closed"}
	if l.table.Tx {
		words = []string{fmt.Sprint("kind ", l.table.Kind)}
		for _, t := range l.table.Targets {
			words = append(words, fmt.Sprintf("%s@%d", names[t.Index], t.Seat))
		}
		if l.table.Hold != 0 {
			words = append(words, "held")
		}
	}
	words = append(words, "|")
	for _, s := range l.seats {
		word := [...]string{"inactive", "drain", "active"}[l.table.Rules[s.number]]
		if l.table.Sides[s.number] != 0 {
			word += "+copies"
		}
		words = append(words, word)
	}
	if !l.table.Up {
		words = append(words, "down")
	}
	return strings.Join(words, " ")
}

func TestLaneFollowsTheActiveSlave(t *testing.T) {
	withLane(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		expect(r.t, "at first", r.told(l), "kind 0 eth0@3 | active inactive")
		r.must(r.set("active_slave eth1"))
		expect(r.t, "switched", r.told(l), "kind 0 eth1@4 | drain+copies active+copies")
		pass(time.Second)
		expect(r.t, "a moment later", r.told(l), "kind 0 eth1@4 | inactive active")
		r.must(r.b.SetDown(r.t.Context()))
		expect(r.t, "down", r.told(l), "kind 0 eth1@4 | inactive active down")
		r.must(r.b.SetUp(r.t.Context()))
		r.must(r.b.Release(r.t.Context(), "eth1"))
		pass(time.Second)
		expect(r.t, "released", r.told(l), "kind 0 eth0@3 | active inactive")
		r.must(r.b.Release(r.t.Context(), "eth0"))
		expect(r.t, "nobody left", r.told(l), "kind 0 | inactive inactive")
	})
}

func TestLaneChoosesByHash(t *testing.T) {
	for hash, kind := range map[string]express.Kind{"layer2": express.ByLink, "layer3+4": express.ByPorts, "layer2+3": express.ByAddrs} {
		withLane(t, "mode balance-xor miimon 100 xmit_hash_policy "+hash, []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
			expect(r.t, hash, r.told(l), fmt.Sprintf("kind %d eth0@3 eth1@4 | active active", kind))
		})
	}
	withLane(t, "mode 802.3ad miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		if got := r.told(l); !strings.HasPrefix(got, "kind 1") {
			r.t.Errorf("802.3ad: %s", got)
		}
	})
}

// What the lane can't do is left to the workers, with a word about it.
func TestLaneIsClosed(t *testing.T) {
	withLane(t, "mode balance-xor miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		r.must(r.set("xmit_hash_policy encap3+4"))
		expect(r.t, "encap3+4", r.told(l), "closed | active active")
		expect(r.t, "state", *r.state().Express, ExpressState{Why: "xmit_hash_policy encap3+4 looks at more than it can"})
		r.must(r.set("xmit_hash_policy layer2"))
		expect(r.t, "again", r.told(l), "kind 1 eth0@3 eth1@4 | active active")
		r.sys.mu.Lock()
		r.sys.observed = "somebody captures on the bond"
		r.sys.mu.Unlock()
		pass(2 * housekeepEvery)
		expect(r.t, "observed", r.told(l), "closed | active active")
		log := strings.Join(r.log(), "\n")
		for _, line := range []string{"express lane is open", "express lane is closed, workers send"} {
			if !strings.Contains(log, line) {
				r.t.Errorf("no line %q in\n%s", line, log)
			}
		}
	})
	withLane(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		r.must(r.queueID("eth0", "2"))
		expect(r.t, "queue ids", r.state().Express.Why, "queue ids are in use")
		expect(r.t, "table", r.told(l), "closed | active inactive")
	})
	withLane(t, "mode 802.3ad miimon 100 broadcast_neighbor on", []string{"eth0"}, func(r *rig, l *fakeLane) {
		expect(r.t, "broadcast_neighbor", r.state().Express.Why, "broadcast_neighbor sends copies")
	})
	for _, mode := range []string{"balance-rr", "broadcast"} {
		withLane(t, "mode "+mode+" miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
			expect(r.t, mode, r.told(l), "closed | active active")
			expect(r.t, mode, r.state().Express.Why, "mode "+mode+" is the workers'")
		})
	}
	// Frames are changed on their way: these modes have no part in it at all.
	withLane(t, "mode balance-alb miimon 100", []string{"eth0"}, func(r *rig, l *fakeLane) {
		expect(r.t, "balance-alb", r.told(l), "closed |")
		if r.port(r.sys.index("eth0")).leaveIP {
			r.t.Error("the socket leaves IP to nobody")
		}
	})
}

func TestLaneIsFull(t *testing.T) {
	withLane(t, "mode active-backup miimon 100", []string{"eth0"}, func(r *rig, l *fakeLane) {
		l.locked(func() { l.full = true })
		i := r.sys.addLink("eth9", [6]byte{2, 0, 0, 0, 0, 9})
		r.must(r.b.Enslave(r.t.Context(), "eth9"))
		expect(r.t, "eth9 without a seat", r.told(l), "closed | active")
		expect(r.t, "sockets leave IP", fmt.Sprint(r.port(r.sys.index("eth0")).leaveIP, r.port(i).leaveIP), "true false")
	})
}

// The lane hears of each frame that it left to the workers, when that is sent.
func TestLaneHearsOfWhatItLeft(t *testing.T) {
	withLane(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		udp := frameOf("02 00 00 00 00 aa 02 00 00 00 00 00 08 00 45 00 00 20 00 00 00 00 40 11 00 00 0a 00 00 01 0a 00 00 02 00 35 00 35")
		for _, f := range [][]byte{udp, toPeer, udp} { // toPeer is no IP
			expect(r.t, "sent on", strings.Join(r.transmit(f), " "), "eth0")
		}
		l.locked(func() {
			if len(l.done) != 2 || l.done[0] != l.done[1] {
				r.t.Errorf("told of %v, want one bucket twice", l.done)
			}
		})
		expect(r.t, "listens for ARP alone", r.port(r.sys.index("eth0")).leaveIP, true)
	})
}

// What went by the lane counts as the slave's and the bond's, also when the slave
// has left.
func TestLaneCounts(t *testing.T) {
	withLane(t, "mode active-backup miimon 100", []string{"eth0", "eth1"}, func(r *rig, l *fakeLane) {
		l.locked(func() {
			l.seats[0].count = express.Counters{TxFrames: 5, TxOctets: 500, RxFrames: 7, RxOctets: 700, Own: 1}
			l.seats[1].count = express.Counters{Inactive: 3, BondDown: 2}
		})
		want := Traffic{TxFrames: 5, TxOctets: 500, RxFrames: 7, RxOctets: 700}
		drops := "map[rx_bond_down:2 rx_inactive:3 rx_own_source:1]"
		st := r.state()
		expect(r.t, "eth0", st.Slaves[0].Traffic, want)
		expect(r.t, "bond0", st.Traffic, want)
		expect(r.t, "drops", fmt.Sprint(st.Drops), drops)
		r.must(r.b.Release(r.t.Context(), "eth0"))
		r.must(r.b.Release(r.t.Context(), "eth1"))
		st = r.state()
		expect(r.t, "bond0 later", st.Traffic, want)
		expect(r.t, "the lane, later", st.Express.Traffic, want)
		expect(r.t, "drops later", fmt.Sprint(st.Drops), drops)
	})
}

func TestLaneIsPutBack(t *testing.T) {
	withLane(t, "mode active-backup miimon 100", []string{"eth0"}, func(r *rig, l *fakeLane) {
		l.locked(func() { l.gone = true })
		pass(2 * housekeepEvery)
		l.locked(func() { expect(r.t, "mended", l.mended, 1) })
		if log := strings.Join(r.log(), "\n"); !strings.Contains(log, "program was removed from the TAP, put back") {
			r.t.Errorf("no word of it:\n%s", log)
		}
	})
}

func TestLaneIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newFakeSystem()
		e := NewEngine(sys, NewBus(), nil)
		sys.fail["lane 2"] = unix.EPERM
		_, err := e.Create(t.Context(), Config{Name: "bond0", Options: words(t, "express on")})
		if !errors.Is(err, unix.EPERM) || err.Error() != "bond0: option express: operation not permitted" {
			t.Errorf("create: %v", err)
		}
		b, err := e.Create(t.Context(), Config{Name: "bond1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Set(t.Context(), 0, words(t, "express on")); err == nil || !strings.Contains(err.Error(), "can only be chosen when the bond is created") {
			t.Errorf("later: %v", err)
		}
		if err := e.CloseAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func words(t *testing.T, text string) []option.Assign {
	t.Helper()
	a, rest, err := option.ParseWords(strings.Fields(text))
	if err != nil || len(rest) > 0 {
		t.Fatal(err, rest)
	}
	return a
}
