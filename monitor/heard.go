package monitor

import (
	"net/netip"
	"slices"
	"time"
)

// FrameKind is what a frame tells a monitor that listens.
type FrameKind uint8

// The kinds.
const (
	FrameAny       FrameKind = iota // some frame or other
	FrameNeighbour                  // ARP or ND, but not for us, or of no use
	FrameRequest                    // ARP request
	FrameReply                      // ARP reply
	FrameND                         // neighbour solicitation or advertisement
)

// Frame is what counts of a frame that a slave received. From and To are, of
// ARP, the sender's and the target's protocol address; of ND the packet's
// source and destination.
type Frame struct {
	Kind     FrameKind
	From, To netip.Addr
	Group    bool // of FrameAny: a broadcast or multicast
}

var allNodes = netip.MustParseAddr("ff02::1")

// hear accounts one frame as the driver does.
func (p *Prober) hear(now time.Time, ev Heard) {
	s := p.slave(ev.ID)
	if s == nil {
		return
	}
	at := ev.At
	if at.After(now) {
		at = now
	}
	got := p.weigh(ev.Frame)
	if got.proof == proofAnswer {
		p.answered(at, got.target)
	}
	if at.After(s.since) && (got.proof >= s.evidence.proof || at.After(s.evidence.at.Add(p.cfg.window(1)))) {
		s.evidence = got
		s.evidence.at = at
	}
	if !p.validates(s) {
		if p.cfg.Validate&ValidateFilter == 0 || ev.Frame.Kind != FrameAny {
			s.heard(at)
		}
		return
	}
	if target, ok := p.validate(now, s, ev.Frame); ok {
		s.heard(at)
		if at.After(s.targetRx[target]) {
			s.targetRx[target] = at
		}
	}
}

func (s *probed) heard(at time.Time) {
	if at.After(s.lastRx) {
		s.lastRx = at
	}
}

// validates: only what proves that a target is there counts for the slave.
func (p *Prober) validates(s *probed) bool {
	bit := ValidateBackup
	if p.inRole(s) {
		bit = ValidateActive
	}
	return p.cfg.Validate&bit != 0
}

// validate finds the target that a frame tells of. A slave in its role hears
// answers. A backup hears the active slave's own question come round through
// the network, source and target changed over; that proves something only
// while the active one gets answers. While slaves are tried, an answer may
// come in on any of them: the switches have yet to learn.
func (p *Prober) validate(now time.Time, s *probed, f Frame) (netip.Addr, bool) {
	answer := func() (netip.Addr, bool) { return p.target(f, f.From, f.To) }
	if p.inRole(s) {
		return answer()
	}
	if a := p.slave(p.active); a != nil {
		if p.heardAt(a).After(a.linkUp) {
			return p.target(f, f.To, f.From)
		}
		return netip.Addr{}, false
	}
	c := p.slave(p.candidate)
	if c == nil || f.Kind == FrameRequest || now.After(c.lastTx.Add(p.cfg.window(1))) {
		return netip.Addr{}, false
	}
	return answer()
}

// target finds the target that is them, in a frame for us.
func (p *Prober) target(f Frame, them, us netip.Addr) (netip.Addr, bool) {
	switch f.Kind {
	case FrameRequest, FrameReply:
		return them, p.own(us) && slices.Contains(p.cfg.Targets, them)
	case FrameND:
		if them.IsUnspecified() || us != allNodes && !p.own(us) {
			return netip.Addr{}, false
		}
		for _, t := range p.cfg.Targets {
			if t.Is6() && (t == them || SolicitedNode(t) == them) {
				return t, true
			}
		}
	}
	return netip.Addr{}, false
}

// Concerns: the frame is between a target and us, or looks so. What others say
// to each other need not be told one by one.
func (c *ProbeConfig) Concerns(f Frame) bool {
	them := func(a netip.Addr) bool {
		return slices.ContainsFunc(c.Targets, func(t netip.Addr) bool { return t == a || t.Is6() && a.Is6() && SolicitedNode(t) == a })
	}
	us := func(a netip.Addr) bool { return a == allNodes || a.IsUnspecified() || slices.Contains(c.Own, a) }
	return f.Kind >= FrameRequest && (them(f.From) && us(f.To) || us(f.From) && them(f.To))
}

func (p *Prober) own(a netip.Addr) bool { return slices.Contains(p.cfg.Own, a) }

// SolicitedNode is the multicast address on which an IPv6 address is asked for
// (RFC 4291 2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	g := netip.MustParseAddr("ff02::1:ff00:0").As16()
	copy(g[13:], b[13:])
	return netip.AddrFrom16(g)
}

// ListensToAll: frames of any kind count for some slave, so that the prober
// must be told of them.
func (p *Prober) ListensToAll() bool {
	if p.cfg.Validate&ValidateFilter != 0 {
		return false
	}
	return slices.ContainsFunc(p.slaves, func(s probed) bool { return !p.validates(&s) })
}
