package bond

import (
	"fmt"
	"time"

	"github.com/tapbond/tapbond/monitor"
)

// setCarrier takes a new reading of a slave's carrier. Going down is acted on
// at once; coming up first asks the NIC for its speed, which it did not know
// while it was down.
func (b *Bond) setCarrier(s *slave, up bool) {
	if up = up && !s.looped; s.carrier == up || s.leaving {
		return
	}
	s.carrier = up
	s.upSeq++
	b.dirty = true
	if !up {
		b.stepMII(monitor.Carrier{ID: s.id, Up: false})
		return
	}
	s.cameAt = b.now()
	seq := s.upSeq
	go func() {
		speed := b.sys.Speed(s.index)
		b.box.post(func() { b.cameUp(s, seq, speed) })
	}()
}

// cameUp has the monitor see a carrier, once per coming up: seq is the upSeq
// that speed was read for.
func (b *Bond) cameUp(s *slave, seq int, speed monitor.Speed) {
	if s.upSeq != seq || s.upSeen == seq || !s.carrier {
		return
	}
	s.upSeen, s.speed, b.dirty = seq, speed, true
	b.stepMII(monitor.Carrier{ID: s.id, Up: true, Hold: s.flaps.wait(b.flapHold())})
}

// flapHold is for how long a link that flaps is kept from use, 0 for not at all.
func (b *Bond) flapHold() time.Duration { return ms(uint64(b.vals.FlapHold)) }

// setSpeed takes a reading of the speed of a link that is up all the time.
func (b *Bond) setSpeed(s *slave, speed monitor.Speed) {
	if s.speed == speed || !s.carrier || s.leaving {
		return
	}
	b.event(Event{Slave: s.name, Kind: "speed", Message: "speed is now " + speedText(speed), From: speedText(s.speed), To: speedText(speed)})
	s.speed = speed
	b.linkLACP(s) // its key follows
	b.wantTAP()
}

// stepMII runs the link monitor and carries out what it decides. While the
// bond is down the monitor stands still, as the kernel's does. With the ARP
// monitor on it is that one's business.
func (b *Bond) stepMII(ev monitor.Event) {
	if ev, ok := ev.(monitor.ProbeEvent); ok && b.probing != nil {
		b.stepProber(ev)
		return
	}
	if !b.up {
		return
	}
	b.effects = b.mii.Step(b.now(), ev, b.miiContext(), b.effects[:0])
	for _, e := range b.effects {
		b.linkChanged(e)
	}
}

// miiContext tells the monitor whether the bond has nothing to transmit on:
// then the first link to come back skips updelay.
func (b *Bond) miiContext() monitor.Context {
	if b.primaryMode() {
		return monitor.Context{NoneUsable: b.active == nil}
	}
	for _, s := range b.slaves {
		if s.link == monitor.LinkUp && !s.leaving {
			return monitor.Context{}
		}
	}
	return monitor.Context{NoneUsable: true}
}

// linkChanged carries out one decision of the link monitor.
func (b *Bond) linkChanged(e monitor.Effect) {
	s := b.slaveByID(e.ID)
	if s == nil {
		return
	}
	s.link, s.since = e.To, b.now()
	b.dirty = true
	defer b.wantTAP()   // its speed is that of the slaves that transmit
	defer b.linkLACP(s) // behind the line that says why
	if b.bal != nil {
		b.relearn(false)
	}
	ms := e.Delay.Milliseconds()
	switch e.To {
	case monitor.LinkFail:
		s.why = s.noCarrier() + ", waiting for downdelay"
		b.linkEvent(s, e, "link_fail", fmt.Sprintf("link status down for %sinterface, disabling it in %d ms", b.role(s), ms))
	case monitor.LinkBack:
		s.why = "carrier is back, waiting for updelay"
		if ms > int64(b.vals.Updelay()) {
			s.why = "carrier is back, but keeps failing: waiting for flap_hold"
		}
		b.linkEvent(s, e, "link_back", fmt.Sprintf("link status up, enabling it in %d ms", ms))
	case monitor.LinkDown:
		if e.From == monitor.LinkBack {
			s.why = "carrier went away again before updelay was over"
			b.linkEvent(s, e, "link_down", fmt.Sprintf("link status down again after %d ms", ms))
			return
		}
		s.failures++
		s.why = s.noCarrier()
		s.failed(b.now(), s.why)
		s.flaps.down(b.now(), b.flapHold())
		b.linkEvent(s, e, "link_down", "link status definitely down, disabling slave")
		if s == b.active {
			b.reselect("active slave lost its link")
		} else {
			b.updateCarrier()
		}
	case monitor.LinkUp:
		if e.From == monitor.LinkFail {
			s.why = "carrier came back before downdelay was over"
			b.linkEvent(s, e, "link_up", fmt.Sprintf("link status up again after %d ms", ms))
			return
		}
		s.why = "carrier"
		s.recovered(b.now())
		s.flaps.up(b.now())
		b.linkEvent(s, e, "link_up", "link status definitely up, "+speedText(s.rated()))
		if b.lag != nil {
			return // LACP decides who carries what
		}
		if b.active == nil || s.name == b.vals.Primary || (b.primaryMode() && s.prio > b.active.prio) {
			b.reselect("link came up")
		}
	}
}

func (b *Bond) linkEvent(s *slave, e monitor.Effect, kind, msg string) {
	b.event(Event{Slave: s.name, Kind: kind, Message: msg, From: e.From.String(), To: e.To.String(), Why: s.why})
}

// role is the kernel's word in front of "interface" in messages.
func (b *Bond) role(s *slave) string {
	switch {
	case !b.hasBackups():
		return ""
	case s == b.active:
		return "active "
	}
	return "backup "
}

// speedText is how the kernel prints speed and duplex when a link comes up;
// an unknown speed is the all-ones value read as a signed number.
func speedText(s monitor.Speed) string {
	mbps := int64(s.Mbps)
	if mbps == 0 {
		mbps = -1
	}
	duplex := "half"
	if s.Duplex == monitor.DuplexFull {
		duplex = "full"
	}
	return fmt.Sprintf("%d Mbps %s duplex", mbps, duplex)
}
