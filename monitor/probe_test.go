package monitor

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	peer  = netip.MustParseAddr("10.1.0.1")
	peer2 = netip.MustParseAddr("10.1.0.2")
	self  = netip.MustParseAddr("10.1.0.9")
	peer6 = netip.MustParseAddr("fd00::1")
	self6 = netip.MustParseAddr("fd00::9")
)

const tms = time.Millisecond

// probeRig is a prober in virtual time, with an engine that makes the first
// slave that is up the active one, and a network.
type probeRig struct {
	t      *testing.T
	p      *Prober
	now    time.Time
	start  time.Time
	ids    []int
	active int
	links  map[int]Link
	tried  int
	said   []string // "250 1 up>down", "0 send 1"
	quiet  bool     // said leaves out sends
	// answer is called for each round of probes, with the slave that sent it.
	answer func(r *probeRig, id int)
}

func newProbeRig(t *testing.T, cfg ProbeConfig, slaves int) *probeRig {
	if cfg.Interval == 0 {
		cfg.Interval = 100 * tms
	}
	if cfg.MissedMax == 0 {
		cfg.MissedMax = 2
	}
	if cfg.Targets == nil {
		cfg.Targets = []netip.Addr{peer}
	}
	cfg.Own = []netip.Addr{self, self6}
	now := time.Unix(1000, 0)
	r := &probeRig{t: t, p: NewProber(cfg), now: now, start: now, links: map[int]Link{}, quiet: true}
	for i := range slaves {
		r.add(i+1, true)
	}
	return r
}

func (r *probeRig) add(id int, carrier bool) {
	r.ids = append(r.ids, id)
	r.step(Added{ID: id, Carrier: carrier})
	r.links[id] = r.p.Link(id)
	r.choose()
}

func (r *probeRig) ms() int64 { return r.now.Sub(r.start).Milliseconds() }

func (r *probeRig) note(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf("%d ", r.ms())+fmt.Sprintf(format, args...))
}

func (r *probeRig) step(ev ProbeEvent) {
	r.t.Helper()
	out := r.p.Step(r.now, ev, nil)
	if len(out) > 2*len(r.ids)+3 {
		r.t.Fatalf("%d effects at once", len(out))
	}
	for _, e := range out {
		switch e.Do {
		case SendProbes:
			if !r.quiet {
				r.note("send %d", e.ID)
			}
			if r.answer != nil {
				r.answer(r, e.ID)
			}
		case CandidateChanged:
			r.tried = e.ID
		case LinkChanged:
			if r.links[e.ID] != e.From {
				r.t.Errorf("%d: slave %d was %v, not %v", r.ms(), e.ID, r.links[e.ID], e.From)
			}
			r.links[e.ID] = e.To
			r.note("%d %v>%v", e.ID, e.From, e.To)
			r.choose()
		}
	}
}

func (r *probeRig) choose() {
	if r.links[r.active] == LinkUp && r.active != 0 {
		return
	}
	best := 0
	for _, id := range slices.Backward(r.ids) {
		if r.links[id] == LinkUp {
			best = id
		}
	}
	if best != r.active {
		r.active = best
		r.step(Active{ID: best})
	}
}

// run lets virtual time go by until ms after the start.
func (r *probeRig) run(until int64) {
	r.t.Helper()
	end := r.start.Add(time.Duration(until) * tms)
	for {
		at, ok := r.p.Next()
		if !ok || at.After(end) {
			r.now = end
			return
		}
		if at.Before(r.now) {
			at = r.now
		}
		r.now = at
		r.step(Tick{})
	}
}

func (r *probeRig) hear(id int, f Frame) { r.step(Heard{ID: id, At: r.now, Frame: f}) }

func (r *probeRig) expect(want ...string) {
	r.t.Helper()
	if diff := cmp.Diff(want, r.said); diff != "" {
		r.t.Errorf("(-want +got)\n%s", diff)
	}
	r.said = nil
}

// Frames.
var (
	reply     = Frame{Kind: FrameReply, From: peer, To: self}
	looped    = Frame{Kind: FrameRequest, From: self, To: peer}
	anyFrame  = Frame{Kind: FrameAny}
	foreign   = Frame{Kind: FrameNeighbour}
	advert    = Frame{Kind: FrameND, From: peer6, To: self6}
	loopedNS  = Frame{Kind: FrameND, From: self6, To: SolicitedNode(peer6)}
	allAdvert = Frame{Kind: FrameND, From: peer6, To: allNodes}
)

// network answers every probe on the slave that sent it, and shows it to the
// others, unless the slave is cut.
func network(cut ...int) func(*probeRig, int) {
	return func(r *probeRig, id int) {
		if slices.Contains(cut, id) {
			return
		}
		r.hear(id, reply)
		for _, o := range r.ids {
			if o != id && !slices.Contains(cut, o) {
				r.hear(o, looped)
			}
		}
	}
}

// A slave that hears nothing more is down two and a half intervals after the
// last answer, not at a tick, and another one asks at once.
func TestSilentLoss(t *testing.T) {
	for _, v := range []Validate{0, 1, 2, 3, 4, 5, 6} {
		r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: v}, 2)
		r.answer = network()
		r.step(Opened{})
		r.run(1000)
		r.expect() // nothing happens while all is well
		r.answer = network(1)
		r.quiet = false
		r.run(1250)
		r.expect("1100 send 1", "1200 send 1", "1250 1 up>down", "1250 send 2")
		r.run(1351)
		r.expect("1350 send 2") // an interval after the first
		r.quiet = true
		r.answer = network()
		r.run(1500)
		// It hears the new one's questions and is a backup now.
		r.expect("1450 1 down>up")
		if r.active != 2 {
			t.Errorf("validate %d: %d is active", v, r.active)
		}
	}
}

func TestBackupHasAnIntervalMore(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: 3}, 2)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	r.answer = network(2)
	r.run(2000)
	r.expect("1350 2 up>down")
}

func TestMissedMax(t *testing.T) {
	for _, ab := range []bool{true, false} {
		for _, n := range []int{1, 2, 5, 255} {
			r := newProbeRig(t, ProbeConfig{ActiveBackup: ab, MissedMax: n}, 1)
			r.answer = network()
			r.step(Opened{})
			r.run(1000)
			r.answer = nil
			r.run(30000)
			want := fmt.Sprintf("%d 1 up>down", 1000+100*n+50)
			if len(r.said) == 0 || r.said[0] != want {
				t.Errorf("%v", r.said)
			}
		}
	}
}

// Every slave asks, and needs an answer of its own.
func TestEachForItself(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{}, 3)
	own := func(cut int) func(*probeRig, int) {
		return func(r *probeRig, id int) {
			if id != cut {
				r.hear(id, reply)
			}
		}
	}
	r.answer = own(0)
	r.step(Opened{})
	r.run(1000)
	r.expect()
	r.answer = own(2)
	r.run(2000)
	r.expect("1250 2 up>down")
	r.quiet = false
	r.run(2100)
	r.expect("2100 send 1", "2100 send 2", "2100 send 3") // one that is down, too
	r.quiet = true
	r.answer = own(0)
	r.run(3000)
	r.expect("2200 2 down>up")
}

// What counts for a slave by arp_validate, its role and the frame (spec 6.3,
// 6.4): the states are those of an active slave with answers and a backup.
func TestWhatCounts(t *testing.T) {
	all := []Frame{anyFrame, foreign, reply, looped, {Kind: FrameReply, From: peer2, To: self}, {Kind: FrameReply, From: peer, To: peer2},
		{Kind: FrameRequest, From: peer, To: self}, advert, allAdvert, loopedNS, {Kind: FrameND, From: peer6, To: peer6}, {Kind: FrameND, From: self6, To: netip.MustParseAddr("ff02::1:ff00:2")}}
	const (
		any      = "111111111111"
		filter   = "011111111111"
		answers  = "001000111000"
		question = "000100000100"
	)
	for v, want := range map[Validate][2]string{
		0: {any, any}, 1: {answers, any}, 2: {any, question}, 3: {answers, question},
		4: {filter, filter}, 5: {answers, filter}, 6: {filter, question},
	} {
		for role, id := range []int{1, 2} {
			got := ""
			for _, f := range all {
				r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: v, Targets: []netip.Addr{peer, peer6}}, 2)
				r.step(Opened{})
				r.now = r.now.Add(10 * tms)
				r.hear(1, reply) // the active one gets answers
				r.now = r.now.Add(10 * tms)
				before := r.p.LastRx(id)
				r.hear(id, f)
				got += map[bool]string{true: "1", false: "0"}[r.p.LastRx(id).After(before)]
			}
			if got != want[role] {
				t.Errorf("arp_validate %d, role %d: %s, want %s", v, role, got, want[role])
			}
		}
	}
}

func TestConcerns(t *testing.T) {
	c := ProbeConfig{Targets: []netip.Addr{peer, peer6}, Own: []netip.Addr{self, self6}}
	for _, f := range []Frame{reply, looped, advert, allAdvert, loopedNS} {
		if !c.Concerns(f) {
			t.Errorf("%v doesn't", f)
		}
	}
	for _, f := range []Frame{anyFrame, foreign, {Kind: FrameReply, From: peer2, To: self}, {Kind: FrameReply, From: peer, To: peer2},
		{Kind: FrameRequest, From: peer2, To: peer}, {Kind: FrameND, From: peer6, To: peer6}} {
		if c.Concerns(f) {
			t.Errorf("%v does", f)
		}
	}
}

// A backup's proof is worth nothing while the active slave has none.
func TestQuestionCountsOnlyWhileAnswered(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: 3}, 2)
	r.step(Opened{})
	r.now = r.now.Add(10 * tms)
	before := r.p.LastRx(2)
	r.hear(2, looped)
	if r.p.LastRx(2) != before {
		t.Error("counted although the active slave has heard nothing")
	}
}

func TestAllTargets(t *testing.T) {
	both := []netip.Addr{peer, peer2}
	for _, tt := range []struct {
		cfg  ProbeConfig
		want []string
	}{
		{ProbeConfig{ActiveBackup: true, Validate: 1, Targets: both}, nil}, // any
		{ProbeConfig{ActiveBackup: true, Validate: 1, Targets: both, AllTargets: true}, []string{"1250 1 up>down", "1250 1 down>going back"}},
		{ProbeConfig{ActiveBackup: true, Targets: both, AllTargets: true}, nil}, // without validation there is nothing to tell them by
		{ProbeConfig{Validate: 1, Targets: both, AllTargets: true}, nil},        // active-backup only
	} {
		r := newProbeRig(t, tt.cfg, 1)
		r.answer = func(r *probeRig, id int) {
			r.hear(id, reply)
			if r.ms() <= 1000 {
				r.hear(id, Frame{Kind: FrameReply, From: peer2, To: self})
			}
		}
		r.step(Opened{})
		r.run(1300)
		r.expect(tt.want...)
	}
}

// Nothing is up: one slave after the other is tried, for an interval each,
// beginning with the second.
func TestSearch(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: 3}, 3)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	r.answer = nil
	r.run(1100)
	r.expect()
	for id := 1; id <= 3; id++ {
		r.step(Carrier{ID: id})
	}
	r.expect("1100 1 up>down", "1100 2 up>down", "1100 3 up>down")
	if r.active != 0 || r.tried != 0 {
		t.Fatalf("active %d, tried %d", r.active, r.tried)
	}
	r.quiet = false
	for id := 1; id <= 3; id++ {
		r.step(Carrier{ID: id, Up: true})
	}
	// The first that has carrier again isn't kept waiting.
	r.expect("1100 1 down>going back", "1100 send 1")
	r.run(1400)
	r.expect("1200 1 going back>going down", "1200 2 down>going back", "1200 send 2",
		"1300 2 going back>going down", "1300 3 down>going back", "1300 send 3",
		"1400 3 going back>going down", "1400 1 going down>going back", "1400 send 1")
	if r.tried != 1 {
		t.Errorf("tried %d", r.tried)
	}
	r.quiet = true
	r.hear(2, looped) // not an answer
	r.expect()
	r.now = r.now.Add(tms)
	r.hear(2, reply) // on another one than the one that asked: its port isn't learnt yet
	r.expect("1401 2 going down>up")
	if r.active != 2 || r.tried != 0 {
		t.Errorf("active %d, tried %d", r.active, r.tried)
	}
}

func TestSearchLosesItsCarrier(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true}, 2)
	r.step(Opened{})
	r.run(1000)
	r.said, r.quiet = nil, false
	for r.tried != 2 {
		r.run(r.ms() + 100)
	}
	r.said = nil
	at := r.ms()
	r.step(Carrier{ID: 2})
	r.expect(fmt.Sprintf("%d 2 going back>down", at), fmt.Sprintf("%d 1 going down>going back", at), fmt.Sprintf("%d send 1", at))
}

// Carrier is acted on when it goes; when it is back, what was heard before
// proves nothing.
func TestCarrier(t *testing.T) {
	for _, ab := range []bool{true, false} {
		r := newProbeRig(t, ProbeConfig{ActiveBackup: ab}, 2)
		r.answer = network()
		r.step(Opened{})
		r.run(1010)
		r.step(Carrier{ID: 1})
		r.expect("1010 1 up>down")
		r.now = r.now.Add(5 * tms)
		r.answer = nil
		r.step(Carrier{ID: 1, Up: true})
		r.run(1020)
		r.expect()
		r.hear(1, anyFrame)
		r.expect("1020 1 down>up")
	}
}

func TestTimeToAnswer(t *testing.T) {
	// At opening, however long ago the slaves came.
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true}, 2)
	r.run(60000)
	r.step(Opened{})
	r.run(60249)
	r.expect()
	// On a restart.
	r = newProbeRig(t, ProbeConfig{}, 2)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	r.answer = nil
	r.run(1200)
	cfg := r.p.cfg
	r.step(ProbeConfigure{Config: cfg, Restart: true})
	r.run(1449)
	r.expect()
	r.run(1450)
	r.expect("1450 1 up>down", "1450 2 up>down")
	// For a new target.
	r = newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: 1, AllTargets: true}, 1)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	cfg = r.p.cfg
	cfg.Targets = []netip.Addr{peer, peer2}
	r.step(ProbeConfigure{Config: cfg})
	r.run(1249)
	r.expect()
	r.run(1250)
	if r.said[0] != "1250 1 up>down" {
		t.Errorf("%v", r.said)
	}
}

// The time in which we could not listen is nobody's silence.
func TestHeldUp(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: 3}, 2)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	r.now = r.now.Add(5 * time.Second)
	r.step(Tick{})
	r.run(7000)
	r.expect()
}

func TestNobodyCanBeAsked(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Mute: true}, 1)
	r.step(Opened{})
	for i := range 20 {
		r.run(int64(i) * 20)
		r.hear(1, anyFrame)
	}
	if len(r.said) == 0 || r.said[0] != "250 1 up>down" {
		t.Errorf("%v", r.said)
	}
}

func TestRemoved(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{ActiveBackup: true}, 2)
	r.answer = network()
	r.step(Opened{})
	r.run(1000)
	r.now = r.now.Add(100 * tms) // when it is time to ask
	r.step(Removed{ID: 1})
	r.expect()
	r.links[1] = LinkDown
	r.choose()
	r.run(2000)
	r.expect()
	if r.active != 2 {
		t.Errorf("%d is active", r.active)
	}
	r.step(Removed{ID: 2})
	r.step(Active{})
	r.run(3000)
	r.expect()
}

func TestStop(t *testing.T) {
	r := newProbeRig(t, ProbeConfig{}, 1)
	r.step(Opened{})
	r.p.Stop()
	if at, ok := r.p.Next(); ok {
		t.Errorf("stopped, but waits for %v", at)
	}
	r.run(1000)
	r.expect()
}

func TestListensToAll(t *testing.T) {
	for v, want := range []bool{true, true, true, false, false, false, false} {
		r := newProbeRig(t, ProbeConfig{ActiveBackup: true, Validate: Validate(v)}, 2)
		if got := r.p.ListensToAll(); got != want {
			t.Errorf("arp_validate %d: %v", v, got)
		}
	}
}

func TestSolicitedNode(t *testing.T) {
	if got := SolicitedNode(netip.MustParseAddr("fe80::1234:5678:9abc")).String(); got != "ff02::1:ff78:9abc" {
		t.Error(got)
	}
}
