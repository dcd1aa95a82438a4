package monitor

import (
	"fmt"
	"slices"
	"time"
)

// judge brings every slave to where its carrier, its silence and what it heard
// say.
func (p *Prober) judge(now time.Time) {
	if p.next.IsZero() {
		return
	}
	for i := range p.slaves {
		s := &p.slaves[i]
		if s.link == LinkUp {
			if !s.carrier {
				p.down(now, s, "no carrier")
			} else if at, ok := p.deadline(s); ok && !now.Before(at) {
				p.down(now, s, p.silence(now, s))
				s.heldDown = now.Add(p.cfg.Interval)
			}
			continue
		}
		if !now.Before(s.heldDown) {
			s.heldDown = time.Time{}
		}
		switch {
		case s.heldDown.IsZero() && p.answers(now, s):
			p.to(s, LinkUp, s.evidence.String())
		case !s.carrier && s.link != LinkDown:
			if p.candidate == s.id {
				p.try(0)
				p.next = now // the next one
			}
			p.to(s, LinkDown, "no carrier")
		}
	}
}

func (p *Prober) to(s *probed, l Link, why string) {
	p.out = append(p.out, ProbeEffect{Do: LinkChanged, ID: s.id, From: s.link, To: l, Why: why})
	s.link = l
}

func (p *Prober) down(now time.Time, s *probed, why string) {
	s.since, s.heldDown, s.evidence = now, time.Time{}, evidence{}
	p.to(s, LinkDown, why)
}

// deadline is when an UP slave is taken down unless something is heard before.
// In active-backup a backup has an interval more, and as much as it takes
// while another slave is being tried: then nobody asks for it to hear.
func (p *Prober) deadline(s *probed) (time.Time, bool) {
	if s.link != LinkUp {
		return time.Time{}, false
	}
	last, missed := p.heardAt(s), p.cfg.MissedMax
	switch {
	case p.inRole(s):
		if s.lastTx.Before(last) {
			last = s.lastTx
		}
	case p.candidate != 0:
		return time.Time{}, false
	default:
		missed++
	}
	at := last.Add(p.cfg.window(missed))
	if at.Before(s.grace) {
		at = s.grace
	}
	return at, true
}

func (p *Prober) silence(now time.Time, s *probed) string {
	if p.inRole(s) && s.lastTx.Before(p.heardAt(s)) {
		return "no target can be asked"
	}
	what := "received nothing"
	switch {
	case p.validates(s) && p.inRole(s):
		what = "no target answered"
	case p.validates(s):
		what = "received no probe of ours"
	}
	return fmt.Sprintf("%s for %d ms", what, now.Sub(p.heardAt(s)).Milliseconds())
}

// answers: a slave that isn't UP has heard something since it was taken down
// and not long ago. One that probes for itself must have done so, too.
func (p *Prober) answers(now time.Time, s *probed) bool {
	lately := func(t time.Time) bool { return !now.After(t.Add(p.cfg.window(1))) }
	rx := p.heardAt(s)
	return s.carrier && rx.After(s.since) && lately(rx) && (p.cfg.ActiveBackup || lately(s.lastTx))
}

// inRole: the slave sends and receives for the bond (the driver's state
// ACTIVE): in active-backup the active one or the one being tried.
func (p *Prober) inRole(s *probed) bool {
	return !p.cfg.ActiveBackup || s.id == p.active || s.id == p.candidate
}

// heardAt is when the slave last heard what counts for it.
func (p *Prober) heardAt(s *probed) time.Time {
	if !p.cfg.AllTargets || !p.cfg.ActiveBackup || !p.validates(s) {
		return s.lastRx
	}
	oldest := s.lastRx
	for _, t := range s.targetRx {
		if t.Before(oldest) {
			oldest = t
		}
	}
	return oldest
}

// tick is what happens once an interval.
func (p *Prober) tick(now time.Time) {
	p.next = now.Add(p.cfg.Interval)
	if !p.cfg.ActiveBackup {
		for i := range p.slaves {
			if s := &p.slaves[i]; s.carrier {
				p.send(now, s)
			}
		}
		return
	}
	if s := p.slave(p.active); s != nil {
		p.send(now, s)
		return
	}
	if slices.ContainsFunc(p.slaves, func(s probed) bool { return s.link == LinkUp }) {
		return // somebody is about to be chosen
	}
	if s := p.slave(p.candidate); s != nil && s.link == LinkBack {
		p.to(s, LinkFail, "tried, no answer")
	}
	if s := p.nextCandidate(); s != nil {
		if s.link != LinkBack {
			p.to(s, LinkBack, "tried, since nothing is up")
		}
		s.linkUp, s.grace = now, now.Add(p.cfg.window(2))
		p.try(s.id)
		p.send(now, s)
	}
}

// nextCandidate goes round the slaves with carrier, from the one tried last; at
// the very beginning from the first.
func (p *Prober) nextCandidate() *probed {
	at := 0
	for i := range p.slaves {
		if p.slaves[i].id == p.candidate {
			at = i
		}
	}
	for i := range p.slaves {
		if s := &p.slaves[(at+1+i)%len(p.slaves)]; s.carrier {
			return s
		}
	}
	return nil
}

func (p *Prober) try(id int) {
	if id != p.candidate {
		p.candidate = id
		p.out = append(p.out, ProbeEffect{Do: CandidateChanged, ID: id})
	}
}

func (p *Prober) send(now time.Time, s *probed) {
	if p.cfg.Mute {
		return
	}
	s.lastTx = now
	p.asked(now)
	p.out = append(p.out, ProbeEffect{Do: SendProbes, ID: s.id})
}
