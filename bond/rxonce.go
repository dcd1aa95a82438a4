package bond

import (
	"time"

	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/policy"
)

// deliverOnce is deliver while the active role moves: of frames that arrive on
// several slaves it delivers those alone that no other worker has. Super-frames
// are cut first, as each NIC makes them up differently.
func (w *rxWorker) deliverOnce(s *snapshot, rule rxRule, pkts []vnet.Packet) {
	side, now := int(s.sides[w.slot]), s.copies.ticks(time.Now())
	group := uint64(0)
	for i := range pkts {
		p := &pkts[i]
		if b := p.Frame(); len(b) > 0 && b[0]&1 != 0 {
			group++
		}
		why := w.receiveOnce(s, rule, p)
		if why != policy.None && (why != policy.RxInactive || rule != rxInactive) {
			w.drops.n[why].add(1)
			continue
		}
		from := len(w.out)
		var err error
		if w.out, err = w.seg.Plain(w.out, p); err != nil {
			w.drops.n[policy.RxMalformed].add(1)
			w.out = w.out[:from]
			continue
		}
		whole := w.out[from:]
		w.out = w.out[:from]
		copied := false
		for _, f := range whole {
			if s.copies.first(side, f.Frame(), now, why == policy.None) {
				w.out = append(w.out, f)
			} else {
				copied = true
			}
		}
		switch {
		case why != policy.None:
			w.drops.n[why].add(1)
		case copied && len(w.out) == from:
			w.drops.n[policy.RxDuplicate].add(1)
		}
	}
	w.group.add(group)
	w.write(w.out)
}

// receiveOnce applies the receive rules. Broadcasts and multicasts pass where
// unicast does: another slave's copy of them won't.
func (w *rxWorker) receiveOnce(s *snapshot, rule rxRule, p *vnet.Packet) policy.Reason {
	b := p.Frame()
	why := policy.None
	if rule == rxDrain {
		if len(b) >= ethHeader && linkLocal(b) && !(s.takeSlow && lacp.IsSlow(b)) {
			return policy.RxLinkLocal
		}
		if why = receive(s, rxActive, b); why == policy.RxOwnSource {
			return policy.RxInactive // flooded to us by the new active slave's switch
		}
	} else {
		why = receive(s, rule, b)
	}
	if why == policy.None && s.balance != nil {
		why = w.settle(s, rule, b)
	}
	if why == policy.RxSlowProto {
		w.takeMarker(b)
	}
	return why
}
