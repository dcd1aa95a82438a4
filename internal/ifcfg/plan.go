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
	// Stuck: what a running bond can't be changed to was left as it is.
	Stuck bool
}

// Rules are how strict a plan is.
type Rules struct {
	// MissingNIC goes on without the slaves whose NIC isn't there.
	MissingNIC bool
	// Strict makes mistakes of warnings.
	Strict bool
	// Rebuild makes a running bond anew where it can't be changed to what the files
	// say, and takes from it what they don't have.
	Rebuild bool
}

// planner makes one plan.
type planner struct {
	set   *Set
	world *World
	rules Rules
	steps []Step
	taken map[string]*Slave // NICs, and who wants them
	stuck bool
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
	some := len(s.Bonds) > 0
	for _, now := range w.Bonds { // made by other means; the files have only slaves of it
		if slaves := s.slavesOf(now.Name); s.Bond(now.Name) == nil && len(slaves) > 0 {
			p.bondUp(&Bond{Name: now.Name}, slaves)
			some = true
		}
	}
	if !some && len(p.mistakes) == 0 {
		p.wrong(Pos{File: s.Dir}, "nothing here asks for a bond; %s would", s.makes)
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
		alone.Addrs, alone.Gateway, alone.Router, alone.DHCP, alone.DHCP6 = nil, Gateway{}, Gateway{}, false, false
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
	if p.rules.Strict {
		for _, n := range p.notes {
			if n.Level == Warning {
				p.wrong(n.Pos, "%s", n.Text)
			}
		}
	}
	if len(p.mistakes) > 0 {
		all := p.mistakes
		for _, n := range p.notes {
			if n.Level == Warning && !p.rules.Strict {
				all = append(all, n)
			}
		}
		return nil, Mistakes(sorted(all))
	}
	return &Plan{Steps: p.steps, Notes: sorted(p.notes), Stuck: p.stuck}, nil
}

func (p *planner) do(s Step) { p.steps = append(p.steps, s) }

// bondUp plans one bond.
func (p *planner) bondUp(b *Bond, slaves []*Slave) {
	now, dev := p.world.bond(b.Name), p.world.link(b.Name)
	if now == nil && dev != nil {
		p.wrong(Pos{File: b.File}, "%s is there already, and is no bond of tapbond's", b.Name)
		return
	}
	members := p.members(b, slaves)
	opts := p.named(b, members)
	if now != nil && p.anew(b, now, opts) {
		now, dev = nil, nil
		for i := range members { // as they are once it is gone
			members[i].nic = p.world.link(members[i].nic.Name)
		}
	}
	if dev == nil {
		dev = &Link{}
	}
	if now == nil {
		p.do(Step{Op: Create, Bond: b.Name, Options: assigns(opts.Create), At: b.optsAt})
		now = &BondNow{Name: b.Name}
	} else {
		was := *now
		now = &was
		p.change(now, opts)
		if p.rules.Rebuild {
			is := *dev
			dev = &is
			p.leftovers(b, now, dev, members)
		}
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
			p.do(Step{Op: SetDefault, Bond: b.Name, Gateway: g, At: g.Pos})
		}
	}
	if b.DHCP {
		p.dhcp(b.Name, b.dhcpAt, p.world.DHCP, false)
	}
	if b.DHCP6 {
		p.dhcp(b.Name, b.dhcp6At, p.world.DHCP6, true)
	}
}

// dhcp plans the start of a client that doesn't run yet.
func (p *planner) dhcp(bond string, at Pos, client *DHCP, v6 bool) {
	switch {
	case client == nil && v6:
		p.wrong(at, "DHCPv6: no client is installed (dhclient, dhcpcd or udhcpc6)")
	case client == nil:
		p.wrong(at, "BOOTPROTO=dhcp: no DHCP client is installed (dhclient, dhcpcd or udhcpc)")
	case p.world.bond(bond) == nil || !client.Runs(bond):
		p.do(Step{Op: StartDHCP, Bond: bond, Command: client.Start(bond), V6: v6, At: at})
	}
}
