package lacp

import (
	"math/rand/v2"
	"testing"
	"time"
)

// pair is two Machines, each port of one wired to the same port of the other by
// a wire that loses, delays and doubles.
type pair struct {
	ends   [2]*world
	rnd    *rand.Rand
	loss   float64
	double float64
	cut    map[PortID]bool // loses everything, unnoticed
	flight []flight
}

type flight struct {
	at  time.Time
	to  int
	pdu PDU
}

func newPair(a, b Config, loss float64, seed uint64) *pair {
	p := &pair{rnd: rand.New(rand.NewPCG(seed, 1)), loss: loss, cut: map[PortID]bool{}}
	b.System.MAC[5] = 0x22
	for i, cfg := range []Config{a, b} {
		w := newWorld(cfg)
		w.onPDU = func(id PortID, pdu *LACPDU) { p.send(1-i, PDU{id, *pdu}) }
		p.ends[i] = w
	}
	return p
}

func (p *pair) send(to int, pdu PDU) {
	copies := 1
	if p.rnd.Float64() < p.double {
		copies = 2
	}
	for range copies {
		if p.cut[pdu.Port] || p.rnd.Float64() < p.loss {
			continue
		}
		delay := time.Millisecond + time.Duration(p.rnd.Int64N(int64(20*time.Millisecond)))
		p.flight = append(p.flight, flight{p.ends[to].now.Add(delay), to, pdu})
	}
}

// warp lets both ends live in the same time.
func (p *pair) warp(t *testing.T, d time.Duration) {
	t.Helper()
	now := p.ends[0].now
	for end := now.Add(d); now.Before(end); {
		next := end
		for _, w := range p.ends {
			if at, ok := w.m.Next(); ok && at.Before(next) {
				next = at
			}
		}
		first := -1
		for i := range p.flight {
			if !p.flight[i].at.After(next) {
				next, first = p.flight[i].at, i
			}
		}
		if next.After(now) {
			now = next
		}
		for _, w := range p.ends {
			w.now = now
		}
		if first >= 0 {
			f := p.flight[first]
			p.flight = append(p.flight[:first], p.flight[first+1:]...)
			p.ends[f.to].step(f.pdu)
		} else {
			for _, w := range p.ends {
				w.step(Tick{})
			}
		}
		p.check(t)
	}
	for _, w := range p.ends {
		for _, at := range w.sends {
			slide(t, "PDUs", at, 3, time.Second)
		}
	}
}

// check: nobody distributes on a port to an end that hasn't attached it.
func (p *pair) check(t *testing.T) {
	t.Helper()
	for i, w := range p.ends {
		for id, on := range w.dist {
			far := p.ends[1-i].m.port(id)
			lag := 25 * time.Millisecond // a PDU under way
			if on && !p.cut[id] && p.loss == 0 && far.mux < muxAttached && w.now.Sub(far.muxSince) > lag {
				t.Fatalf("end %d distributes on port %d, the other end is %v", i, id, far.mux)
			}
		}
	}
}

func (p *pair) start(ports int) {
	for i := 1; i <= ports; i++ {
		for _, w := range p.ends {
			w.step(PortAdded{Port: PortID(i), Name: "p" + string(rune('0'+i)), Priority: 255})
		}
	}
	for _, w := range p.ends {
		w.step(Admin{true})
		for i := 1; i <= ports; i++ {
			w.link(PortID(i), true)
		}
	}
}

func (p *pair) expect(t *testing.T, when string, want ...PortID) {
	t.Helper()
	for i, w := range p.ends {
		w.expectCarrying(t, when+": end "+string(rune('A'+i)), want...)
	}
}

func TestPairForms(t *testing.T) {
	t.Parallel()
	for _, coupled := range []bool{true, false} {
		for _, fast := range []bool{true, false} {
			a := fastConfig()
			b := fastConfig()
			a.Coupled, b.Fast, b.Active = coupled, fast, false
			p := newPair(a, b, 0, 1)
			p.start(3)
			p.warp(t, 2700*time.Millisecond)
			p.expect(t, "after 2.7 s", 1, 2, 3)
			p.warp(t, 10*time.Minute)
			p.expect(t, "ten minutes later", 1, 2, 3)
			for _, w := range p.ends {
				expect(t, "expired", w.st(2).Counters.ExpiredCount, uint64(0))
			}
		}
	}
}

func TestPairOverABadWire(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		p := newPair(fastConfig(), fastConfig(), 0.3, seed)
		p.double = 0.2
		p.start(4)
		p.warp(t, 20*time.Second)
		p.loss = 0
		p.warp(t, 4*time.Second)
		p.expect(t, "on a good wire again", 1, 2, 3, 4)
	}
}

func TestPairOneWay(t *testing.T) {
	t.Parallel()
	for _, coupled := range []bool{true, false} {
		cfg := fastConfig()
		cfg.Coupled = coupled
		p := newPair(cfg, cfg, 0, 1)
		p.start(2)
		p.warp(t, 4*time.Second)
		p.cut[1] = true
		p.warp(t, 3100*time.Millisecond)
		p.expect(t, "cut without a sign", 2)
		p.cut[1] = false
		p.warp(t, 1100*time.Millisecond)
		p.expect(t, "mended", 1, 2)
		for i := range p.ends {
			p.ends[i].step(PortLeaving{2})
			p.warp(t, 50*time.Millisecond)
			expect(t, "drained", len(p.ends[i].gone), 1)
		}
		p.expect(t, "left", 1)
	}
}

func TestPairMaxLinks(t *testing.T) {
	t.Parallel()
	a, b := fastConfig(), fastConfig()
	a.MaxLinks, b.MaxLinks = 2, 2
	a.System.Priority = 1
	p := newPair(a, b, 0, 1)
	p.start(4)
	for i := PortID(1); i <= 4; i++ {
		p.ends[0].step(PortPriority{i, uint16(10 - i)})
		p.ends[1].step(PortPriority{i, uint16(i)})
	}
	p.warp(t, 5*time.Second)
	p.expect(t, "the lower system decides", 3, 4)
	for _, w := range p.ends {
		w.link(4, false)
	}
	p.warp(t, 250*time.Millisecond) // with muxStartTime: their PDUs are at the limit
	p.expect(t, "promoted", 2, 3)
}

// A cold start of one end, its memory lost.
func TestPairRestart(t *testing.T) {
	t.Parallel()
	p := newPair(fastConfig(), fastConfig(), 0, 1)
	p.start(2)
	p.warp(t, 4*time.Second)
	w := p.ends[1]
	w.m = New(w.m.cfg)
	clear(w.coll)
	clear(w.dist)
	clear(w.sends)
	w.add(2)
	p.warp(t, 2700*time.Millisecond)
	p.expect(t, "restarted", 1, 2)
}
