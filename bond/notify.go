package bond

import (
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/policy"
	"time"
)

// startNotify begins the peer notifications of a failover: the first at once,
// num_grat_arp in all. Only active-backup sends them, and 802.3ad where LACP
// asks for it, and only while the bond is up: one that is set up has nothing to
// correct. On a link that has just come back learning frames follow (see
// announce.Settle): a host that only listens has nothing else to be learned from.
func (b *Bond) startNotify() {
	if policy.Mode(b.vals.Mode) != policy.ActiveBackup && b.lag == nil || !b.up {
		return
	}
	b.notifier.Start(b.now(), announce.Plan{
		Count: int(b.vals.NumGratArp), Interval: ms(uint64(max(b.vals.Miimon, b.vals.ArpInterval))), Delay: ms(b.vals.PeerNotifDelay()),
	})
	b.settling.Stop()
	if a := b.active; b.lag == nil && b.vals.NumGratArp > 0 && a != nil && b.now().Sub(a.cameAt) < announce.SettleTime {
		b.settling.Start(b.now())
	}
	b.stepNotify(b.now())
}

// stepSettling has the switches learn again where addresses are, on a port that
// may have opened only now. Peer notifications are not for that: who asks for N
// of them gets N, as with the driver.
func (b *Bond) stepSettling(now time.Time) {
	switch {
	case !b.up || !b.settling.Step(now):
	case b.bal != nil:
		b.learnAll(b.bal.moved)
	case b.active != nil:
		b.learnTargets(b.active)
	}
}

// stepNotify sends a notification if one is due and can be sent.
func (b *Bond) stepNotify(now time.Time) {
	on := b.speakers()
	if len(on) == 0 || !b.up {
		return
	}
	if b.notifier.Step(now) {
		for _, s := range on {
			b.announceOn(s)
		}
	}
}

// speakers are the slaves that announcements go out on: the active one, and in
// 802.3ad the ports that distribute.
func (b *Bond) speakers() []*slave {
	if b.lag == nil {
		if b.active == nil {
			return nil
		}
		return []*slave{b.active}
	}
	var on []*slave
	for _, s := range b.members() {
		if s.distributing {
			on = append(on, s)
		}
	}
	return on
}

// announceOn tells the peers, through s, where every address of the bond and of
// the devices stacked on it is now. The sends do not wait; a frame the NIC has
// no room for is lost, as any of its kind may be.
func (b *Bond) announceOn(s *slave) {
	for _, t := range b.targets {
		if err := s.control.Send(t.Frame); err != nil {
			b.warn(s, "announce", "could not announce "+t.Addr.String()+": "+err.Error())
			return
		}
		b.announced++
	}
}

// startRejoin has the groups reported again on the new path, resend_igmp times,
// so that multicast switches send there. The kernel does so in the modes with one
// active slave, and in balance-rr, whose reports all go out on one.
func (b *Bond) startRejoin() {
	if b.active == nil || !b.up || !b.primaryMode() && policy.Mode(b.vals.Mode) != policy.BalanceRR {
		b.rejoin.Stop()
		return
	}
	b.rejoin.Start(b.now(), int(b.vals.ResendIGMP))
	b.stepRejoin(b.now())
}

// stepRejoin sends reports if some are due. What is joined is looked up when it
// is time: nothing tells of a group that comes or goes.
func (b *Bond) stepRejoin(now time.Time) {
	if b.active == nil || !b.up || !b.rejoin.Step(now) {
		return
	}
	b.jobs.do(func() {
		frames, err := announce.Reports(b.sys, b.index)
		b.box.post(func() { b.report(frames, err) })
	})
}

func (b *Bond) report(frames [][]byte, err error) {
	if err != nil {
		b.warn(nil, "rejoin", "multicast groups can't be reported: "+err.Error())
	}
	if b.active == nil || !b.up {
		return
	}
	for _, f := range frames {
		if err := b.active.control.Send(f); err != nil {
			b.warn(b.active, "rejoin", "could not report a multicast group: "+err.Error())
			return
		}
		b.rejoined++
	}
}
