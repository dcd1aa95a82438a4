package bond

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapbond/tapbond/bond/option"
	"github.com/tapbond/tapbond/internal/nic"
	"github.com/tapbond/tapbond/internal/probe"
	"github.com/tapbond/tapbond/monitor"
	"github.com/tapbond/tapbond/policy"
)

// probing is the ARP and ND monitor of a bond at work. The control goroutine
// owns it.
type probing struct {
	prober    *monitor.Prober
	cfg       monitor.ProbeConfig
	paths     []probe.Path
	known     bool // paths and own addresses have been looked up
	candidate int  // the slave being tried, 0 for none
	sample    time.Time
	filter    nic.Filter            // of the slaves' control sockets
	said      map[netip.Addr]string // what was last complained of, by target
}

// wantsProbing: the ARP monitor is on and has somebody to ask. Without a target
// the links follow their carriers; the driver would take them down.
func (b *Bond) wantsProbing() bool {
	return b.vals.ArpInterval > 0 && b.vals.ArpIPTarget.Len()+b.vals.NSIP6Target.Len() > 0
}

// configureMonitors puts the monitors in force that the options ask for.
// restart: one of the intervals was set, be it to what it was.
func (b *Bond) configureMonitors(restart bool) {
	switch want := b.wantsProbing(); {
	case want && b.probing == nil:
		b.startProbing()
	case want:
		b.configureProber(restart)
	case b.probing != nil:
		b.stopProbing()
	default:
		b.configureMII()
	}
}

// startProbing hands the slaves over from the MII monitor, with the links they
// have. The first probes go out when the ways to the targets are known.
func (b *Bond) startProbing() {
	p := &probing{said: map[netip.Addr]string{}}
	p.prober = monitor.NewProber(monitor.ProbeConfig{})
	b.probing = p
	b.mii = monitor.NewMII(b.miiConfig())
	b.configureProber(true)
	for _, s := range b.members() {
		b.settleLink(s)
		b.stepProber(monitor.Added{ID: s.id, Carrier: s.carrier})
		p.prober.Assume(s.id, s.link)
	}
	b.tellProber()
}

// stopProbing hands the slaves over to the MII monitor.
func (b *Bond) stopProbing() {
	b.probing = nil
	b.probed.Store(nil)
	b.mii = monitor.NewMII(b.miiConfig())
	for _, s := range b.members() {
		b.settleLink(s)
		b.effects = b.mii.Step(b.now(), monitor.Added{ID: s.id, Carrier: s.carrier}, b.miiContext(), b.effects[:0])
		b.mii.Assume(s.id, s.link)
		b.listen(s)
	}
	b.stepMII(monitor.Tick{})
	b.dirty = true
}

// settleLink: what one monitor was waiting for says nothing to the other.
func (b *Bond) settleLink(s *slave) {
	if s.link == monitor.LinkBack || s.link == monitor.LinkFail && s.carrier {
		s.link, s.since, s.why = monitor.LinkDown, b.now(), "not seen by the new monitor yet"
		b.dirty = true
	}
}

// listen has the slave's control socket hear what the monitor needs.
func (b *Bond) listen(s *slave) {
	var f nic.Filter
	if b.probing != nil {
		f = b.probing.filter
	}
	if err := s.control.SetFilter(f); err != nil {
		b.warn(s, "probe", "answers can't be heard: "+err.Error())
	}
}

// configureProber gives the prober the options and what is known of the ways.
func (b *Bond) configureProber(restart bool) {
	p := b.probing
	v := &b.vals
	p.cfg = monitor.ProbeConfig{
		Interval: ms(uint64(v.ArpInterval)), MissedMax: int(v.ArpMissedMax),
		Validate: validateBits(v.ArpValidate), AllTargets: v.ArpAllTargets != 0,
		ActiveBackup: policy.Mode(v.Mode) == policy.ActiveBackup,
		Own:          p.cfg.Own, Mute: true,
	}
	for _, t := range b.probeTargets() {
		p.cfg.Targets = append(p.cfg.Targets, t.Addr)
	}
	for i := range p.paths {
		p.cfg.Mute = p.cfg.Mute && p.paths[i].Elsewhere != ""
	}
	f := nic.Filter{Neighbours: true, Of: p.cfg.Targets}
	if p.cfg.Validate&monitor.ValidateFilter != 0 {
		f.Of = nil // what others ask each other counts
	}
	if !p.filter.Neighbours || (f.Of == nil) != (p.filter.Of == nil) || !slices.Equal(f.Of, p.filter.Of) {
		p.filter = f
		for _, s := range b.members() {
			b.listen(s)
		}
	}
	cfg := p.cfg
	b.probed.Store(&cfg)
	b.stepProber(monitor.ProbeConfigure{Config: cfg, Restart: restart})
}

// validateBits: the numbers up to 3 are the bits; filter alone is 4, and from
// there on too.
func validateBits(n uint32) monitor.Validate { return monitor.Validate(n & 7) }

func (b *Bond) probeTargets() []probe.Target {
	var out []probe.Target
	for _, list := range []*option.Targets{&b.vals.ArpIPTarget, &b.vals.NSIP6Target} {
		for _, t := range list.List() {
			out = append(out, probe.Target{Addr: t.Addr, VLANs: t.VLANs[:t.VLANs.Len()]})
		}
	}
	return out
}

// findPaths looks up the ways to the targets and has the prober know them. It
// asks the kernel, so it runs beside the control goroutine, for who holds the
// bond's lock.
func (b *Bond) findPaths() {
	var targets []probe.Target
	_ = b.call(func() {
		if b.probing != nil {
			targets = b.probeTargets()
		}
	})
	if targets == nil {
		b.joinGroups() // none
		return
	}
	paths, own, err := probe.Paths(b.sys, b.index, targets)
	if errors.Is(err, unix.ENODEV) {
		return // the TAP is gone, and soon the bond
	}
	if err != nil {
		b.box.post(func() { b.warn(nil, "probe", "ways to the targets: "+err.Error()) })
		return
	}
	_ = b.call(func() {
		p := b.probing
		p.paths, p.cfg.Own = paths, own
		for _, w := range paths {
			if !w.NoRoute && w.Elsewhere == "" {
				delete(p.said, w.Target)
			}
		}
		b.configureProber(false)
		if !p.known {
			p.known = true
			b.openProber()
		}
	})
	b.joinGroups()
}

// openProber lets the prober begin: the bond is up and the ways are known.
func (b *Bond) openProber() {
	if b.up && b.probing.known {
		b.probing.sample = b.now()
		b.stepProber(monitor.Opened{})
	}
}

// tellProber tells who is active.
func (b *Bond) tellProber() {
	if b.probing == nil {
		return
	}
	id := 0
	if b.active != nil {
		id = b.active.id
	}
	b.stepProber(monitor.Active{ID: id})
	b.refresh() // group memberships go with the role
}

// trying: nothing is active and s is asked on whether it can be.
func (b *Bond) trying(s *slave) bool { return b.probing != nil && b.probing.candidate == s.id }

// joinGroups has the backups hear the active slave's solicitations while
// anything is validated, as the driver does. The kernel takes its lock for it,
// so this runs beside the control goroutine, for who holds the bond's lock.
func (b *Bond) joinGroups() {
	want := map[*slave][]nic.MAC{}
	var slaves []*slave
	_ = b.call(func() {
		slaves = b.members()
		if b.probing == nil || b.probing.cfg.Validate == 0 || !b.probing.cfg.ActiveBackup {
			return
		}
		for _, s := range slaves {
			if s == b.active {
				continue
			}
			for _, t := range b.vals.NSIP6Target.List() {
				want[s] = append(want[s], probe.Group(t.Addr))
			}
		}
	})
	for _, s := range slaves {
		if err := s.setGroups(want[s]); err != nil {
			b.box.post(func() { b.warn(s, "probe", "solicitations can't be heard: "+err.Error()) })
		}
	}
}
