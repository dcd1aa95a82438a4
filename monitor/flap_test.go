package monitor

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A target that nobody has, both slaves on one switch: each slave receives what
// the other one asks. As with the driver a slave that is taken down stays so for
// an interval; the driver takes down at its next look after two silent intervals,
// the prober half an interval after.
func TestTargetThatNobodyHas(t *testing.T) {
	others := func(r *probeRig, id int) {
		for _, o := range r.ids {
			if o != id {
				r.hear(o, Frame{Kind: FrameRequest, From: self, To: peer})
			}
		}
	}
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true}, 2)
	r.answer = others
	r.step(Opened{})
	r.run(1100)
	// Without a primary they take turns (driver: every 0.31 s).
	r.expect("250 1 up>down", "350 1 down>up", "500 2 up>down", "600 2 down>up", "750 1 up>down", "850 1 down>up", "1000 2 up>down", "1100 2 down>up")

	// Validated, nothing counts: both stay down, and are tried in turn.
	for _, v := range []Validate{ValidateActive | ValidateBackup} {
		r = newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: v}, 2)
		r.answer = others
		r.step(Opened{})
		r.run(2000)
		for id := 1; id <= 2; id++ {
			if r.links[id] == LinkUp {
				t.Errorf("validate %d: slave %d is up: %v", v, id, r.said)
			}
		}
		if r.active != 0 {
			t.Errorf("validate %d: slave %d is active", v, r.active)
		}
	}
}

// A slave comes back no sooner than an interval after it was taken down for
// silence, whatever it receives in between; what it received is remembered.
func TestComesBackAtTheNextLook(t *testing.T) {
	for _, ab := range []bool{true, false} {
		for _, interval := range []time.Duration{10 * tms, 100 * tms, 1000 * tms} {
			r := newProbeRig(t, ProbeConfig{ActiveBackup: ab, Interval: interval}, 1)
			r.step(Opened{})
			down := 5 * interval / 2
			r.run(down.Milliseconds())
			if r.links[1] == LinkUp {
				t.Fatalf("interval %v: up after %v", interval, down)
			}
			r.said, r.now = nil, r.now.Add(interval/100)
			r.hear(1, reply)
			for range 3 {
				r.run(r.ms() + interval.Milliseconds())
			}
			want := fmt.Sprintf("%d 1 ", (down + interval).Milliseconds())
			if len(r.said) == 0 || len(r.said[len(r.said)-1]) < len(want) {
				t.Fatalf("interval %v: %v", interval, r.said)
			}
			found := false
			for _, line := range r.said {
				found = found || line == want+"down>up" || line == want+"going back>up"
			}
			if !found {
				t.Errorf("active-backup %v, interval %v: %v, want it up at %s", ab, interval, r.said, want)
			}
		}
	}
}

// The reason of a link that is up is what the slave received, the best of it.
func TestReasonIsWhatWasReceived(t *testing.T) {
	for _, c := range []struct {
		frames []Frame
		want   string
	}{
		{[]Frame{anyFrame}, "received a frame; no answer"},
		{[]Frame{{Kind: FrameAny, Group: true}}, "received a broadcast or multicast; no answer"},
		{[]Frame{foreign, {Kind: FrameAny, Group: true}}, "received ARP or ND of other hosts; no answer"},
		{[]Frame{looped, anyFrame, foreign}, "received our own probe of 10.1.0.1 from another slave; no answer"},
		{[]Frame{{Kind: FrameRequest, From: netip.IPv4Unspecified(), To: peer}}, "received our own probe of 10.1.0.1 from another slave; no answer"},
		{[]Frame{loopedNS}, "received our own probe of fd00::1 from another slave; no answer"},
		{[]Frame{looped, reply, anyFrame}, "target 10.1.0.1 answered"},
		{[]Frame{{Kind: FrameReply, From: peer, To: netip.IPv4Unspecified()}}, "target 10.1.0.1 answered"},
		{[]Frame{advert}, "target fd00::1 answered"},
		{[]Frame{{Kind: FrameReply, From: peer2, To: self}}, "received ARP or ND of other hosts; no answer"},
	} {
		r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Targets: []netip.Addr{peer, peer6}}, 2)
		r.step(Opened{})
		r.hear(1, reply) // of no account: before it was taken down
		r.run(300)
		why := ""
		for _, f := range c.frames {
			r.now = r.now.Add(tms)
			r.hear(1, f)
		}
		for range 200 {
			r.now = r.now.Add(tms)
			for _, e := range r.p.Step(r.now, Tick{}, nil) {
				if e.Do == LinkChanged && e.ID == 1 && e.To == LinkUp {
					why = e.Why
				}
			}
		}
		if why != c.want {
			t.Errorf("%v: %q, want %q", c.frames, why, c.want)
		}
	}
}

// What is known of the targets: whether they answer, with or without validation.
func TestTargets(t *testing.T) {
	for _, v := range []Validate{0, ValidateActive | ValidateBackup} {
		r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: v, Targets: []netip.Addr{peer, peer2}}, 2)
		at := func(ms int) time.Time {
			if ms < 0 {
				return time.Time{}
			}
			return r.start.Add(time.Duration(ms) * tms)
		}
		expect := func(asked, answered, asked2, answered2 int) {
			t.Helper()
			want := []Target{{peer, at(asked), at(answered)}, {peer2, at(asked2), at(answered2)}}
			if diff := cmp.Diff(want, r.p.Targets(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("validate %d, at %d: %s", v, r.ms(), diff)
			}
		}
		expect(-1, -1, -1, -1)
		r.step(Opened{})
		r.run(150)
		expect(0, -1, 0, -1)
		r.hear(1, looped) // no answer
		r.hear(1, reply)
		expect(0, 150, 0, -1)
		r.run(320)
		expect(200, 150, 0, -1)
		cfg := r.p.cfg
		cfg.Targets = []netip.Addr{peer2, peer}
		r.step(ProbeConfigure{Config: cfg})
		if got := r.p.Targets(); got[1].AnsweredAt != at(150) || got[0].Addr != peer2 {
			t.Errorf("in another order: %v", got)
		}
	}
}

// A process that could not run takes nothing for received that was not.
func TestHeldUpProvesNothing(t *testing.T) {
	for _, late := range []time.Duration{50 * tms, 350 * tms, 10 * time.Second} {
		// A link that was lost, and is back: what came before doesn't count.
		r := newProbeRig(t, ProbeConfig{ActiveBackup: true}, 2)
		r.answer = network()
		r.step(Opened{})
		r.run(1005)
		r.answer = nil
		r.step(Carrier{ID: 1})
		r.said = nil
		r.now = r.now.Add(95*tms + late)
		r.step(Carrier{ID: 1, Up: true})
		r.run(r.ms() + 90)
		r.expect()

		// A probe of ours that a backup sees proves nothing while nobody answers.
		r = newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: ValidateActive | ValidateBackup}, 2)
		r.answer = network()
		r.step(Opened{})
		r.run(1000)
		r.answer = func(r *probeRig, id int) { r.hear(3-id, looped) }
		r.run(1260)
		r.expect("1250 1 up>down")
		r.now = r.now.Add(90*tms + late)
		r.step(Tick{})
		r.run(r.ms() + 120)
		r.expect()
	}
}
