package ifcfg

import (
	"fmt"
	"slices"
)

// member is a slave with the NIC that it means.
type member struct {
	*Slave
	nic *Link
}

// members finds the slaves' NICs. Those that can't be had are left out, or are
// mistakes.
func (p *planner) members(b *Bond, slaves []*Slave) []member {
	var out []member
	for _, v := range p.expanded(b.Name, slaves) {
		nic := p.nic(v)
		if nic == nil {
			continue
		}
		if who := p.taken[nic.Name]; who != nil { // of two files that name it the same it is said already
			if who.Bond != v.Bond || who.Device != v.Device {
				p.wrong(v.at, "%s is wanted by %s too", nic.Name, who.at)
			}
			continue
		}
		p.taken[nic.Name] = v
		p.free(b.Name, v, nic)
		out = append(out, member{v, nic})
	}
	if len(out) == 0 && b.File != "" && p.world.bond(b.Name) == nil {
		p.note(Pos{File: b.File}, "%s has no slaves", b.Name)
	}
	return out
}

// expanded puts the NICs that a pattern means in its place: those that nothing else
// names.
func (p *planner) expanded(bond string, slaves []*Slave) []*Slave {
	named := map[string]bool{}
	for _, v := range p.set.Slaves {
		named[v.Device] = true
	}
	var out []*Slave
	for _, v := range slaves {
		if v.Match == nil {
			out = append(out, v)
			continue
		}
		before := len(out)
		for i := range p.world.Links {
			l := &p.world.Links[i]
			if l.Loopback || stacked[l.Kind] || named[l.Name] || l.Name == bond || !v.Match(l.Name) {
				continue
			}
			named[l.Name] = true
			one := *v
			one.Device, one.Match = l.Name, nil
			out = append(out, &one)
		}
		if len(out) == before {
			p.warn(v.at, "%s: no interface has such a name", v.Pattern)
		}
	}
	return out
}

// nic finds the NIC that a slave's file means: by its own address, else by name.
func (p *planner) nic(v *Slave) *Link {
	if v.HWAddr == nil {
		l := p.world.link(v.Device)
		if l == nil && v.Device != "" {
			p.missing(v.at, "there is no interface %s", v.Device)
		}
		return l
	}
	found := p.world.byAddress(v.HWAddr)
	if i := slices.IndexFunc(found, func(l *Link) bool { return l.Name == v.Device }); i >= 0 {
		return found[i]
	}
	switch len(found) {
	case 1:
		if v.Device != "" {
			p.note(v.hwAt, "the NIC with this address is called %s here, not %s", found[0].Name, v.Device)
		}
		return found[0]
	case 0:
		has := ""
		if l := p.world.link(v.Device); l != nil {
			has = fmt.Sprintf("; %s has %s", l.Name, p.world.own(l))
		}
		p.missing(v.hwAt, "HWADDR=%s: no NIC has this address%s", v.HWAddr, has)
	default:
		p.wrong(v.hwAt, "HWADDR=%s: several NICs have this address; DEVICE must tell which", v.HWAddr)
	}
	return nil
}

func (p *planner) missing(at Pos, format string, args ...any) {
	if p.rules.MissingNIC {
		p.note(at, format+"; going on without", args...)
		return
	}
	p.wrong(at, format, args...)
}

// free reports what keeps a NIC from becoming a slave.
func (p *planner) free(bond string, v *Slave, nic *Link) {
	switch has := p.world.bondOf(nic.Name); {
	case has != nil && has.Name != bond:
		p.wrong(v.at, "%s is a slave of %s; `ifdown %[1]s` lets it go", nic.Name, has.Name)
	case has != nil:
	case nic.Loopback:
		p.wrong(v.at, "%s can't be a slave", nic.Name)
	case nic.Master != "":
		p.wrong(v.at, "%s belongs to %s already", nic.Name, nic.Master)
	}
}

// clashes takes addresses from a NIC that are in a network of the bond's: the
// host would go on sending there by the NIC, past the bond.
func (p *planner) clashes(b *Bond, m member) {
	for _, has := range m.nic.Addrs {
		if !slices.ContainsFunc(b.Addrs, func(a Address) bool { return a.Prefix.Overlaps(has) }) {
			p.note(m.at, "%s has the address %s, which is of no use on a slave", m.nic.Name, has)
			continue
		}
		p.note(m.at, "%s has the address %s, in a network of %s: taken away", m.nic.Name, has, b.Name)
		p.do(Step{Op: DropAddress, Link: m.nic.Name, Address: Address{Prefix: has}})
	}
}

// named puts the NICs' present names where options have those of the files, and
// looks at names that mean no slave.
func (p *planner) named(b *Bond, members []member) Options {
	o := b.Options
	name := func(n string) string {
		for _, m := range members {
			if m.Device == n {
				return m.nic.Name
			}
		}
		if l := p.world.link(n); l != nil {
			return l.Name
		}
		return n
	}
	isSlave := func(n string) bool { return has(members, n) || p.world.bond(b.Name).slave(n) != nil }
	o.Create = slices.Clone(o.Create)
	for i := range o.Create {
		c := &o.Create[i]
		if c.Name == "primary" && c.Value != "" {
			if c.Value = name(c.Value); !isSlave(c.Value) {
				p.note(c.Pos, "primary=%s: is no slave of %s", c.Value, b.Name)
			}
		}
	}
	if o.Active.Name != "" {
		if o.Active.Value = name(o.Active.Value); !isSlave(o.Active.Value) {
			p.wrong(o.Active.Pos, "active_slave=%s: is no slave of %s", o.Active.Value, b.Name)
		}
	}
	o.Queues = slices.Clone(o.Queues)
	for i := range o.Queues {
		q := &o.Queues[i]
		q.Slave = name(q.Slave)
	}
	return o
}

func has(members []member, nic string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.nic.Name == nic })
}
