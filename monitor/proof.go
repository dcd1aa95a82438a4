package monitor

import (
	"net/netip"
	"slices"
	"time"
)

// proof is what a frame that a slave received proves, the weakest first.
type proof uint8

const (
	proofNone     proof = iota
	proofFrame          // a frame addressed to one host
	proofGroup          // a broadcast or multicast
	proofARP            // ARP or ND that is no answer
	proofOwnProbe       // a probe that another slave sent
	proofAnswer         // a target's
)

// evidence is the best that a slave has received lately, since it was taken down.
type evidence struct {
	proof  proof
	target netip.Addr // of proofOwnProbe and proofAnswer
	at     time.Time
}

// weigh finds out what a frame proves.
func (p *Prober) weigh(f Frame) evidence {
	if t, ok := p.target(f, f.From, f.To); ok {
		return evidence{proof: proofAnswer, target: t}
	}
	if t, ok := p.target(f, f.To, f.From); ok {
		return evidence{proof: proofOwnProbe, target: t}
	}
	// Without an address the bond asks from the unspecified one.
	if (f.Kind == FrameReply || f.Kind == FrameRequest) && slices.Contains(p.cfg.Targets, f.From) && f.To.IsUnspecified() {
		return evidence{proof: proofAnswer, target: f.From}
	}
	if f.Kind == FrameRequest && f.From.IsUnspecified() && slices.Contains(p.cfg.Targets, f.To) {
		return evidence{proof: proofOwnProbe, target: f.To}
	}
	switch {
	case f.Kind != FrameAny:
		return evidence{proof: proofARP}
	case f.Group:
		return evidence{proof: proofGroup}
	}
	return evidence{proof: proofFrame}
}

// String says what was received, as the reason for a link that is up.
func (e evidence) String() string {
	switch e.proof {
	case proofAnswer:
		return "target " + e.target.String() + " answered"
	case proofOwnProbe:
		return "received our own probe of " + e.target.String() + " from another slave; no answer"
	case proofARP:
		return "received ARP or ND of other hosts; no answer"
	case proofGroup:
		return "received a broadcast or multicast; no answer"
	}
	return "received a frame; no answer"
}
