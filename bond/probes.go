package bond

import (
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/probe"
	"github.com/tapbond/tapbond/monitor"
)

// sampleShare: frames of any kind are counted by the receive workers, not timed.
// The counters are read this often in an interval; so much later is a silent
// slave found out.
const sampleShare = 4

// stepProber runs the ARP and ND monitor and carries out what it decides.
func (b *Bond) stepProber(ev monitor.ProbeEvent) {
	p := b.probing
	for _, e := range p.prober.Step(b.now(), ev, nil) {
		switch e.Do {
		case monitor.SendProbes:
			if s := b.slaveByID(e.ID); s != nil {
				b.sendProbes(s)
			}
		case monitor.CandidateChanged:
			p.candidate, b.dirty = e.ID, true
		case monitor.LinkChanged:
			b.probedLink(e)
		}
	}
}

// probedLink carries out a change of a slave's link, in the driver's words for
// its mode.
func (b *Bond) probedLink(e monitor.ProbeEffect) {
	s := b.slaveByID(e.ID)
	if s == nil {
		return
	}
	s.link, s.since, s.why = e.To, b.now(), e.Why
	b.dirty = true
	say := func(kind, msg string) {
		b.event(Event{Slave: s.name, Kind: kind, Message: msg, From: e.From.String(), To: e.To.String(), Why: e.Why})
	}
	balance := !b.primaryMode()
	switch {
	case e.To == monitor.LinkUp:
		s.recovered(b.now())
		msg := "link status definitely up"
		if balance && b.active != nil {
			msg = "interface is now up"
		}
		say("link_up", msg)
		if b.active == nil || !balance && (s.name == b.vals.Primary || s.prio > b.active.prio) {
			b.reselect("link came up")
		} else {
			b.updateCarrier()
		}
	case e.To == monitor.LinkDown && (e.From == monitor.LinkUp || s == b.active):
		s.failures++
		s.failed(b.now(), e.Why)
		s.sampled, s.grouped = s.seen(), s.rx.group.value() // what came before proves nothing
		msg := "link status definitely down, disabling slave"
		if balance {
			msg = "interface is now down"
		}
		say("link_down", msg)
		if s == b.active {
			b.reselect("active slave lost its link: " + e.Why)
		} else {
			b.updateCarrier()
		}
	}
	// One slave after the other is tried without a word, as with the driver.
}

// sendProbes asks all targets on s. What the NIC has no room for is lost.
func (b *Bond) sendProbes(s *slave) {
	p := b.probing
	for i := range p.paths {
		w := &p.paths[i]
		what := "arp_ip_target"
		if w.Target.Is6() {
			what = "ns_ip6_target"
		}
		switch {
		case w.Elsewhere != "":
			b.complain(w, "no path to "+what+" "+w.Target.String()+" via rt.dev "+w.Elsewhere)
			continue
		case w.NoRoute && p.cfg.Validate != 0:
			b.complain(w, "no route to "+what+" "+w.Target.String()+" and arp_validate is set")
		}
		f, err := probe.Frame(s.mac, *w)
		if err == nil {
			err = s.control.Send(f)
		}
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ENETDOWN) {
			b.complain(w, "probe of "+what+" "+w.Target.String()+": "+err.Error())
		}
	}
}

// complain says something about the way to a target, once until that changes.
func (b *Bond) complain(w *probe.Path, msg string) {
	if b.probing.said[w.Target] != msg {
		b.probing.said[w.Target] = msg
		b.warn(nil, "probe", msg)
	}
}

// proberNext is when tickProber is to be called.
func (b *Bond) proberNext() (time.Time, bool) {
	if b.probing == nil {
		return time.Time{}, false
	}
	at, ok := b.probing.prober.Next()
	if ok && b.probing.sample.Before(at) && b.probing.prober.ListensToAll() {
		at = b.probing.sample
	}
	return at, ok
}

// tickProber tells the prober of frames that were only counted, then of the
// time.
func (b *Bond) tickProber(now time.Time) {
	p := b.probing
	if at, ok := b.proberNext(); !ok || at.After(now) {
		return
	}
	if p.prober.ListensToAll() {
		p.sample = now.Add(max(p.cfg.Interval/sampleShare, time.Millisecond))
		for _, s := range b.members() {
			if n := s.seen(); n != s.sampled {
				g := s.rx.group.value()
				f := monitor.Frame{Kind: monitor.FrameAny, Group: n-s.sampled == g-s.grouped}
				s.sampled, s.grouped = n, g
				b.stepProber(monitor.Heard{ID: s.id, At: now, Frame: f})
			}
		}
	}
	b.stepProber(monitor.Tick{})
}

// probeInbox takes what a slave's control socket heard to the control
// goroutine: of frames that say the same the last one, with one piece of work
// in the mailbox however many come.
type probeInbox struct {
	wake func()

	mu    sync.Mutex
	heard map[monitor.Frame]time.Time
	woken bool
}

// inboxMax is how many different frames are kept: more than targets and a bond's
// addresses make of them.
const inboxMax = 1024

func newProbeInbox(wake func()) *probeInbox {
	return &probeInbox{wake: wake, heard: make(map[monitor.Frame]time.Time)}
}

func (i *probeInbox) put(f monitor.Frame, at time.Time) {
	i.mu.Lock()
	if _, known := i.heard[f]; !known && len(i.heard) == inboxMax {
		f = monitor.Frame{Kind: monitor.FrameNeighbour}
	}
	i.heard[f] = at
	wake := !i.woken
	i.woken = true
	i.mu.Unlock()
	if wake {
		i.wake()
	}
}

func (i *probeInbox) take() map[monitor.Frame]time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	got := i.heard
	i.heard, i.woken = make(map[monitor.Frame]time.Time), false
	return got
}

// runProbes is the life of a slave's control socket as the monitor's ear.
func (b *Bond) runProbes(s *slave) {
	inbox := newProbeInbox(nil)
	inbox.wake = func() { b.box.post(func() { b.hearProbes(s, inbox) }) }
	buf := make([]byte, 2048)
	for {
		got, err := s.control.Receive(buf)
		if err != nil {
			return // closed, or the interface is gone, which the data socket tells too
		}
		f := probe.Read(buf[:got.N], got.Type == unix.PACKET_OTHERHOST)
		if cfg := b.probed.Load(); f.Kind != monitor.FrameAny && (cfg == nil || !cfg.Concerns(f)) {
			f = monitor.Frame{Kind: monitor.FrameNeighbour} // a flood of them must not crowd out an answer
		}
		inbox.put(f, b.now())
	}
}

func (b *Bond) hearProbes(s *slave, inbox *probeInbox) {
	heard := inbox.take()
	if b.slaveByID(s.id) != s || s.leaving {
		return
	}
	for f, at := range heard {
		if b.probing == nil {
			return
		}
		b.stepProber(monitor.Heard{ID: s.id, At: at, Frame: f})
	}
}

// setGroups makes the multicast groups that the control socket is in those
// wanted. The caller holds the bond's lock.
func (s *slave) setGroups(want []nic.MAC) error {
	var errs []error
	for _, g := range want {
		if !slices.Contains(s.groups, g) {
			errs = append(errs, s.control.JoinGroup(g))
		}
	}
	for _, g := range s.groups {
		if !slices.Contains(want, g) {
			errs = append(errs, s.control.LeaveGroup(g))
		}
	}
	s.groups = want
	return errors.Join(errs...)
}
