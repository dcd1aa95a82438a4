package bond

import (
	"github.com/tapbond/tapbond/internal/announce"
	"github.com/tapbond/tapbond/policy"
	"time"
)

// startNotify begins the peer notifications of a failover: the first at once,
// num_grat_arp in all. Only active-backup sends them, and only while it is up:
// a bond that is set up has nothing to correct.
func (b *Bond) startNotify() {
	if policy.Mode(b.vals.Mode) != policy.ActiveBackup || !b.up {
		return
	}
	b.notifier.Start(b.now(), announce.Plan{
		Count: int(b.vals.NumGratArp), Interval: ms(uint64(b.vals.Miimon)), Delay: ms(b.vals.PeerNotifDelay()),
	})
	b.stepNotify(b.now())
}

// stepNotify sends a notification if one is due and can be sent.
func (b *Bond) stepNotify(now time.Time) {
	if b.active == nil || !b.up {
		return
	}
	if b.notifier.Step(now) {
		b.announceOn(b.active)
	}
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
	}
}
