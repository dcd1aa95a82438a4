package bond

import (
	"encoding/binary"
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// copies finds frames that arrive on two slaves. While the active role moves, a
// hub, or a switch that doesn't know our address, delivers each frame to the old
// active slave and to the new one, and the bond takes both slaves' frames: those
// that were on their way to either. The worker that sees a frame first delivers
// it, the other one drops its copy.
//
// A frame is known by a hash of its content. What a host sends twice arrives twice
// on each slave, so copies are counted: the n-th of a content on one slave is a
// copy if n of them were delivered already.
//
// The table is shared by the workers without a lock: one word per content, changed
// by compare-and-swap. It forgets the oldest when a set is full: then a copy is
// delivered, which is no worse than without the table.
type copies struct {
	seed     maphash.Seed // one per window: what earlier ones left means nothing
	base     time.Time
	laneSeed uint64 // of the express lane's hash
	sets     *[copySets][copyWays]atomic.Uint64
}

const (
	copySets = 2048 // with copyWays: 128 KB, 16 ms of a million frames a second
	copyWays = 8

	// copySides is how many slaves' copies are told apart: the active one and
	// those that had the role lately.
	copySides = 4

	copyTick = 200 * time.Microsecond
	// copyLife is how far apart two slaves' workers handle the copies of a frame.
	copyLife = 1000 // ticks: 200 ms, on a machine with all processors busy
	// copyAhead is by how much one worker's time may be ahead of another's: each
	// reads the clock once per batch.
	copyAhead = 1000 // ticks
	// copyLead is by how many equal frames one slave may be ahead of another. One
	// that has missed more didn't get copies: a host sends equal frames.
	copyLead = 4
)

// A word is, from its highest bit: 32 bits of the hash, 12 bits of time, 4 bits
// that count the deliveries, 4 bits for each side that count its copies. 0 is free.
const (
	copyTimeShift  = 20
	copyTimeMask   = 1<<12 - 1
	copyCountShift = 16
	copyCountMask  = 15
)

func newCopies(now time.Time) *copies {
	return (&copies{sets: new([copySets][copyWays]atomic.Uint64)}).again(now)
}

// again returns the table for another window.
func (c *copies) again(now time.Time) *copies {
	return &copies{seed: maphash.MakeSeed(), base: now, laneSeed: rand.Uint64(), sets: c.sets}
}

// ticks is now as words have it.
func (c *copies) ticks(now time.Time) uint64 {
	return uint64(max(now.Sub(c.base), 0)/copyTick) & copyTimeMask
}

// first reports whether a frame that arrived on side is to be delivered, and
// counts it. One that may not be delivered there is only counted.
func (c *copies) first(side int, frame []byte, now uint64, may bool) bool {
	h := c.hash(unpadded(frame))
	set, tag := &c.sets[h%copySets], h>>32|1
	for range 2 * copyWays { // others change the set only so often
		way, old := find(set, tag, now)
		next, deliver := count(old, tag, side, now, may)
		if set[way].CompareAndSwap(old, next) {
			return deliver
		}
	}
	return may
}

// hash is of a frame's content. Of TCP over IPv4 it leaves out the identification
// and the checksum over it: they are made up where a super-frame is cut.
func (c *copies) hash(b []byte) uint64 {
	l3 := 14
	for len(b) > l3+4 && (b[l3-2] == 0x81 && b[l3-1] == 0x00 || b[l3-2] == 0x88 && b[l3-1] == 0xa8) {
		l3 += 4
	}
	if len(b) < l3+20 || b[l3-2] != 0x08 || b[l3-1] != 0x00 || b[l3+9] != unix.IPPROTO_TCP {
		return maphash.Bytes(c.seed, b)
	}
	return maphash.Bytes(c.seed, b[:l3+4])*31 + maphash.Bytes(c.seed, b[l3+12:])
}

// find returns the place of tag in a set, or else the one to take: a free one, or
// the oldest.
func find(set *[copyWays]atomic.Uint64, tag, now uint64) (way int, word uint64) {
	oldest := uint64(0)
	for i := range set {
		w := set[i].Load()
		if w>>32 == tag {
			return i, w
		}
		age := uint64(copyTimeMask + 1)
		if w != 0 {
			age = copyAge(now, w>>copyTimeShift)
		}
		if age >= oldest {
			way, word, oldest = i, w, age
		}
	}
	return way, word
}

// copyAge is the time from at to now, in ticks; 0 if at is ahead.
func copyAge(now, at uint64) uint64 {
	age := (now - at) & copyTimeMask
	if age > copyTimeMask-copyAhead {
		return 0
	}
	return age
}

// count adds one frame of a side to the word of its content.
func count(old, tag uint64, side int, now uint64, may bool) (next uint64, deliver bool) {
	shift := 4 * side
	at, delivered, counts := old>>copyTimeShift&copyTimeMask, old>>copyCountShift&copyCountMask, old&(1<<copyCountShift-1)
	if old>>32 != tag || copyAge(now, at) > copyLife {
		at, delivered, counts = now, 0, 0
	}
	n := counts>>shift&copyCountMask + 1
	if may && delivered >= n+copyLead {
		n = delivered + 1
	}
	if n > copyCountMask {
		n, delivered, counts = n-8, max(delivered, 8)-8, lessEight(counts)
	}
	if deliver = may && n > delivered; deliver {
		at, delivered = now, n
	}
	counts = counts&^(copyCountMask<<shift) | n<<shift
	return tag<<32 | at<<copyTimeShift | delivered<<copyCountShift | counts, deliver
}

// lessEight keeps the differences of counts that are about to overflow.
func lessEight(counts uint64) (out uint64) {
	for shift := 0; shift < 4*copySides; shift += 4 {
		if n := counts >> shift & copyCountMask; n > 8 {
			out |= (n - 8) << shift
		}
	}
	return out
}

// unpadded cuts off what was added to a frame for Ethernet's minimal length: not
// every NIC does.
func unpadded(b []byte) []byte {
	at := 12
	for len(b) >= at+6 && (b[at] == 0x81 && b[at+1] == 0x00 || b[at] == 0x88 && b[at+1] == 0xa8) {
		at += 4
	}
	if len(b) > 60+at-12 || len(b) < at+8 {
		return b
	}
	n := len(b)
	switch l3 := b[at+2:]; binary.BigEndian.Uint16(b[at:]) {
	case 0x0800:
		n = at + 2 + int(binary.BigEndian.Uint16(l3[2:]))
	case 0x86dd:
		n = at + 2 + 40 + int(binary.BigEndian.Uint16(l3[4:]))
	case 0x0806:
		n = at + 2 + 28
	}
	return b[:min(n, len(b))]
}
