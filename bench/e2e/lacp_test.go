package e2e

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
	"github.com/tapbond/tapbond/bench/partner"
	"github.com/tapbond/tapbond/bench/traffic"
)

// What an LACP partner may expect on the wire, checked by a scripted one. The
// same things are checked in virtual time in package lacp; here it is the whole
// program, its sockets and its timers.

// LC-01: the frame, octet for octet.
func TestLACPFormat(t *testing.T) {
	g := startLAG(t, 1, "ad_actor_sys_prio 4000")
	h := g.soon(0, g.ever(), time.Minute, "a LACPDU", func(partner.Frame) bool { return true })
	want := make([]byte, partner.FrameLen)
	copy(want, []byte{0x01, 0x80, 0xc2, 0, 0, 2})
	copy(want[6:], lab.SlaveMAC(0))
	copy(want[12:], []byte{0x88, 0x09, 1, 1, 1, 20})
	copy(want[18:], []byte{4000 >> 8, 4000 & 0xff})
	copy(want[20:], g.mac)
	copy(want[26:], []byte{0, 15, 0, 255, 0, 1}) // 10 Gb/s in full duplex, priority, port
	want[32] = partner.Activity | partner.Timeout | partner.Aggregate | partner.Defaulted | partner.Expired
	copy(want[36:], []byte{2, 20, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0, 255, 0, 1, partner.Timeout})
	copy(want[56:], []byte{3, 16})
	if !bytes.Equal(h.Frame, want) {
		t.Errorf("sent\n%x, want\n%x", []byte(h.Frame), want)
	}
}

// LC-02: what is said to nobody.
func TestLACPStartUp(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"fast", "slow"} {
		t.Run(rate, func(t *testing.T) {
			g := startLAG(t, 1, "lacp_rate "+rate)
			_, err := g.lab.Link(0).Carrier(false)
			g.must(err)
			g.whys(0, "link_down", 2*time.Second)
			span, err := g.lab.Link(0).Carrier(true)
			g.must(err)
			up := traffic.StampOf(span.Start)
			g.soon(0, up, 1100*time.Millisecond, "the first LACPDU", says(partner.Expired, traffics))
			g.soon(0, up, 3500*time.Millisecond, "a LACPDU by defaults", says(partner.Defaulted, partner.Expired|traffics))
			for _, h := range g.ports[0].Heard(up, true) {
				if h.At.Sub(up) < 2950*time.Millisecond && !h.Actor().Has(partner.Expired) {
					t.Errorf("after %v: %s", h.At.Sub(up), h.Actor())
				}
			}
			for _, gap := range g.gaps(0, up) {
				if gap < 900*time.Millisecond || gap > time.Second+grace() {
					t.Errorf("LACPDUs %v apart", gap)
				}
			}
			if p := g.port(0); p.Receive != "defaulted" || p.Partner.System.Uint64() != 0 || p.Partner.Key != 1 {
				t.Errorf("without partner: %+v", p)
			}
			g.silent(0, 0, traffic.Now(), "without partner")
		})
	}
}

// LC-03: the handshake, coupled and independent.
func TestLACPHandshake(t *testing.T) {
	t.Parallel()
	for _, coupled := range []string{"on", "off"} {
		t.Run("coupled_control-"+coupled, func(t *testing.T) {
			g := startLAG(t, 2, "coupled_control "+coupled)
			at := g.ports[0].Change(func(*partner.Script) {})
			g.ports[1].Start()
			g.soon(0, at, 200*time.Millisecond, "an echo", func(f partner.Frame) bool {
				p := f.Partner()
				return p.System == systemP && p.Key == 17 && p.Port == 1 && p.SystemPriority == 32768 && p.PortPriority == 255
			})
			for i := range 2 {
				sync := g.soon(i, at, 2500*time.Millisecond, "sync", says(partner.Sync, 0))
				if took := sync.At.Sub(at); took < 2*time.Second {
					t.Errorf("port %d in sync after %v", i, took)
				}
				c := g.carries(i, sync.At, 200*time.Millisecond)
				out, in := g.flows(i, at, 2500*time.Millisecond)
				if early := sync.At.Sub(min(out, in)); early > 5*time.Millisecond {
					t.Errorf("port %d: data %v before sync", i, early)
				}
				// Out it takes bond0's carrier, which the kernel takes its time for
				// where other namespaces come and go.
				if late := in.Sub(c.At); late > grace() {
					t.Errorf("port %d: data arrived %v after it was said", i, late)
				}
				if late := out.Sub(c.At); late > pick(4*grace(), grace()) {
					t.Errorf("port %d: data left %v after it was said", i, late)
				}
			}
		})
	}
}

// LC-04: a partner that never is in sync gets nothing, and gives nothing.
func TestLACPNoEarlyData(t *testing.T) {
	t.Parallel()
	for _, fallback := range []string{"none", "single"} {
		t.Run(fallback, func(t *testing.T) {
			g := startLAG(t, 2, "lacp_fallback_delay 0 lacp_fallback "+fallback)
			for _, p := range g.ports {
				p.Change(func(s *partner.Script) { s.Actor.State &^= partner.Sync })
			}
			at := traffic.Now()
			g.soon(0, at, 2500*time.Millisecond, "sync", says(partner.Sync, partner.Collect|partner.Distribute))
			g.pause(pick(4*time.Second, 10*time.Second))
			for i := range g.ports {
				g.silent(i, at, traffic.Now(), "out of sync")
			}
			g.whys(0, "partner_oos", 0)
			if g.state().Carrier {
				t.Error("the bond has carrier")
			}
		})
	}
}

// LC-05: a partner that means somebody else, by one field.
func TestLACPWrongEcho(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	for name, wrong := range map[string]func(*partner.Info){
		"port":            func(i *partner.Info) { i.Port++ },
		"port priority":   func(i *partner.Info) { i.PortPriority++ },
		"system":          func(i *partner.Info) { i.System[5] ^= 1 },
		"system priority": func(i *partner.Info) { i.SystemPriority-- },
		"key":             func(i *partner.Info) { i.Key++ },
		"aggregation":     func(i *partner.Info) { i.State ^= partner.Aggregate },
	} {
		at := g.ports[0].Change(func(s *partner.Script) { s.Wrong = wrong })
		off := g.soon(0, at, 350*time.Millisecond, "an answer to a wrong "+name, says(0, partner.Collect|partner.Distribute))
		g.pause(900 * time.Millisecond)
		fix := g.ports[0].Change(func(s *partner.Script) { s.Wrong = nil })
		g.silent(0, off.At+traffic.Stamp(grace()), fix, "wrong "+name)
		g.carries(0, fix, 350*time.Millisecond)
		for _, h := range g.ports[0].Heard(at, true) {
			if h.At < fix && h.At > off.At && h.Actor().State&(partner.Collect|partner.Distribute) != 0 {
				t.Errorf("wrong %s: says %s", name, h.Actor())
			}
		}
		g.pause(500 * time.Millisecond)
	}
}

// LC-06: an active end that is told that it is passive, by a passive partner.
// Nobody would keep the conversation going then.
func TestLACPMaintained(t *testing.T) {
	g := startLAG(t, 1, "")
	at := g.ports[0].Change(func(s *partner.Script) {
		s.Actor.State &^= partner.Activity
		s.Wrong = func(i *partner.Info) { i.State &^= partner.Activity }
	})
	g.soon(0, at, 2500*time.Millisecond, "sync", says(partner.Sync, 0))
	g.pause(time.Second)
	g.silent(0, at, traffic.Now(), "nobody is active")
}

// LC-07, LC-09, LC-10: a partner that falls silent, and comes back sooner and
// later.
func TestLACPShortTimeout(t *testing.T) {
	t.Parallel()
	for _, coupled := range []string{"on", "off"} {
		t.Run("coupled_control-"+coupled, func(t *testing.T) {
			g := startLAG(t, 2, "coupled_control "+coupled)
			g.healthy()
			last := g.ports[1].Stop()
			exp := g.soon(1, last, 3200*time.Millisecond, "expired", says(partner.Expired, partner.Collect|partner.Distribute))
			if took := exp.At.Sub(last); took < 3*time.Second {
				t.Errorf("expired after %v", took)
			}
			g.pause(700 * time.Millisecond)
			g.silent(1, exp.At+traffic.Stamp(20*time.Millisecond), traffic.Now(), "expired")
			back := g.ports[1].Change(func(*partner.Script) {})
			g.carries(1, back, 1200*time.Millisecond)
			for _, h := range g.ports[1].Heard(back, true) {
				if !h.Actor().Has(partner.Sync) {
					t.Errorf("back from expired through %s", h.Actor())
				}
			}
			last = g.ports[1].Stop()
			def := g.soon(1, last, 6500*time.Millisecond, "defaulted", says(partner.Defaulted, partner.Expired|traffics))
			if took := def.At.Sub(last); took < 6*time.Second {
				t.Errorf("defaulted after %v", took)
			}
			if p := g.port(0); !p.Distributing || g.state().Carrier == false {
				t.Error("the other port was taken along")
			}
			g.whys(1, "no_pdu", 0)
			back = g.ports[1].Change(func(*partner.Script) {})
			if took := g.carries(1, back, 2600*time.Millisecond).At.Sub(back); took < 2*time.Second {
				t.Errorf("a full handshake in %v", took)
			}
		})
	}
}

// LC-08: the long timeout.
func TestLACPLongTimeout(t *testing.T) {
	g := startLAG(t, 1, "lacp_rate slow")
	g.healthy()
	last := g.ports[0].Stop()
	if !soak {
		// In the short form: not before its time, at least.
		g.pause(5 * time.Second)
		if p := g.port(0); !p.Distributing {
			t.Errorf("given up after 5 s: %s", p.Reason)
		}
		return
	}
	exp := g.soon(0, last, 91500*time.Millisecond, "expired", says(partner.Expired, partner.Collect))
	if took := exp.At.Sub(last); took < 90*time.Second {
		t.Errorf("expired after %v", took)
	}
	g.soon(0, last, 95*time.Second, "defaulted", says(partner.Defaulted, partner.Expired|traffics))
}

// LC-11, LC-12: what a later version of the protocol may put into a PDU.
func TestLACPTolerates(t *testing.T) {
	g := startLAG(t, 2, "")
	tampers := []func(partner.Frame) partner.Frame{
		func(f partner.Frame) partner.Frame { return f.With(partner.OffVersion, 2) },
		func(f partner.Frame) partner.Frame {
			f = f.With(partner.OffActor, 9).With(partner.OffTerminator, 7).With(33, 0xff, 0xff, 0xff).With(53, 0xff, 0xff, 0xff)
			f = f.With(60, bytes.Repeat([]byte{0xff}, 12)...).With(74, bytes.Repeat([]byte{0xff}, 50)...)
			return append(f, make([]byte, 100)...)
		},
	}
	for i, p := range g.ports {
		p.Set(func(s *partner.Script) { s.Tamper = tampers[i] })
	}
	g.healthy()
	for _, v := range []byte{0, 255} {
		g.ports[0].Change(func(s *partner.Script) {
			s.Tamper = func(f partner.Frame) partner.Frame { return f.With(partner.OffVersion, v) }
		})
		g.pause(50 * time.Millisecond)
		if p := g.port(0); p.PartnerVersion != v || !p.Distributing {
			t.Errorf("version %d: %+v", v, p)
		}
	}
}

// LC-13: what is dropped and counted, and changes nothing: wrong lengths, short
// frames, VLAN tags, other destinations, impossible actors.
func TestLACPIllegal(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	good := g.ports[0].Frame()
	// None of them may be believed: each says another partner.
	bad := good.With(20, systemQ[:]...)
	before := g.port(0).Counters
	for name, f := range map[string][]byte{
		"actor length 19":     bad.With(17, 19),
		"partner length 0":    bad.With(37, 0),
		"partner length 21":   bad.With(37, 21),
		"partner length 255":  bad.With(37, 255),
		"collector length":    bad.With(57, 0),
		"runt":                bad[:partner.FrameLen-1],
		"60 octets":           bad[:60],
		"tagged":              bad.Tagged(7),
		"tagged twice":        bad.Tagged(7).Tagged(0),
		"nearest bridge":      bad.With(0, 1, 0x80, 0xc2, 0, 0, 0x0e),
		"our unicast address": bad.With(0, lab.SlaveMAC(0)...),
		"subtype 0":           bad.With(14, 0),
		"subtype 200":         bad.With(14, 200),
		"system 0":            bad.With(20, 0, 0, 0, 0, 0, 0),
		"port 0":              bad.With(30, 0, 0),
	} {
		illegal := g.port(0).Counters.IllegalRx
		g.must(g.ports[0].Send(f))
		deadline := time.Now().Add(time.Second)
		for ; g.port(0).Counters.IllegalRx != illegal+1; g.pause(askAgain) {
			if time.Now().After(deadline) {
				t.Errorf("%s: counted %d", name, g.port(0).Counters.IllegalRx-illegal)
				break
			}
		}
	}
	p := g.port(0)
	if !p.Distributing || p.Counters.PartnerChangeCount != before.PartnerChangeCount || p.Counters.DistributeCount != before.DistributeCount {
		t.Errorf("a frame that is illegal changed something: %+v", p)
	}
	// Other Slow Protocols are nobody's here, and not the host's either.
	g.must(g.ports[0].Send(good.With(14, 3)))
	g.pause(50 * time.Millisecond)
	if n := g.port(0).Counters.UnknownRx; n != before.UnknownRx+1 {
		t.Errorf("OAM counted %d", n)
	}
}

// LC-14, LC-15: the partner's rate is the one we send at.
func TestLACPPeriod(t *testing.T) {
	g := startLAG(t, 2, "")
	for _, p := range g.ports {
		p.Set(func(s *partner.Script) { s.Actor.State &^= partner.Timeout })
	}
	g.healthy()
	at := g.ports[0].Change(func(s *partner.Script) { s.Actor.State |= partner.Timeout })
	h := g.soon(0, at, 200*time.Millisecond, "a LACPDU at once", func(partner.Frame) bool { return true })
	g.pause(pick(8*time.Second, 31*time.Second))
	gaps := g.gaps(0, h.At)
	if len(gaps) < pick(7, 29) {
		t.Errorf("%d LACPDUs", len(gaps)+1)
	}
	for _, gap := range gaps {
		if gap < 900*time.Millisecond || gap > time.Second+grace() {
			t.Errorf("LACPDUs %v apart", gap)
		}
	}
	// Port 1 stayed slow all the time.
	slow := g.ports[1].Heard(at, true)
	if len(slow) > pick(1, 2) {
		t.Errorf("%d LACPDUs to a partner that wants one in 30 s", len(slow))
	}
	at = g.ports[0].Change(func(s *partner.Script) { s.Actor.State &^= partner.Timeout })
	g.pause(pick(5*time.Second, 65*time.Second))
	gaps = g.gaps(0, at+traffic.Stamp(200*time.Millisecond))
	if n := len(g.ports[0].Heard(at, true)); n > 3 {
		t.Errorf("%d LACPDUs after the partner wants them slow", n)
	}
	for _, gap := range gaps {
		if gap < 29*time.Second || gap > 31*time.Second {
			t.Errorf("LACPDUs %v apart", gap)
		}
	}
}

// LC-16, LC-17, LC-18: passive.
func TestLACPPassive(t *testing.T) {
	g := startLAG(t, 1, "lacp_active off")
	g.pause(pick(4*time.Second, 10*time.Second))
	g.ports[0].Change(func(s *partner.Script) { s.Actor.State &^= partner.Activity })
	g.pause(pick(4*time.Second, 10*time.Second))
	if n := len(g.ports[0].Heard(0, true)); n > 0 {
		t.Errorf("%d LACPDUs while nobody is active", n)
	}
	at := g.ports[0].Change(func(s *partner.Script) { s.Actor.State |= partner.Activity })
	g.soon(0, at, 350*time.Millisecond, "an answer", says(0, partner.Activity))
	g.carries(0, at, 3*time.Second)
	g.pause(pick(8*time.Second, time.Minute))
	for _, h := range g.ports[0].Heard(at, true) {
		if h.Actor().Has(partner.Expired) || h.At > at+traffic.Stamp(3*time.Second) && !h.Actor().Has(traffics) {
			t.Errorf("%v later: %s", h.At.Sub(at), h.Actor())
		}
	}
	g.ports[0].Stop()
	g.soon(0, at, 10*time.Minute, "expired", says(partner.Expired, 0))
	g.whys(0, "no_pdu", 0)
	g.pause(3500 * time.Millisecond)
	now := traffic.Now()
	g.pause(2500 * time.Millisecond)
	if n := len(g.ports[0].Heard(now, true)); n > 0 {
		t.Errorf("%d LACPDUs after the partner left", n)
	}
}

// most fails if more than n frames lie within a second of each other.
func (g *lag) most(n int, heard []partner.Heard, what string) {
	g.t.Helper()
	for i := n; i < len(heard); i++ {
		if d := heard[i].At.Sub(heard[i-n].At); d <= time.Second {
			g.t.Errorf("%d %s in %v", n+1, what, d)
		}
	}
}

// LC-19, LC-20: limits, under a partner that can't make up its mind, with a
// flood of Markers.
func TestLACPLimits(t *testing.T) {
	g := startLAG(t, 2, "")
	at := g.healthy()
	for i := range 50 {
		g.ports[0].Change(func(s *partner.Script) {
			s.Wrong = nil
			if i%2 == 0 {
				s.Wrong = func(i *partner.Info) { i.Port++ }
			}
		})
		for range 2 {
			g.must(g.ports[0].Send(partner.Marker([6]byte(lab.PortMAC(0)), 1, 1, systemP, uint32(i))))
		}
		g.pause(20 * time.Millisecond)
	}
	end := g.ports[0].Change(func(s *partner.Script) { s.Wrong = nil })
	g.pause(1300 * time.Millisecond)
	g.most(3, g.ports[0].Heard(at, true), "LACPDUs")
	markers := g.ports[0].Heard(at, false)
	g.most(10, markers, "Marker Responses")
	if len(markers) < 10 {
		t.Errorf("%d Marker Responses", len(markers))
	}
	pdus := g.ports[0].Heard(end, true)
	if len(pdus) == 0 || !pdus[len(pdus)-1].Actor().Has(traffics) || pdus[0].At.Sub(end) > 1100*time.Millisecond+grace() {
		t.Errorf("after the last word: %+v", pdus)
	}
	for _, h := range g.ports[1].Heard(at+traffic.Stamp(3*time.Second), true) {
		if !h.Actor().Has(traffics) {
			t.Errorf("the other port says %s", h.Actor())
		}
	}
}

// LC-21, LC-22, LC-23: Markers.
func TestLACPMarker(t *testing.T) {
	g := startLAG(t, 2, "")
	g.healthy()
	src := [6]byte(lab.PortMAC(1))
	at := traffic.Now()
	g.must(g.ports[1].Send(partner.Marker(src, 1, 7, systemP, 0xdeadbeef)))
	h := g.marker(1, at)
	want := partner.Marker([6]byte(lab.SlaveMAC(1)), 2, 7, systemP, 0xdeadbeef)
	if !bytes.Equal(h.Frame, want) || h.At.Sub(at) > 20*time.Millisecond+grace() {
		t.Errorf("answered after %v\n%x, want\n%x", h.At.Sub(at), []byte(h.Frame), []byte(want))
	}
	if n := len(g.ports[0].Heard(at, false)); n > 0 {
		t.Errorf("%d answers on another port", n)
	}

	// Behind a thousand data frames.
	g.pause(1100 * time.Millisecond)
	burst := make([][]byte, 1000)
	for i := range burst {
		f, err := g.dataFrame(1, 1_000_000+uint64(i), traffic.Now())
		g.must(err)
		burst[i] = f
	}
	at = traffic.Now()
	for _, f := range burst {
		g.must(g.ports[1].Send(f))
	}
	g.must(g.ports[1].Send(partner.Marker(src, 1, 7, systemP, 0xfeed)))
	h = g.marker(1, at)
	var seen []traffic.Stamp
	for deadline := time.Now().Add(2 * time.Second); len(seen) < len(burst) && time.Now().Before(deadline); {
		seen = g.arrived(1, at, traffic.Now())
	}
	if len(seen) < len(burst) {
		t.Errorf("%d of %d frames arrived, the bond dropped %v", len(seen), len(burst), g.state().Drops)
	} else if slices.Sort(seen); seen[len(burst)-1] > h.At {
		t.Errorf("a frame arrived %v after the answer", seen[len(burst)-1].Sub(h.At))
	}

	// Junk.
	before := g.port(1).Counters
	at = traffic.Now()
	junk := partner.Marker(src, 1, 7, systemP, 1)
	for _, f := range [][]byte{junk.With(16, 3), junk.With(17, 15), junk[:54], junk.With(16, 2)} {
		g.must(g.ports[1].Send(f))
	}
	deadline := time.Now().Add(time.Second)
	for {
		c := g.port(1).Counters
		if c.MarkerUnknownRx == before.MarkerUnknownRx+1 && c.MarkerResponsesRx == before.MarkerResponsesRx+1 && c.IllegalRx == before.IllegalRx+2 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("junk counted as %+v, before %+v", c, before)
			break
		}
	}
	if n := len(g.ports[1].Heard(at, false)); n > 0 {
		t.Errorf("%d answers to junk", n)
	}
}

// marker waits for an answer on port i.
func (g *lag) marker(i int, since traffic.Stamp) partner.Heard {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 5*time.Second)
	defer cancel()
	h, err := g.ports[i].Await(ctx, since, "a Marker Response", func(f partner.Frame) bool { return f.IsMarker() })
	g.must(err)
	return h
}
