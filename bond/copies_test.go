package bond

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// numbered is a datagram with a number in it.
func numbered(n int) []byte {
	f := slices.Clone(udp4)
	f[42], f[43], f[44] = byte(n), byte(n>>8), byte(n>>16)
	return f
}

// Each frame arrives on a random subset of the slaves, in any order, some later
// than others: each is delivered once.
func TestCopiesOnce(t *testing.T) {
	for _, sides := range []int{2, 3, 4} {
		c := newCopies(judgedAt)
		for n := range 5000 {
			now := c.ticks(judgedAt.Add(time.Duration(n) * 20 * time.Microsecond))
			delivered := 0
			order := rand.Perm(sides)[:1+rand.IntN(sides)]
			for _, side := range order {
				if c.first(side, numbered(n), now, true) {
					delivered++
				}
			}
			if delivered != 1 {
				t.Fatalf("frame %d on %v: delivered %d times", n, order, delivered)
			}
		}
	}
}

// Equal frames: as many are delivered as one slave received, flooded or not.
func TestCopiesOfEqualFrames(t *testing.T) {
	send := func(c *copies, ms float64, sides ...int) (n int) {
		for _, s := range sides {
			if c.first(s, udp4, c.ticks(judgedAt.Add(time.Duration(ms*1e6))), true) {
				n++
			}
		}
		return n
	}
	c := newCopies(judgedAt)
	got := 0
	for i := range 100 {
		got += send(c, float64(i)/10, i%2, 1-i%2)
	}
	if got != 100 {
		t.Errorf("flooded one by one: %d of 100", got)
	}
	c = newCopies(judgedAt)
	got = 0
	for i := range 50 { // in pieces of two
		got += send(c, float64(i)/10, 0, 0, 1, 1)
	}
	if got != 100 {
		t.Errorf("flooded by twos: %d of 100", got)
	}
	c = newCopies(judgedAt)
	got = 0
	for i := range 40 {
		got += send(c, float64(i)/2, 0)
	}
	before := got
	for i := range 40 {
		got += send(c, 20+float64(i)/2, 1)
	}
	if before != 40 || got < 80-copyLead-8 {
		t.Errorf("by one, then by the other: %d, then %d of 40", before, got-before)
	}
	c = newCopies(judgedAt)
	if got = send(c, 0, 0) + send(c, 205, 1); got != 2 {
		t.Errorf("205 ms apart: %d of 2", got)
	}
}

// A backup's copies are counted before the role moves: what the active slave has
// yet to deliver is delivered, what it has delivered is not delivered again.
func TestCopiesBeforeTheRoleMoves(t *testing.T) {
	c := newCopies(judgedAt)
	c.first(1, numbered(1), 0, false) // the backup is first
	if !c.first(0, numbered(1), 1, true) {
		t.Error("a frame was lost because a backup received it first")
	}
	if c.first(1, numbered(1), 2, false) {
		t.Error("delivered where it may not be")
	}
	if !c.first(0, numbered(2), 3, true) {
		t.Error("not delivered by the active slave")
	}
	if c.first(1, numbered(2), 4, true) { // the role has moved
		t.Error("delivered again")
	}
	if !c.first(1, numbered(3), 5, true) || c.first(0, numbered(3), 6, true) {
		t.Error("not delivered once after the move")
	}
}

// Another window knows nothing of the last one, though it has its table.
func TestCopiesAgain(t *testing.T) {
	c := newCopies(judgedAt)
	for n := range 3 * copySets * copyWays { // more than it holds
		c.first(0, numbered(n), 5, true)
	}
	c = c.again(judgedAt.Add(time.Second))
	for n := range 1000 {
		if !c.first(1, numbered(n), 6, true) {
			t.Fatalf("frame %d: a copy of the last window", n)
		}
	}
}

// Ethernet's padding doesn't matter, content does.
func TestCopiesPadding(t *testing.T) {
	arp := frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 08 06 00 01 08 00 06 04 00 02")
	for _, c := range []struct {
		frame []byte
		want  int
	}{
		{udp4, 60},
		{arp, 42},
		{slices.Concat(arp[:12], []byte{0x81, 0, 0, 7}, arp[12:]), 46},
		{frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 08 00 45 00 00 1c"), 42},
		{frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 86 dd 60 00 00 00 00 02 3a ff"), 56},
		{frameOf("02 00 00 00 00 00 02 00 00 00 00 aa 08 00 45 00 ff ff"), 60},
		{arp[:14], 14},
		{arp[:5], 5},
		{nil, 0},
	} {
		if got := len(unpadded(c.frame)); got != c.want {
			t.Errorf("% x: %d octets of %d, want %d", c.frame, got, len(c.frame), c.want)
		}
	}
}

// Two workers at a time, as in the engine.
func TestCopiesConcurrently(t *testing.T) {
	const frames = 20000
	c := newCopies(judgedAt)
	var delivered [frames]atomic.Int32
	for from := 0; from < frames; from += 2000 { // neither may be ahead by more than the table holds
		var wg sync.WaitGroup
		for side := range 2 {
			wg.Go(func() {
				for n := from; n < from+2000; n++ {
					if c.first(side, numbered(n), uint64(n/100)&copyTimeMask, true) {
						delivered[n].Add(1)
					}
				}
			})
		}
		wg.Wait()
	}
	for n := range delivered {
		if got := delivered[n].Load(); got != 1 {
			t.Fatalf("frame %d: delivered %d times", n, got)
		}
	}
}

func BenchmarkCopies(b *testing.B) {
	for _, size := range []int{60, 1514} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := newCopies(judgedAt)
			f := append(slices.Clone(udp4), make([]byte, size-len(udp4))...)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f[42], f[43], f[44] = byte(i>>1), byte(i>>9), byte(i>>17)
				c.first(i&1, f, uint64(i>>10)&copyTimeMask, true)
			}
		})
	}
}

// A worker whose batch began before another one's knows its copies.
func TestCopiesOfAnEarlierBatch(t *testing.T) {
	for _, ahead := range []uint64{0, 1, 2, 100, copyAhead - 1} {
		for _, start := range []uint64{0, 5, copyTimeMask, copyTimeMask - 50} {
			c := newCopies(judgedAt)
			f := numbered(1)
			if !c.first(1, f, (start+ahead)&copyTimeMask, true) || c.first(2, f, start, true) {
				t.Errorf("%d ticks ahead of %d: delivered twice", ahead, start)
			}
		}
	}
	c := newCopies(judgedAt)
	c.first(1, numbered(1), 0, true)
	if !c.first(2, numbered(1), copyLife+1, true) {
		t.Error("a frame sent again later is taken for a copy")
	}
}
