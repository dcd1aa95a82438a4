package bond

import (
	"time"

	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/policy"
)

// rxRule says what is done with a frame received on a slave.
type rxRule uint8

const (
	// rxGone: the slave is not part of the bond (any more).
	rxGone rxRule = iota
	// rxInactive: the slave is a backup; frames are for the slave device itself
	// (kernel: exact match), not for the bond.
	rxInactive
	// rxDrain: was active until a moment ago. Unicast that was on its way is
	// still ours; broadcast and multicast come from the new active slave.
	rxDrain
	// rxUnicast: a backup of balance-alb, whose clients send to its address.
	rxUnicast
	// rxActive: everything is delivered.
	rxActive
)

// snapshot is what the workers know of the bond: immutable once published,
// built on the control goroutine only.
type snapshot struct {
	gen    uint64
	up     bool    // the bond is administratively up
	mac    [6]byte // the bond's own address
	pol    policy.Snapshot
	sel    policy.Selector
	fanout policy.Fanout // set if sel sends copies
	slaves []slaveView   // parallel to pol.Slaves
	rx     []rxRule      // by slot
	// steer is the position in slaves that a worker's frames go to without being
	// asked where to, -1 for none, by worker number; nil if there is no such worker.
	steer []int
	// offload: frames cross with live virtio-net headers; else what goes to
	// the TAP must be finished first.
	offload bool
	// balance is there in balance-tlb and balance-alb.
	balance *balanceView
	// lane, if there is one, is to be told of frames that were left to the workers.
	lane Lane
	// copies, if there is one, is asked whether another slave has delivered a frame;
	// sides are the slaves' numbers there, by slot, -1 for those that don't ask.
	copies *copies
	sides  []int8
	// takeSlow: Slow Protocols frames belong to a control socket (802.3ad).
	takeSlow bool
	// hold: flows are about to take other slaves. Nothing is sent before then, or
	// a later snapshot, so that what is under way arrives first. Zero: go on.
	hold time.Time
}

// slaveView is what a transmit worker uses of one slave, by worker number.
type slaveView struct {
	slot    int
	seat    int // in the express lane, -1 for none
	index   int // interface index, to name it to the carrier poller
	writers []vnet.Writer
	tx      []*traffic
}
