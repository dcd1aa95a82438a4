package monitor

import (
	"net/netip"
	"slices"
	"time"
)

// Target is what is known of one target.
type Target struct {
	Addr netip.Addr
	// AskedAt is the first probe since the last answer, zero if there is none.
	AskedAt time.Time
	// AnsweredAt is the last answer, on any slave, whether or not arp_validate
	// wants answers; zero if it has never answered.
	AnsweredAt time.Time
}

// Targets returns what is known of each target, in the order configured.
func (p *Prober) Targets() []Target { return slices.Clone(p.targets) }

// setTargets keeps what is known of the targets that stay.
func (p *Prober) setTargets(addrs []netip.Addr) {
	old := p.targets
	p.targets = nil
	for _, a := range addrs {
		t := Target{Addr: a}
		if i := slices.IndexFunc(old, func(t Target) bool { return t.Addr == a }); i >= 0 {
			t = old[i]
		}
		p.targets = append(p.targets, t)
	}
}

// asked notes that all targets are asked.
func (p *Prober) asked(now time.Time) {
	for i := range p.targets {
		if t := &p.targets[i]; !t.AskedAt.After(t.AnsweredAt) {
			t.AskedAt = now
		}
	}
}

// answered notes an answer of a target.
func (p *Prober) answered(at time.Time, target netip.Addr) {
	for i := range p.targets {
		if t := &p.targets[i]; t.Addr == target && at.After(t.AnsweredAt) {
			t.AnsweredAt = at
		}
	}
}
