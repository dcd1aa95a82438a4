package bond

import (
	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/internal/vnet"
	"github.com/tapbond/tapbond/policy"
)

// balanceView is what the workers need beside the policy's snapshot in
// balance-tlb and balance-alb. Immutable, but for the loads.
type balanceView struct {
	macs  [][6]byte      // the slaves' addresses, parallel to snapshot.slaves
	ours  [][6]byte      // those and the bond's
	loads []*policy.Load // by transmit worker, whose own each is while the snapshot is in use
	rlb   *alb.View      // nil in balance-tlb
	index []int16        // position in snapshot.slaves, by slot; -1 for none
	own   []ownAddrs     // by slot
	taken [][6]byte      // addresses that arrive by a slave of their own, not the active one
}

// spread puts the frame in w.frame on a slave's list. What goes out elsewhere
// than on the active slave carries that slave's address, so that a switch
// doesn't see the bond's on two ports.
func (w *txWorker) spread(s *snapshot, p *vnet.Packet) {
	v := s.balance
	to := -1
	if v.rlb != nil && v.rlb.Concerns(&w.frame) {
		var control bool
		if to, control = w.resolve(s); control {
			return
		}
	}
	if to < 0 {
		var why policy.Reason
		if to, why = s.sel.Select(&s.pol, w.policy, &w.frame); to < 0 {
			w.drops.n[why].add(1)
			return
		}
	}
	if to != s.pol.Active {
		if src := p.Frame()[6:12]; [6]byte(src) == s.mac {
			copy(src, v.macs[to][:])
		}
	}
	w.lists[to] = append(w.lists[to], *p)
}

// resolve has a frame of address resolution, if it is for us to touch, go out
// on the client's slave and tell that one's address. A client whose slave is
// not chosen yet is for the control goroutine, and so is the frame. -1 is a
// frame that goes its usual way, unchanged.
func (w *txWorker) resolve(s *snapshot) (to int, control bool) {
	v := s.balance
	var x alb.Exchange
	verdict, slot := v.rlb.Outgoing(&w.frame, &x)
	if verdict == alb.Leave {
		return -1, false
	}
	b := w.frame.Bytes()
	n := w.notes.free()
	if n == nil || verdict == alb.Ask && len(b) > noteFrame {
		if verdict == alb.Ask {
			return -1, false
		}
	} else {
		n.x, n.incoming, n.n = x, false, 0
		if verdict == alb.Ask {
			n.n = copy(n.frame[:], b)
		}
		w.notes.done()
		if verdict == alb.Ask {
			return -1, true
		}
	}
	if slot < 0 || slot >= len(v.index) || v.index[slot] < 0 {
		return -1, false
	}
	to = int(v.index[slot])
	if !s.pol.Slaves[to].CanTx {
		return -1, false
	}
	x.Rewrite(&w.frame, v.macs[to])
	return to, false
}
