package bond

import (
	"time"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/policy"
)

// After a change the first round of learning frames may be for nothing: a switch
// sees a carrier come back when we do, and takes nothing in before it has opened
// its port. It would go on sending to the old slave, which soon drops it, until
// the next round. So some rounds come soon, each gap twice the last: the first
// ones while the old slave still delivers (drainTime), all in 0.7 s.
const (
	firstGap = 10 * time.Millisecond
	lastGap  = 320 * time.Millisecond
)

// learnRound has all addresses learned, and says when next. In a round after a
// change those of the devices on the bond are among them.
func (b *Bond) learnRound(now time.Time) {
	bal := b.bal
	b.learnAll(bal.learnGap > 0)
	if bal.learnGap == 0 {
		bal.learnAt = now.Add(time.Duration(b.vals.LPInterval) * time.Second)
		return
	}
	bal.learnAt = now.Add(bal.learnGap)
	if bal.learnGap *= 2; bal.learnGap > lastGap {
		bal.learnGap = 0
	}
}

// learnAll has every slave send learning frames with its address, once untagged
// and once for each VLAN directly on the bond. In balance-alb the active slave
// also speaks for those that can't send: what clients still send to them
// arrives there, until they are told another address. It speaks for the devices
// on the bond if uppers is set, and in balance-tlb always.
func (b *Bond) learnAll(uppers bool) {
	mode := policy.Mode(b.vals.Mode)
	for _, s := range b.members() {
		from := s
		if !s.canTx(mode) {
			if from = b.active; from == nil || mode != policy.BalanceALB || !from.canTx(mode) {
				continue
			}
		}
		b.learn(from, s.mac)
		for _, u := range b.bal.uppers {
			if u.Kind == "vlan" && u.ParentIndex == b.index && (u.MAC == b.mac || s == b.active) {
				mac := s.mac
				if u.MAC != b.mac {
					mac = u.MAC
				}
				b.learn(from, mac, tagsOf(u)...)
			}
		}
		if s == b.active && (uppers || mode == policy.BalanceTLB) {
			b.learnUppers(s)
		}
	}
}

// learnUppers has s speak for the devices on the bond with addresses of their
// own.
func (b *Bond) learnUppers(s *slave) {
	for _, u := range b.bal.uppers {
		if u.Kind == "macvlan" || u.Kind == "macvtap" {
			b.learn(s, u.MAC, tagsOf(u)...)
		}
	}
}

// learn sends one learning frame. The sends do not wait; one that is lost is
// made up for by the next.
func (b *Bond) learn(s *slave, mac [6]byte, tags ...alb.Tag) {
	_ = s.control.Send(alb.Learning(mac, tags...))
}
