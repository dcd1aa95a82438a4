package express

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/policy"
)

// frames makes all sorts of frames: what the short way takes, what it must leave,
// and both of them cut short or spoilt.
type frames struct{ *rand.Rand }

func pick[T any](g frames, from ...T) T { return from[g.IntN(len(from))] }

func (g frames) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

func (g frames) one() []byte {
	b := g.octets(12)
	var ether uint16
	var p []byte
	switch g.IntN(10) {
	case 0:
		ether, p = pick[uint16](g, 0x0806, 0x8100, 0x88a8, 0x8809, 0x88cc, 0x0026), g.octets(g.IntN(80))
	case 1, 2, 3, 4:
		ether, p = ipv6, g.octets(headerIPv6)
		p[0] = 0x60
		p[6] = pick[byte](g, protoTCP, protoUDP, protoICMPv6, protoICMPv6, 44, 0, 43, 47, 50, 51, 132, 136)
		p = append(p, g.upper(p[6])...)
	default:
		ether = ipv4
		words := pick(g, 5, 5, 5, 5, 6, 15, 4)
		p = g.octets(max(words*4, headerIPv4))
		p[0] = 0x40 | byte(words)
		binary.BigEndian.PutUint16(p[6:], pick[uint16](g, 0, 0, 0x4000, 0x2000, 0x00b9, 0x8000))
		p[9] = pick[byte](g, protoTCP, protoUDP, protoICMP, protoICMP, 2, 33, 47, 50, 51, 132, 136)
		p = append(p, g.upper(p[9])...)
	}
	tagged := 0
	for g.IntN(4) == 0 && tagged < 3 {
		b = append(binary.BigEndian.AppendUint16(b, pick[uint16](g, 0x8100, 0x8100, 0x88a8, 0x9100)), g.octets(2)...)
		tagged++
	}
	b = append(binary.BigEndian.AppendUint16(b, ether), p...)
	// The kernel tries programs on whole headers only.
	least := map[uint16]int{ipv4: etherLen + headerIPv4, ipv6: etherLen + headerIPv6}[ether]
	if tagged > 0 {
		least = etherLen + 1
	}
	if g.IntN(6) == 0 {
		b = b[:min(len(b), max(least, etherLen+1, g.IntN(len(b))))]
	}
	if len(b) <= etherLen {
		b = append(b, 0)
	}
	return b
}

// upper is what follows an IP header, with types of ICMP that have identifiers and
// others.
func (g frames) upper(proto byte) []byte {
	b := g.octets(g.IntN(40))
	if len(b) == 0 {
		return b
	}
	switch proto {
	case protoICMP:
		b[0] = pick[byte](g, 0, 3, 5, 8, 11, 13, 14, 15, 17)
	case protoICMPv6:
		b[0] = pick[byte](g, 1, 2, 128, 129, 130, 135, 136)
	}
	if len(b) > 6 && g.IntN(4) == 0 {
		b[4], b[5] = 0, 0
	}
	return b
}

func newLane(t testing.TB) *Lane {
	t.Helper()
	labtest.NeedRoot(t)
	l, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// run gives a frame to the TAP's program and returns its verdict.
func (l *Lane) run(t testing.TB, b []byte) uint32 {
	t.Helper()
	verdict, _, err := l.out.Test(b)
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

const verdictRedirect = 7 // TC_ACT_REDIRECT

func (l *Lane) in(bucket int) uint32 {
	return l.word(stateBuckets + bucket*bucketSize + bucketIn).Load()
}

func (l *Lane) allIn() (n uint32) {
	for i := range numBuckets {
		n += l.in(i)
	}
	return n
}

// The program sends each frame where the selector would, and leaves exactly
// those that Bucket doesn't know.
func TestChoosesAsThePolicy(t *testing.T) {
	l := newLane(t)
	var seats []*Seat
	table := Table{Tx: true, Up: true}
	snap := policy.Snapshot{}
	for i := range 5 {
		s, err := l.Seat()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Leave()
		seats = append(seats, s)
		table.Targets = append(table.Targets, Target{Index: 1, Seat: s.Number()})
		snap.Slaves = append(snap.Slaves, policy.Slave{CanTx: true})
		snap.Usable = append(snap.Usable, i)
	}
	hashes := map[Kind]policy.HashPolicy{ByLink: policy.Layer2, ByPorts: policy.Layer34, ByAddrs: policy.Layer23}
	xor, _ := policy.New(policy.BalanceXOR)
	q := policy.NewQueue(1)
	g := frames{rand.New(rand.NewPCG(1, 2))}
	var f policy.Frame
	taken := map[bool]int{}
	before := make([]Counters, len(seats))
	for n := range 30000 {
		b := g.one()
		table.Kind = Kind(n % int(numKinds))
		snap.Hash = hashes[table.Kind]
		l.Publish(&table)
		verdict := l.run(t, b)
		f.Decode(b)
		_, ok := Bucket(&f)
		taken[ok]++
		want := 0
		if table.Kind != Fixed {
			want, _ = xor.Select(&snap, q, &f)
		}
		if (verdict == verdictRedirect) != ok {
			t.Fatalf("%x: verdict %d, taken %v", b, int32(verdict), ok)
		}
		for i, s := range seats {
			now := s.Counters()
			sent := before[i]
			if ok && i == want {
				sent.TxFrames++
				sent.TxOctets += uint64(len(b))
			}
			if now != sent {
				t.Fatalf("%x, kind %d: slave %d counts %+v, want %+v (selector: %d)", b, table.Kind, i, now, sent, want)
			}
			before[i] = now
		}
	}
	if taken[true] < 5000 || taken[false] < 3000 {
		t.Errorf("taken and left: %v", taken)
	}
	if n := l.allIn(); n != 0 {
		t.Errorf("%d frames counted as left to the workers", n)
	}
}

// While the way is closed, each frame that could take it is counted in the bucket
// that the worker will name; and it opens when that one is drained.
func TestOpensWhenDrained(t *testing.T) {
	l := newLane(t)
	s, err := l.Seat()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave()
	open := Table{Tx: true, Up: true, Targets: []Target{{Index: 1, Seat: s.Number()}}}
	closed := open
	closed.Tx = false
	empty := Table{Tx: true, Up: true}
	later := open
	later.Hold = 1 << 62
	g := frames{rand.New(rand.NewPCG(3, 4))}
	var f policy.Frame
	for n := range 3000 {
		b := g.one()
		f.Decode(b)
		bucket, ok := Bucket(&f)
		l.Publish(pick(g, &closed, &empty, &later))
		before := l.allIn()
		for range 2 {
			if v := l.run(t, b); int32(v) != verdictNext {
				t.Fatalf("%x: verdict %d though closed", b, int32(v))
			}
		}
		if !ok {
			if l.allIn() != before {
				t.Fatalf("%x: counted", b)
			}
			continue
		}
		if l.allIn() != before+2 {
			t.Fatalf("%x: %d counted, want 2", b, l.allIn()-before)
		}
		l.Publish(&open)
		l.Done(bucket)
		if v := l.run(t, b); int32(v) != verdictNext { // the third left
			t.Fatalf("%x: overtakes a frame that is on its way (%d)", b, n)
		}
		l.Done(bucket)
		l.Done(bucket)
		if v := l.run(t, b); v != verdictRedirect {
			t.Fatalf("%x: verdict %d though drained", b, int32(v))
		}
	}
}

// Frames lost in between don't close the way for ever.
func TestSettle(t *testing.T) {
	l := newLane(t)
	s, err := l.Seat()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave()
	b := tcp4()
	l.Publish(&Table{Up: true})
	l.run(t, b)
	l.Publish(&Table{Tx: true, Up: true, Targets: []Target{{Index: 1, Seat: s.Number()}}})
	l.Settle()
	if v := l.run(t, b); int32(v) != verdictNext {
		t.Fatalf("open at once: %d", int32(v))
	}
	l.Settle() // one came since the last
	if v := l.run(t, b); int32(v) != verdictNext {
		t.Fatalf("open though it wasn't quiet: %d", int32(v))
	}
	l.Settle()
	l.Settle()
	if v := l.run(t, b); v != verdictRedirect {
		t.Fatalf("closed though quiet: %d", int32(v))
	}
}

func tcp4() []byte {
	b := make([]byte, 14+20+20)
	copy(b, []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45})
	b[14+9] = protoTCP
	return b
}

// The receive rules, and what isn't IP.
func TestArrival(t *testing.T) {
	l := newLane(t)
	s, err := l.Seat()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Leave()
	ours := [6]byte{2, 0, 0, 0, 0, 9}
	frame := func(change func([]byte)) []byte {
		b := tcp4()
		change(b)
		return b
	}
	ether := func(hi, lo byte) []byte { return frame(func(b []byte) { b[12], b[13] = hi, lo }) }
	unicast := tcp4()
	broadcast := frame(func(b []byte) { copy(b, "\xff\xff\xff\xff\xff\xff") })
	own := frame(func(b []byte) { copy(b[6:], ours[:]) })
	const next, drop = 0xffffffff, verdictDrop
	for name, c := range map[string]struct {
		rule  Rule
		down  bool
		frame []byte
		want  uint32
		count Counters
	}{
		"active":              {Active, false, unicast, verdictRedirect, Counters{RxFrames: 1, RxOctets: 54}},
		"active, broadcast":   {Active, false, broadcast, verdictRedirect, Counters{RxFrames: 1, RxOctets: 54}},
		"active, own":         {Active, false, own, drop, Counters{Own: 1}},
		"active, bond down":   {Active, true, unicast, drop, Counters{BondDown: 1}},
		"draining":            {Drain, false, unicast, verdictRedirect, Counters{RxFrames: 1, RxOctets: 54}},
		"draining, broadcast": {Drain, false, broadcast, drop, Counters{Inactive: 1}},
		"draining, own":       {Drain, false, own, drop, Counters{Own: 1}},
		"inactive":            {Inactive, false, unicast, drop, Counters{Inactive: 1}},
		"IPv6":                {Active, false, ether(0x86, 0xdd), verdictRedirect, Counters{RxFrames: 1, RxOctets: 54}},
		"ARP":                 {Active, false, ether(8, 6), verdictRedirect, Counters{RxFrames: 1, RxOctets: 54}},
		"ARP, inactive":       {Inactive, false, ether(8, 6), drop, Counters{Inactive: 1}},
		"tagged":              {Active, false, ether(0x81, 0), drop, Counters{}},
		"double tagged":       {Active, false, ether(0x88, 0xa8), drop, Counters{}},
		"LLDP":                {Inactive, false, ether(0x88, 0xcc), next, Counters{}},
		"LACP":                {Active, true, ether(0x88, 9), next, Counters{}},
	} {
		t.Run(name, func(t *testing.T) {
			table := Table{Up: !c.down, MAC: ours}
			table.Rules[s.Number()] = c.rule
			l.Publish(&table)
			before := s.Counters()
			verdict, _, err := s.program.Test(c.frame)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Counters().sub(before); verdict != c.want || got != c.count {
				t.Errorf("verdict %d, want %d; counts %+v, want %+v", int32(verdict), int32(c.want), got, c.count)
			}
		})
	}
}

func TestSeats(t *testing.T) {
	l := newLane(t)
	var all []*Seat
	for range Seats {
		s, err := l.Seat()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if _, err := l.Seat(); err != ErrNoSeat {
		t.Errorf("one too many: %v", err)
	}
	l.Publish(&Table{Tx: true, Targets: []Target{{Index: 1, Seat: 17}}})
	l.run(t, tcp4())
	if n := all[17].Counters().TxFrames; n != 1 {
		t.Errorf("%d frames", n)
	}
	if err := all[17].Leave(); err != nil {
		t.Fatal(err)
	}
	again, err := l.Seat()
	if err != nil || again.Number() != 17 || again.Counters() != (Counters{}) {
		t.Errorf("taken again: %v %v", again, err)
	}
	all[17] = again
	for _, s := range all {
		if err := s.Leave(); err != nil {
			t.Error(err)
		}
	}
}

func TestNoAllocs(t *testing.T) {
	l := newLane(t)
	b := tcp4()
	var f policy.Frame
	f.Decode(b)
	if n := testing.AllocsPerRun(100, func() {
		bucket, _ := Bucket(&f)
		l.Done(bucket)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
