package bond

import (
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/policy"
)

// ownAddrs are the addresses that a slave takes frames for: the one it has, and
// for a moment the one it had before, which may be the bond's.
type ownAddrs struct {
	now, before [6]byte
	swapped     bool // before is valid
}

// isOurs: an address that the bond or one of its slaves has.
func (v *balanceView) isOurs(mac [6]byte) bool { return among(v.ours, mac) }

func among(list [][6]byte, mac [6]byte) bool {
	for i := range list {
		if list[i] == mac {
			return true
		}
	}
	return false
}

// takes reports whether a frame to one host that arrived on the slave in slot
// is for us, here: a switch that doesn't know where an address is sends a copy
// to every slave. What isn't a slave's own goes by the active one, and so does
// what is for a slave that can't be used.
func (v *balanceView) takes(slot int, active bool, dst [6]byte) bool {
	if slot < len(v.own) {
		o := &v.own[slot]
		if dst == o.now || o.swapped && dst == o.before {
			return true
		}
	}
	return active && !among(v.taken, dst)
}

// settle makes a frame that arrived one for the host: what was sent to a
// slave's address is for the bond's. It returns None, or why the frame isn't
// delivered.
func (w *rxWorker) settle(s *snapshot, rule rxRule, b []byte) policy.Reason {
	v := s.balance
	if b[0]&1 == 0 {
		dst := [6]byte(b)
		if rule != rxDrain && !v.takes(w.slot, rule == rxActive, dst) {
			return policy.RxInactive // another slave delivers it
		}
		if dst != s.mac && v.isOurs(dst) {
			copy(b, s.mac[:])
		}
	}
	from := alb.Stranger
	if v.rlb != nil {
		if w.frame.Decode(b) && v.rlb.Concerns(&w.frame) {
			from = w.watch(v.rlb)
		}
	}
	if isARP(b) && !w.arp.take(time.Since(w.began), from) {
		return policy.RxARPFlood
	}
	return policy.None
}

// isARP: an ARP frame, be it tagged.
func isARP(b []byte) bool {
	if b[12] == 0x81 && b[13] == 0x00 || b[12] == 0x88 && b[13] == 0xa8 {
		return len(b) >= ethHeader+4 && b[16] == 0x08 && b[17] == 0x06
	}
	return b[12] == 0x08 && b[13] == 0x06
}

// watch has the control goroutine hear of what is news to it, and says who
// speaks.
func (w *rxWorker) watch(rlb *alb.View) alb.Standing {
	var x alb.Exchange
	verdict, from := rlb.Incoming(&w.frame, &x)
	if verdict != alb.Note {
		return from
	}
	if n := w.notes.free(); n != nil {
		n.x, n.incoming, n.n = x, true, 0
		w.notes.done()
	}
	return from
}
