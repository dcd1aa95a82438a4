package bond

import (
	"sync/atomic"

	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/policy"
)

// counter has one writer and any number of readers.
type counter struct{ v atomic.Uint64 }

// add is for the one writer only: a load and a store cost less than a locked add.
func (c *counter) add(n uint64)  { c.v.Store(c.v.Load() + n) }
func (c *counter) value() uint64 { return c.v.Load() }

// traffic counts what one worker moved for one slave, alone in its cache lines.
// A super-frame counts as one frame.
type traffic struct {
	_      [64]byte
	frames counter
	octets counter
	_      [64]byte
}

// drops counts one worker's drops by reason, alone in its cache lines.
type drops struct {
	_ [64]byte
	n [policy.NumReasons]counter
	_ [64]byte
}

// dropTotals sums drops for reading.
type dropTotals [policy.NumReasons]uint64

func (t *dropTotals) add(d *drops) {
	for i := range d.n {
		t[i] += d.n[i].value()
	}
}

// addPort takes in what a port didn't hand on. What its socket had no room for
// is told apart, by slave.
func (t *dropTotals) addPort(s nic.Stats) {
	t[policy.RxTruncated] += s.Truncated
	t[policy.RxMalformed] += s.Malformed
}

// addSeat takes in what the express lane didn't hand on.
func (t *dropTotals) addSeat(s Seat) {
	if s == nil {
		return
	}
	c := s.Counters()
	t[policy.RxInactive] += c.Inactive
	t[policy.RxOwnSource] += c.Own
	t[policy.RxBondDown] += c.BondDown
	t[policy.RxDuplicate] += c.Duplicate
}

// byName leaves out the reasons that never happened.
func (t *dropTotals) byName() map[string]uint64 {
	m := make(map[string]uint64)
	for i, n := range t {
		if n > 0 {
			m[policy.Reason(i).String()] = n
		}
	}
	return m
}
