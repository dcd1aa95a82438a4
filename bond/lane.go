package bond

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/express"
	"github.com/tapbond/tapbond/policy"
	"github.com/tapbond/tapbond/tap"
)

// Lane is a bond's express lane: programs in the kernel that carry IP as the
// workers would, by a table made from the same snapshot, and leave the rest to
// them. Check and Mend are of its hook on the TAP. Publish is for one goroutine.
type Lane interface {
	Shield
	// Attach begins: the TAP's frames are seen. One that a process of ours left
	// goes on until then.
	Attach() error
	Publish(*express.Table)
	Done(bucket int)
	Settle()
	Seat() (Seat, error)
	Close() error
}

// Seat is a slave's part in it.
type Seat interface {
	Number() int
	FD() int // of the program that is the slave's shield, too
	Counters() express.Counters
	Frames() uint64
	Leave() error
}

// ExpressState says what the express lane does.
type ExpressState struct {
	// Sends: what it can carry leaves by it. What arrives does in any case, on
	// slaves with a seat.
	Sends bool   `json:"sends"`
	Why   string `json:"why,omitempty"` // not, if it doesn't
	// Traffic is what it carried, which the TAP's own counters don't have.
	Traffic Traffic `json:"traffic"`
}

// openLane opens the lane that the settings ask for, if they do. With adopt it
// is for takeLane to begin.
func openLane(sys System, dev tap.Device, name string, vals option.Values, adopt bool) (Lane, error) {
	if vals.Express == 0 {
		return nil, nil
	}
	if !dev.Offload() {
		return nil, option.Unsupported(name, option.Express, "needs offload")
	}
	l, err := sys.OpenLane(dev.Index())
	if err != nil {
		return nil, fmt.Errorf("%s: option express: %w", name, err)
	}
	if adopt {
		return l, nil
	}
	if err := l.Attach(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: option express: %w", name, err), l.Close())
	}
	return l, nil
}

// takeLane replaces the lane of a process that is no more, now that everything
// is told to the new one: no frame is lost. The caller holds the bond's lock.
func (b *Bond) takeLane() error {
	if b.lane == nil {
		return nil
	}
	errs := []error{b.lane.Attach()}
	var slaves []*slave
	_ = b.call(func() { slaves = b.members() })
	for _, s := range slaves {
		if s.seat == nil {
			continue
		}
		shield, err := b.sys.Shield(s.index, s.seat)
		if err == nil {
			s.shield.replace(shield)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// takeSeat gives a coming slave its part in the lane; none if there is no lane,
// or no room, or the mode changes frames on their way. The caller holds the
// bond's lock.
func (b *Bond) takeSeat() (Seat, error) {
	if b.lane == nil || b.bal != nil {
		return nil, nil
	}
	seat, err := b.lane.Seat()
	if errors.Is(err, express.ErrNoSeat) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return seat, nil
}

func (s *slave) leaveSeat() {
	if s.seat != nil {
		_ = s.seat.Leave()
	}
}

func (s *slave) seatNumber() int {
	if s.seat == nil {
		return -1
	}
	return s.seat.Number()
}

// publishLane gives the lane its part of a snapshot.
func (b *Bond) publishLane(s *snapshot) {
	if b.lane == nil {
		return
	}
	t := express.Table{Up: s.up, MAC: s.mac}
	for _, sl := range b.slaves {
		if sl.seat != nil {
			n := sl.seat.Number()
			t.Rules[n] = laneRule(s.rx[sl.slot])
			if s.copies != nil {
				t.Sides[n], t.Seed = uint8(s.sides[sl.slot]+1), s.copies.laneSeed
			}
		}
	}
	why := b.laneClosed(s)
	if why == "" {
		t.Tx = true
		t.Kind, t.Targets = laneChoice(s, policy.Mode(b.vals.Mode))
		if !s.hold.IsZero() {
			t.Hold = monotonic(s.hold)
		}
	}
	b.lane.Publish(&t)
	if b.laneTold && why == b.laneWhy {
		return
	}
	b.laneTold, b.laneWhy = true, why
	e := Event{Kind: "express", Message: "express lane is open"}
	if why != "" {
		e.Message, e.Why = "express lane is closed, workers send", why
	}
	b.event(e)
}

func laneRule(r rxRule) express.Rule {
	switch r {
	case rxActive:
		return express.Active
	case rxDrain:
		return express.Drain
	}
	return express.Inactive
}

// laneHashes are the hashes that the lane knows.
var laneHashes = map[policy.HashPolicy]express.Kind{
	policy.Layer2: express.ByLink, policy.Layer34: express.ByPorts, policy.Layer23: express.ByAddrs,
}

// laneClosed tells why nothing is sent by the lane.
func (b *Bond) laneClosed(s *snapshot) string {
	mode := policy.Mode(b.vals.Mode)
	switch mode {
	case policy.ActiveBackup:
	case policy.BalanceXOR, policy.LACP:
		if _, ok := laneHashes[s.pol.Hash]; !ok {
			return "xmit_hash_policy " + s.pol.Hash.String() + " looks at more than it can"
		}
	default:
		return "mode " + mode.String() + " is the workers'"
	}
	if s.fanout != nil && mode == policy.LACP {
		return "broadcast_neighbor sends copies"
	}
	if s.steer != nil {
		return "queue ids are in use"
	}
	for i := range s.slaves {
		if s.slaves[i].seat < 0 {
			return fmt.Sprintf("more than %d slaves", express.Seats)
		}
	}
	return b.observed
}

// laneChoice is what the mode's selector does, as data.
func laneChoice(s *snapshot, mode policy.Mode) (express.Kind, []express.Target) {
	target := func(i int) express.Target { return express.Target{Index: s.slaves[i].index, Seat: s.slaves[i].seat} }
	if mode == policy.ActiveBackup {
		if s.pol.Active < 0 {
			return express.Fixed, nil
		}
		return express.Fixed, []express.Target{target(s.pol.Active)}
	}
	var all []express.Target
	for _, i := range s.pol.Usable {
		all = append(all, target(i))
	}
	return laneHashes[s.pol.Hash], all
}

// monotonic is a time on the clock that the lane's programs read.
func monotonic(t time.Time) uint64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0
	}
	return uint64(now.Nano() + int64(time.Until(t)))
}

// observe looks whether somebody needs to see frames leave by the TAP. The
// caller holds the bond's lock.
func (b *Bond) observe() {
	if b.lane == nil {
		return
	}
	why, err := b.sys.Observed(b.index)
	if err != nil {
		return // gone, or asked again in a second
	}
	_ = b.call(func() {
		if why != b.observed {
			b.observed, b.stale = why, true
		}
	})
}

// keepLane is the lane's part of housekeeping.
func (b *Bond) keepLane() {
	if b.lane == nil {
		return
	}
	b.observe()
	b.lane.Settle()
	if ok, err := b.lane.Check(); ok || err != nil {
		return
	}
	msg := "express lane's program was removed from the TAP, put back"
	if err := b.lane.Mend(); err != nil {
		msg = "express lane's program was removed from the TAP and can't be put back: " + err.Error()
	}
	b.box.post(func() { b.warn(nil, "express", msg) })
}

func (b *Bond) expressState() *ExpressState {
	if b.lane == nil {
		return nil
	}
	st := &ExpressState{Sends: b.laneWhy == "", Why: b.laneWhy, Traffic: b.lanePast}
	for _, s := range b.slaves {
		st.Traffic.add(s.laneTraffic())
	}
	return st
}

func (s *slave) laneTraffic() Traffic {
	if s.seat == nil {
		return Traffic{}
	}
	c := s.seat.Counters()
	return Traffic{TxFrames: c.TxFrames, TxOctets: c.TxOctets, RxFrames: c.RxFrames, RxOctets: c.RxOctets}
}
