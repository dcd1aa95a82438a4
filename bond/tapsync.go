package bond

import (
	"context"
	"sync"

	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
	"github.com/tapbond/tapbond/tap"
)

// tapState is what the TAP shows of the bond.
type tapState struct {
	carrier bool
	speed   monitor.Speed
}

// tapSync brings the TAP's carrier and speed to the bond's, beside the control
// goroutine because the ioctls may wait for the kernel's RTNL lock. Only the
// latest state matters: steps in between are skipped.
type tapSync struct {
	dev  tap.Device
	fail func(error)

	mu      sync.Mutex
	want    tapState
	asked   uint64 // number of the latest want
	applied uint64 // number of the want that is in force
	changed chan struct{}
	kick    chan struct{}
}

func newTAPSync(dev tap.Device, fail func(error)) *tapSync {
	return &tapSync{dev: dev, fail: fail, changed: make(chan struct{}), kick: make(chan struct{}, 1)}
}

// set asks for a state and returns at once.
func (t *tapSync) set(s tapState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked > 0 && t.want == s {
		return
	}
	t.want = s
	t.asked++
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// wait returns when what has been asked for so far is in force.
func (t *tapSync) wait(ctx context.Context) error {
	t.mu.Lock()
	goal := t.asked
	for t.applied < goal {
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
		t.mu.Lock()
	}
	t.mu.Unlock()
	return nil
}

func (t *tapSync) run(ctx context.Context) {
	var have tapState
	first := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.kick:
		}
		t.mu.Lock()
		want, n := t.want, t.asked
		t.mu.Unlock()
		// Speed before carrier: who waits for the carrier reads the speed then.
		if first || want.speed != have.speed {
			if err := t.dev.SetSpeed(want.speed.Mbps, tapDuplex(want.speed.Duplex)); err != nil {
				t.fail(err)
			}
		}
		if first || want.carrier != have.carrier {
			if err := t.dev.SetCarrier(want.carrier); err != nil {
				t.fail(err)
			}
		}
		have, first = want, false
		t.mu.Lock()
		t.applied = n
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
	}
}

// wantTAP has the TAP show the bond's present carrier and speed: the sum of
// the slaves that can transmit, for broadcast the slowest, as the kernel's.
func (b *Bond) wantTAP() {
	mode := policy.Mode(b.vals.Mode)
	st := tapState{carrier: b.carrier}
	for _, s := range b.members() {
		v := s.rated()
		if !s.canTx(mode) || v.Mbps == 0 {
			continue
		}
		if mode == policy.ActiveBackup && s != b.active {
			continue
		}
		if st.speed.Duplex == monitor.DuplexUnknown {
			st.speed.Duplex = v.Duplex
		}
		switch {
		case mode != policy.Broadcast:
			st.speed.Mbps += v.Mbps
		case st.speed.Mbps == 0 || v.Mbps < st.speed.Mbps:
			st.speed.Mbps = v.Mbps
		}
	}
	b.tapSync.set(st)
}

func tapDuplex(d monitor.Duplex) tap.Duplex {
	switch d {
	case monitor.DuplexHalf:
		return tap.DuplexHalf
	case monitor.DuplexFull:
		return tap.DuplexFull
	}
	return tap.DuplexUnknown
}
