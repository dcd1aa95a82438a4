package bond

import (
	"slices"

	"github.com/tapbond/tapbond/alb"
	"github.com/tapbond/tapbond/policy"
)

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

// learnTargets has s speak for every device whose addresses are announced, and
// for the bond.
func (b *Bond) learnTargets(s *slave) {
	b.learn(s, b.mac)
	mac, tags := b.mac, []alb.Tag(nil)
	for i := range b.targets { // in the order of devices
		t := &b.targets[i]
		if on := toTags(t.Tags); t.MAC != mac || !slices.Equal(on, tags) {
			mac, tags = t.MAC, on
			b.learn(s, mac, tags...)
		}
	}
}

// learn sends one learning frame. The sends do not wait; one that is lost is
// made up for by the next.
func (b *Bond) learn(s *slave, mac [6]byte, tags ...alb.Tag) {
	_ = s.control.Send(alb.Learning(mac, tags...))
}
