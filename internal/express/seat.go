package express

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
)

// Seat is a slave's part of a Lane. Its counters begin at zero.
type Seat struct {
	lane    *Lane
	number  int
	program *ebpf.Program
	before  Counters // of who had the seat earlier
}

// Counters are what went the short way on one slave, in frames and octets; a
// super-frame counts as one.
type Counters struct {
	TxFrames, TxOctets uint64
	RxFrames, RxOctets uint64 // delivered to the bond
	Inactive           uint64 // dropped: the slave is a backup
	Own                uint64 // dropped: the bond's own frames, come back
	BondDown           uint64 // dropped: the bond is down
	Duplicate          uint64 // dropped: another slave delivered it
}

// Seat takes a free one and loads the slave's program.
func (l *Lane) Seat() (*Seat, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, taken := range l.taken {
		if taken {
			continue
		}
		program, err := load("tapbond_in", ingress(l.state.FD(), l.counters.FD(), l.copies.FD(), l.cpus, l.bond, i))
		if err != nil {
			return nil, fmt.Errorf("express lane: %w", err)
		}
		l.taken[i] = true
		s := &Seat{lane: l, number: i, program: program}
		s.before = s.total()
		return s, nil
	}
	return nil, ErrNoSeat
}

// Number is the seat's, below Seats, as in Table.
func (s *Seat) Number() int { return s.number }

// FD is the descriptor of the slave's program, for its ingress hook, where it is
// the isolation from the host's stack too.
func (s *Seat) FD() int { return s.program.FD() }

// Counters returns what was counted since the seat was taken.
func (s *Seat) Counters() Counters { return s.total().sub(s.before) }

// Frames is the number of frames that the slave has carried or refused. It is for
// polling.
func (s *Seat) Frames() uint64 {
	c := s.Counters()
	return c.TxFrames + c.Seen()
}

// Seen is the number of frames that arrived.
func (c Counters) Seen() uint64 { return c.RxFrames + c.Inactive + c.Own + c.BondDown + c.Duplicate }

func (s *Seat) total() Counters {
	var c Counters
	for cpu := range s.lane.cpus {
		line := cpu<<cpuShift + s.number<<counterShift
		at := func(counter int) uint64 {
			return (*atomic.Uint64)(unsafe.Pointer(&s.lane.lines[line+counter])).Load()
		}
		c.TxFrames += at(countTxFrames)
		c.TxOctets += at(countTxOctets)
		c.RxFrames += at(countRxFrames)
		c.RxOctets += at(countRxOctets)
		c.Inactive += at(countInactive)
		c.Own += at(countOwn)
		c.BondDown += at(countBondDown)
		c.Duplicate += at(countDuplicate)
	}
	return c
}

func (c Counters) sub(o Counters) Counters {
	return Counters{
		TxFrames: c.TxFrames - o.TxFrames, TxOctets: c.TxOctets - o.TxOctets,
		RxFrames: c.RxFrames - o.RxFrames, RxOctets: c.RxOctets - o.RxOctets,
		Inactive: c.Inactive - o.Inactive, Own: c.Own - o.Own, BondDown: c.BondDown - o.BondDown,
		Duplicate: c.Duplicate - o.Duplicate,
	}
}

// Leave gives the seat back. Its program, if it is still attached, must not be
// any more when somebody else takes the seat.
func (s *Seat) Leave() error {
	s.lane.mu.Lock()
	s.lane.taken[s.number] = false
	s.lane.mu.Unlock()
	return s.program.Close()
}
