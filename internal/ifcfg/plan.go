package ifcfg

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// Plan is what is to be done, in this order, and what is to be said.
type Plan struct {
	Steps []Step
	Notes []Remark
}

// Rules are how strict a plan is.
type Rules struct {
	// MissingNIC goes on without the slaves whose NIC isn't there.
	MissingNIC bool
}

// planner makes one plan.
type planner struct {
	set   *Set
	world *World
	rules Rules
	steps []Step
	taken map[string]*Slave // NICs, and who wants them
	remarks
}

func (s *Set) planner(w *World, r Rules) *planner {
	return &planner{set: s, world: w, rules: r, taken: map[string]*Slave{}}
}

// Up plans to bring up the named bonds, with their slaves: what is there is
// kept, what is missing is added. The error is Mistakes: all of them in the
// bonds' files and those of their slaves.
func (s *Set) Up(names []string, w *World, r Rules) (*Plan, error) {
	p := s.planner(w, r)
	for _, name := range names {
		p.take(s.about(name))
		if b := s.Bond(name); b != nil {
			p.bondUp(b, s.slavesOf(name))
		}
	}
	return p.result()
}

// UpAll plans to bring up every bond with ONBOOT=yes. A mistake in any file that
// has to do with bonds is one.
func (s *Set) UpAll(w *World, r Rules) (*Plan, error) {
	p := s.planner(w, r)
	p.take(s.remarks)
	for _, f := range s.strays {
		if f.mentions("MASTER") || f.mentions("BOND") || f.mentions("SLAVE") {
			p.take(f.remarks)
		}
	}
	for _, v := range s.Slaves {
		p.take(v.remarks)
		if s.Bond(v.Bond) == nil && v.Bond != "" && w.bond(v.Bond) == nil {
			p.wrong(v.bondAt, "MASTER=%s: there is no %s", v.Bond, s.path(v.Bond))
		}
	}
	for _, b := range s.Bonds {
		p.take(b.remarks)
		if !b.OnBoot {
			p.note(Pos{File: b.File}, "%s: not brought up: %s", b.Name, s.notAtBoot)
			continue
		}
		p.bondUp(b, s.slavesOf(b.Name))
	}
	if len(s.Bonds) == 0 && len(p.mistakes) == 0 {
		p.wrong(Pos{File: s.Dir}, "makes no bond (%s)", s.makes)
	}
	return p.result()
}

// UpSlave plans to make one slave a slave, and its bond if there is none, alone.
func (s *Set) UpSlave(name string, w *World, r Rules) (*Plan, error) {
	p := s.planner(w, r)
	v := s.Slave(name)
	p.take(v.remarks)
	b := s.Bond(v.Bond)
	switch {
	case v.Bond == "":
	case b != nil:
		p.take(b.remarks)
		alone := *b // its addresses come with `ifup` of the bond itself
		alone.Addrs, alone.Gateway, alone.Router, alone.DHCP = nil, Gateway{}, Gateway{}, false
		if now := w.bond(b.Name); now != nil { // it is as it is
			alone = Bond{Name: b.Name, Options: Options{Queues: b.Options.Queues}}
		}
		p.bondUp(&alone, []*Slave{v})
	case w.bond(v.Bond) != nil:
		p.bondUp(&Bond{Name: v.Bond}, []*Slave{v})
	default:
		p.wrong(v.bondAt, "MASTER=%s: there is no such bond, and no %s", v.Bond, s.path(v.Bond))
	}
	return p.result()
}

// Down plans to remove a bond that is there.
func (s *Set) Down(name string, w *World) *Plan {
	var p Plan
	if w.bond(name) == nil {
		return &p
	}
	if w.DHCP != nil && w.DHCP.Runs(name) {
		p.Steps = append(p.Steps, Step{Op: StopDHCP, Bond: name, Command: w.DHCP.Stop(name)})
	}
	p.Steps = append(p.Steps, Step{Op: Delete, Bond: name})
	return &p
}

// DownSlave plans to let one slave go.
func (s *Set) DownSlave(name string, w *World) *Plan {
	var p Plan
	nic := name
	if v := s.Slave(name); v != nil {
		quiet := s.planner(w, Rules{})
		if l := quiet.nic(v); l != nil {
			nic = l.Name
		}
	}
	if b := w.bondOf(nic); b != nil {
		p.Steps = append(p.Steps, Step{Op: Release, Bond: b.Name, Link: nic})
	}
	return &p
}

// about is what was found in the files of a bond and its slaves, and in files
// that may be one of them.
func (s *Set) about(bond string) remarks {
	var r remarks
	r.take(s.remarks)
	if b := s.Bond(bond); b != nil {
		r.take(b.remarks)
	}
	for _, v := range s.slavesOf(bond) {
		r.take(v.remarks)
	}
	for _, f := range s.strays {
		if f.Name == bond || f.mentions(bond) {
			r.take(f.remarks)
		}
	}
	return r
}

func (s *Set) path(bond string) string { return s.file(filePrefix + bond) }

func (s *Set) file(name string) string { return strings.TrimSuffix(s.Dir, "/") + "/" + name }

func (p *planner) result() (*Plan, error) {
	if len(p.mistakes) > 0 {
		return nil, Mistakes(sorted(p.mistakes))
	}
	return &Plan{Steps: p.steps, Notes: sorted(p.notes)}, nil
}

func (p *planner) do(s Step) { p.steps = append(p.steps, s) }

// bondUp plans one bond.
func (p *planner) bondUp(b *Bond, slaves []*Slave) {
	now, dev := p.world.bond(b.Name), p.world.link(b.Name)
	if now == nil && dev != nil {
		p.wrong(Pos{File: b.File}, "%s is there already, and is no bond of tapbond's", b.Name)
		return
	}
	if dev == nil {
		dev = &Link{}
	}
	members := p.members(b, slaves)
	opts := p.named(b, members)
	if now == nil {
		p.do(Step{Op: Create, Bond: b.Name, Options: assigns(opts.Create), At: b.optsAt})
		now = &BondNow{Name: b.Name}
	} else {
		was := *now
		now = &was
		p.adjust(now, opts)
	}
	if b.MAC != nil && !bytes.Equal(b.MAC, dev.MAC) {
		p.do(Step{Op: SetMAC, Link: b.Name, MAC: b.MAC})
	}
	if b.MTU != 0 && b.MTU != dev.MTU {
		p.do(Step{Op: SetMTU, Link: b.Name, MTU: b.MTU})
	}
	for _, m := range members {
		if now.slave(m.nic.Name) != nil {
			continue
		}
		if m.nic.Up { // before its addresses go: undone, its routes need them
			p.do(Step{Op: LinkDown, Link: m.nic.Name})
		}
		p.clashes(b, m)
		p.do(Step{Op: Enslave, Bond: b.Name, Link: m.nic.Name, At: m.at})
	}
	p.queues(now, opts, members)
	if !now.Up {
		p.do(Step{Op: LinkUp, Link: b.Name})
	}
	if a := opts.Active; a.Name != "" && a.Value != now.Active {
		p.do(Step{Op: SetActive, Bond: b.Name, Link: a.Value, At: a.Pos})
	}
	p.addresses(b, dev)
}

// adjust plans what of a bond's options has to change. What can't be changed
// now is a mistake: nothing is half done.
func (p *planner) adjust(now *BondNow, opts Options) {
	var change []Opt
	down := false
	for _, o := range opts.Create {
		if is := now.Settings[o.Name]; is == o.Value || is == o.Shown && is != "" {
			continue
		}
		d := option.ByName(o.Name)
		switch {
		case d.When&option.Empty != 0 && len(now.Slaves) > 0:
			p.wrong(o.Pos, "%s is %s and can't become %s while %s has slaves: `ifdown %[4]s` first", o.Name, now.Settings[o.Name], o.Value, now.Name)
		case d.When&option.Down != 0 && now.Up && len(now.Slaves) > 0:
			p.wrong(o.Pos, "%s is %s and can't become %s while %s is up: `ifdown %[4]s` first", o.Name, now.Settings[o.Name], o.Value, now.Name)
		default:
			down = down || d.When&option.Down != 0 && now.Up
			change = append(change, o)
		}
	}
	if down { // it has no slaves: nobody misses it
		p.do(Step{Op: LinkDown, Link: now.Name})
		now.Up = false
	}
	if len(change) > 0 {
		p.do(Step{Op: SetOptions, Bond: now.Name, Options: assigns(change), At: change[0].Pos})
	}
}

func assigns(opts []Opt) []option.Assign {
	var out []option.Assign
	for _, o := range opts {
		out = append(out, option.Assign{Option: o.Name, Value: o.Value})
	}
	return out
}

func (p *planner) queues(now *BondNow, opts Options, members []member) {
	for _, q := range opts.Queues {
		s := now.slave(q.Slave)
		switch {
		case s == nil && !has(members, q.Slave):
			p.note(q.Pos, "queue_id=%s:%d: is no slave of %s", q.Slave, q.ID, now.Name)
		case s == nil && q.ID != 0, s != nil && s.QueueID != q.ID:
			p.do(Step{Op: SetQueue, Bond: now.Name, Link: q.Slave, QueueID: q.ID, At: q.Pos})
		}
	}
}

// addresses plans what makes the bond part of a network.
func (p *planner) addresses(b *Bond, dev *Link) {
	for _, a := range b.Addrs {
		if !slices.Contains(dev.Addrs, a.Prefix) {
			p.do(Step{Op: AddAddress, Bond: b.Name, Address: a, At: a.Pos})
		}
	}
	for _, g := range []Gateway{b.Gateway, b.Router} {
		if g.Addr.IsValid() && !slices.Contains(p.world.Defaults, Route{g.Addr, b.Name}) {
			p.do(Step{Op: SetDefault, Bond: b.Name, Gateway: g.Addr, At: g.Pos})
		}
	}
	if !b.DHCP {
		return
	}
	switch client := p.world.DHCP; {
	case client == nil:
		p.wrong(b.dhcpAt, "BOOTPROTO=dhcp: no DHCP client is installed (dhclient, dhcpcd or udhcpc)")
	case p.world.bond(b.Name) == nil || !client.Runs(b.Name):
		p.do(Step{Op: StartDHCP, Bond: b.Name, Command: client.Start(b.Name), At: b.dhcpAt})
	}
}
