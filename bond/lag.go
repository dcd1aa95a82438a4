package bond

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/tapbond/tapbond/lacp"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// lag is what a bond in mode 802.3ad has beside the others: its LACP, and what
// that must be remembered of. The control goroutine owns it.
type lag struct {
	machine *lacp.Machine
	out     []lacp.Effect // scratch of stepLACP
	failed  []lacp.PortID // likewise
	frame   []byte        // likewise
	numbers []PortNumber  // which NIC had which port number, oldest first
	active  int           // the active aggregator, 0 for none

	holdUntil time.Time // nothing is sent before
}

// setMode makes the bond's parts that depend on its mode.
func (b *Bond) setMode(m policy.Mode) {
	b.lag = nil
	if m == policy.LACP {
		b.lag = &lag{machine: lacp.New(b.lacpConfig())}
	}
	b.selector = b.selectorFor()
}

// lacpConfig is the part of the settings that LACP knows of.
func (b *Bond) lacpConfig() lacp.Config {
	v := &b.vals
	c := lacp.Config{
		System:            lacp.System{Priority: uint16(v.ADActorSysPrio), MAC: lacp.MAC(v.ADActorSystem)},
		UserKey:           uint16(v.ADUserPortKey),
		Active:            v.LACPActive != 0,
		Fast:              v.LACPRate != 0,
		Coupled:           v.CoupledControl != 0,
		Select:            lacp.Select(v.ADSelect),
		MinLinks:          int(v.MinLinks),
		Strict:            v.LACPStrict != 0,
		BroadcastNeighbor: v.BroadcastNeighbor != 0,
		MaxLinks:          int(v.MaxLinks),
		Fallback:          lacp.Fallback(v.LACPFallback),
		FallbackDelay:     ms(uint64(v.LACPFallbackDelay)),
		SelectHold:        ms(uint64(v.ADSelectHold)),
	}
	if c.System.MAC == (lacp.MAC{}) {
		c.System.MAC = b.mac
	}
	return c
}

// configureLACP tells LACP the settings, and the bond's address, as they are now.
func (b *Bond) configureLACP() {
	if b.lag != nil {
		b.stepLACP(lacp.Configure{Config: b.lacpConfig()})
	}
}

// stepLACP has LACP see one event and carries out what it decides. What can't be
// sent is LACP's to try again, a moment later.
func (b *Bond) stepLACP(ev lacp.Event) {
	l := b.lag
	l.failed = l.failed[:0]
	b.runLACP(ev)
	for i := 0; i < len(l.failed); i++ {
		b.runLACP(lacp.SendFailed{Port: l.failed[i]})
	}
}

// runLACP is one step. The workers see all of it as one new snapshot, and before
// the partner hears of it: when a PDU says that a port collects, it does.
func (b *Bond) runLACP(ev lacp.Event) {
	l := b.lag
	l.out = l.machine.Step(b.now(), ev, l.out[:0])
	b.decide(l.out)
	for _, e := range l.out {
		b.say(e)
	}
}

// decide carries out what effects change of the bond itself, as one change.
func (b *Bond) decide(effects []lacp.Effect) {
	for _, e := range effects {
		b.decided(e)
	}
	if b.dirty {
		b.wantTAP() // the speed is the sum of the ports that distribute
	}
	b.settle()
}

func (b *Bond) decided(e lacp.Effect) {
	switch e := e.(type) {
	case lacp.SetDistributing:
		if s := b.slaveByID(int(e.Port)); s != nil {
			b.holdFlows(s)
			s.distributing, b.dirty = e.On, true
		}
	case lacp.SetCollecting:
		if s := b.slaveByID(int(e.Port)); s != nil {
			s.collecting, b.dirty = e.On, true
			if !e.On && e.Drain {
				s.drain = b.now().Add(drainTime)
				b.openWindow(s.drain)
			}
		}
	case lacp.ActiveAggregator:
		b.activeAggregator(e)
	case lacp.Carrier:
		b.lacpCarrier(e.Up, e.Why)
	case lacp.PortDrained:
		if s := b.slaveByID(int(e.Port)); s != nil && s.drained != nil {
			close(s.drained)
			s.drained = nil
		}
	case lacp.Log:
		b.lacpEvent(e)
	}
}

// holdTime is how long nothing is sent when flows move between links that are
// all good: longer than a frame takes to the partner's stack, and less than the
// TAP's queue holds.
const holdTime = 2 * time.Millisecond

// holdFlows keeps flows in order when a port begins or ceases to distribute:
// the next frame of a flow, on another link, must not overtake the last one. If
// a link is lost there is nothing to wait for.
func (b *Bond) holdFlows(s *slave) {
	if !s.carrier || s.link != monitor.LinkUp || !b.up {
		return
	}
	for _, o := range b.members() {
		if o != s && o.canTx(policy.LACP) {
			b.lag.holdUntil = b.now().Add(holdTime)
			b.wakeAt(b.lag.holdUntil)
			return
		}
	}
}

// say carries out an effect that is heard outside.
func (b *Bond) say(e lacp.Effect) {
	switch e := e.(type) {
	case lacp.SendPDU:
		s := b.slaveByID(int(e.Port))
		if s == nil {
			return
		}
		b.lag.frame = e.PDU.AppendFrame(b.lag.frame[:0], s.permMAC)
		if s.control.Send(b.lag.frame) != nil {
			b.lag.failed = append(b.lag.failed, e.Port)
		}
	case lacp.SendMarkerResponse:
		if s := b.slaveByID(int(e.Port)); s != nil {
			b.lag.frame = e.Marker.AppendFrame(b.lag.frame[:0], s.permMAC)
			_ = s.control.Send(b.lag.frame) // who asked asks again
		}
	case lacp.NotifyPeers:
		b.startNotify()
	}
}

// activeAggregator says that another aggregator carries the bond. While the bond has
// no carrier, none does.
func (b *Bond) activeAggregator(e lacp.ActiveAggregator) {
	was := b.lag.active
	b.lag.active = e.ID
	if was == 0 || e.ID == 0 || !b.carrier {
		return
	}
	b.event(Event{
		Kind: "active_aggregator", From: strconv.Itoa(was), To: strconv.Itoa(e.ID), Why: e.Why,
		Message: fmt.Sprintf("aggregator %d is the active one now, not %d: %s", e.ID, was, e.Why),
	})
}

// lacpCarrier gives the bond the carrier that LACP decides on.
func (b *Bond) lacpCarrier(up bool, why string) {
	if b.carrier == up {
		return
	}
	b.carrier, b.dirty = up, true
	b.carrierEvent(why)
}

// lacpEvent publishes what LACP has to say.
func (b *Bond) lacpEvent(e lacp.Log) {
	ev := Event{Kind: e.Kind, Message: e.Message, From: e.From, To: e.To, Why: e.Why}
	if e.Warn {
		ev.Level = slog.LevelWarn
	}
	if !e.Bond {
		if s := b.slaveByID(int(e.Port)); s != nil {
			ev.Slave = s.name
		}
	}
	b.event(ev)
}
