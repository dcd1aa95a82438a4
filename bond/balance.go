package bond

import (
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/link"
	"github.com/tapbond/tapbond/policy"
)

// gatherEvery is how often the workers' counts of what they sent are taken in.
const gatherEvery = time.Second

// balancing is what a bond keeps in balance-tlb and balance-alb. Slaves go by
// their slots in it. The control goroutine owns it.
type balancing struct {
	macs    *alb.Macs
	loads   *alb.Loads
	clients *alb.Clients // nil in balance-tlb
	view    *alb.View    // what the workers know of clients

	// The workers count in counting; what they have left, when none of them
	// can be using it any more, is added up and becomes spare.
	counting, spare []*policy.Load
	gatherAt        time.Time
	learnAt         time.Time
	moved           bool // what is learned again soon: also what is on the bond

	uppers []link.Upper // stacked on the bond: switches must know their addresses too
	notes  chan struct{}
	paused time.Time // no notes are read before
	gone   []goneMAC
	relays []relay
	teach  []alb.Teach
	warned time.Time // of somebody with an address of ours
}

// setBalance gives the bond what its mode needs. It has no slaves.
func (b *Bond) setBalance() {
	mode := policy.Mode(b.vals.Mode)
	b.bal = nil
	if mode != policy.BalanceTLB && mode != policy.BalanceALB {
		return
	}
	now := b.now()
	b.bal = &balancing{
		macs: alb.NewMacs(b.mac), loads: alb.NewLoads(now), notes: b.noted,
		counting: newLoads(len(b.tx)), spare: newLoads(len(b.tx)),
		gatherAt: now.Add(gatherEvery), learnAt: now,
	}
	if mode == policy.BalanceALB {
		b.bal.clients = alb.NewClients(b.mac)
	}
}

func newLoads(workers int) []*policy.Load {
	out := make([]*policy.Load, max(workers, 1))
	for i := range out {
		out[i] = new(policy.Load)
	}
	return out
}

// noteWake says, from a worker, that there are notes.
func (b *Bond) noteWake() {
	select {
	case b.noted <- struct{}{}:
	default:
	}
}

// balanceSlaves takes the slaves as they are into the tables, before a snapshot
// is made of them.
func (b *Bond) balanceSlaves(now time.Time) {
	members := b.members()
	list := make([]alb.Slave, 0, len(members))
	mode := policy.Mode(b.vals.Mode)
	for _, s := range members {
		list = append(list, alb.Slave{
			ID: s.slot, MAC: s.mac, Mbps: b.assumed(s, members), Usable: s.canTx(mode), Active: s == b.active,
		})
	}
	b.bal.loads.SetSlaves(now, list)
	if c := b.bal.clients; c != nil {
		c.SetND(b.vals.ALBIPv6 != 0)
		c.SetSlaves(now, b.mac, b.ourAddresses(now), list)
	}
}

// defaultMbps is the speed that is assumed where nobody knows any.
const defaultMbps = 1000

// assumed is the speed that a slave is balanced by: the one that somebody said
// it has, though its NIC may know better (what is behind it may be slower), the
// NIC's own, or the lowest that is known of another one.
func (b *Bond) assumed(s *slave, members []*slave) uint32 {
	switch {
	case s.assume > 0:
		return s.assume
	case s.speed.Mbps > 0:
		return s.speed.Mbps
	}
	var least uint32
	for _, o := range members {
		if v := o.rated().Mbps; v > 0 && (least == 0 || v < least) {
			least = v
		}
	}
	if least == 0 {
		return defaultMbps
	}
	return least
}

// balanceView adds to a snapshot what its workers need for balancing.
func (b *Bond) balanceView(s *snapshot) {
	bal := b.bal
	now, mode := b.now(), policy.Mode(b.vals.Mode)
	for len(bal.counting) < len(b.tx) { // queues come later, too
		bal.counting = append(bal.counting, new(policy.Load))
	}
	v := &balanceView{ours: b.ourAddresses(now), loads: bal.counting, index: make([]int16, len(b.slots))}
	for i := range v.index {
		v.index[i] = -1
	}
	for i := range s.slaves {
		v.index[s.slaves[i].slot] = int16(i)
	}
	v.own = make([]ownAddrs, len(b.slots))
	for _, sl := range b.slaves {
		v.own[sl.slot] = ownAddrs{now: sl.mac, before: sl.oldMAC, swapped: now.Before(sl.oldUntil)}
		if sl.leaving {
			continue
		}
		v.macs = append(v.macs, sl.mac)
		if sl != b.active && sl.canTx(mode) {
			v.taken = append(v.taken, sl.mac)
		}
	}
	if b.vals.TLBDynamicLB != 0 {
		s.pol.Table = new(policy.Table)
		for i := range s.pol.Table {
			s.pol.Table[i] = -1
			if slot := bal.loads.Slave(i); slot >= 0 && slot < len(v.index) {
				s.pol.Table[i] = v.index[slot]
			}
		}
	}
	if bal.clients != nil {
		if view := bal.clients.View(); view != nil {
			bal.view = view
		}
		v.rlb = bal.view
	}
	s.balance = v
}

// balanceNext is the earliest deadline, zero for none.
func (b *Bond) balanceNext() time.Time {
	bal := b.bal
	at := bal.learnAt
	if b.vals.TLBDynamicLB != 0 && bal.gatherAt.Before(at) {
		at = bal.gatherAt
	}
	if bal.clients != nil {
		if t, ok := bal.clients.Next(); ok && t.Before(at) {
			at = t
		}
	}
	if !bal.paused.IsZero() && bal.paused.Before(at) {
		at = bal.paused
	}
	return at
}

// balanceTick serves the deadlines that have passed; the bond is up.
func (b *Bond) balanceTick(now time.Time) {
	bal := b.bal
	if !bal.paused.IsZero() && !now.Before(bal.paused) {
		bal.paused = time.Time{}
		b.readNotes()
	}
	if b.vals.TLBDynamicLB != 0 && !now.Before(bal.gatherAt) {
		bal.gatherAt = now.Add(gatherEvery)
		b.gather()
	}
	if !now.Before(bal.learnAt) {
		bal.learnAt = now.Add(time.Duration(b.vals.LPInterval) * time.Second)
		b.learnAll(false)
	}
	b.stepClients(now)
}

// gather has the workers count in other places, and takes in what they have
// counted when none of them uses the old ones any more: so they count without
// a lock, and nothing is lost or counted twice.
func (b *Bond) gather() {
	bal := b.bal
	if bal.spare == nil {
		return // the last ones are still in use
	}
	full := bal.counting
	bal.counting, bal.spare = bal.spare, nil
	gen := b.view()
	var readers []*reader
	for _, w := range b.tx {
		readers = append(readers, w.reader)
	}
	go func() {
		awaitGrace(readers, gen)
		b.box.post(func() {
			if b.bal == bal {
				b.gathered(full)
			}
		})
	}()
}

func (b *Bond) gathered(full []*policy.Load) {
	bal := b.bal
	for _, l := range full {
		bal.loads.Add(l)
		*l = policy.Load{}
	}
	bal.spare = full
	now := b.now()
	if now.Before(bal.loads.Next()) {
		return
	}
	before := bal.loads.Moves()
	if bal.loads.Rebalance(now) {
		b.stale = true
	}
	if n := bal.loads.Moves() - before; n > 0 {
		b.debug("tlb_rebalance", plural(n, "bucket")+" moved", "load of the last "+alb.RebalanceEvery.String())
	}
}
