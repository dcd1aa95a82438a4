package express

import (
	"encoding/binary"
	"slices"
	"testing"
)

// Two slaves receive the same frames while the active role moves.
func TestCopies(t *testing.T) {
	l := newLane(t)
	ours := [6]byte{2, 0, 0, 0, 0, 9}
	var seats []*Seat
	for range 2 {
		s, err := l.Seat()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Leave()
		seats = append(seats, s)
	}
	table := Table{Up: true, MAC: ours, Seed: 7}
	table.Rules[seats[0].Number()], table.Sides[seats[0].Number()] = Drain, 1
	table.Rules[seats[1].Number()], table.Sides[seats[1].Number()] = Active, 2
	l.Publish(&table)
	receive := func(seat int, b []byte) bool {
		t.Helper()
		verdict, _, err := seats[seat].program.Test(b)
		if err != nil {
			t.Fatal(err)
		}
		if verdict != verdictRedirect && verdict != verdictDrop {
			t.Fatalf("verdict %d", int32(verdict))
		}
		return verdict == verdictRedirect
	}
	n := uint32(0)
	numbered := func(b []byte) []byte {
		n++
		b = slices.Clone(b)
		binary.NativeEndian.PutUint32(b[len(b)-4:], n)
		return b
	}
	broadcast := tcp4()
	copy(broadcast, "\xff\xff\xff\xff\xff\xff")
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"shortest IPv4", tcp4()[:14+28]},
		{"TCP", tcp4()},
		{"broadcast", broadcast},
		{"ARP", slices.Concat(tcp4()[:12], []byte{8, 6}, make([]byte, 28))},
		{"IPv6", slices.Concat(tcp4()[:12], []byte{0x86, 0xdd}, make([]byte, 60))},
		{"long", slices.Concat(tcp4(), make([]byte, 56))},
	} {
		for _, first := range []int{0, 1} {
			for range 100 {
				f := numbered(c.frame)
				if !receive(first, f) || receive(1-first, f) {
					t.Fatalf("%s: not delivered once, slave %d first", c.name, first)
				}
			}
			// On one slave alone; and what a host sends twice.
			f := numbered(c.frame)
			got := []bool{receive(first, f), receive(first, f), receive(1-first, f)}
			if !slices.Equal(got, []bool{true, true, false}) {
				t.Errorf("%s: equal frames on slave %d, then on the other: delivered %v", c.name, first, got)
			}
		}
	}
	if got := seats[0].Counters().Duplicate + seats[1].Counters().Duplicate; got != 6*2*101 {
		t.Errorf("%d copies counted", got)
	}
	own := numbered(tcp4())
	copy(own[6:], ours[:])
	if receive(0, own) || receive(1, own) || seats[0].Counters().Own != 0 || seats[0].Counters().Inactive != 1 || seats[1].Counters().Own != 1 {
		t.Error("frames of our own: on the old slave they are floods")
	}
	// Another window knows nothing of this one; outside of one nothing is compared.
	f := numbered(tcp4())
	receive(0, f)
	table.Seed++
	l.Publish(&table)
	if !receive(1, f) {
		t.Error("a copy of the last window")
	}
	clear(table.Sides[:])
	l.Publish(&table)
	f = numbered(tcp4())
	if !receive(0, f) || !receive(1, f) || receive(0, broadcast) {
		t.Error("compared outside of a window")
	}
}
