package ifcfg

import (
	"net/netip"
	"slices"

	"github.com/tapbond/tapbond/bond/option"
)

// adjust plans what of a running bond's options has to change. What can't be changed
// now is returned, and what a mode that can't be had would need is left out.
func (p *planner) adjust(now *BondNow, opts Options) (change, stuck []Opt, down bool) {
	mode := now.Settings["mode"]
	otherMode := false
	for _, o := range opts.Create {
		if is := now.Settings[o.Name]; is == o.Value || is == o.Shown && is != "" {
			continue
		}
		d := option.ByName(o.Name)
		switch {
		case d.When&option.Empty != 0 && len(now.Slaves) > 0,
			d.When&option.Down != 0 && now.Up && len(now.Slaves) > 0:
			stuck = append(stuck, o)
			otherMode = otherMode || d.ID == option.Mode
		case otherMode && !inMode(d, mode):
		default:
			down = down || d.When&option.Down != 0 && now.Up
			change = append(change, o)
		}
	}
	return change, stuck, down
}

func inMode(d *option.Option, mode string) bool {
	n, ok := option.Get(option.Mode).Parse(mode)
	return ok && d.Modes.Has(n)
}

// change plans a running bond's new options, and says which it can't have now.
func (p *planner) change(now *BondNow, opts Options) {
	change, stuck, down := p.adjust(now, opts)
	for _, o := range stuck {
		why := "has slaves"
		if option.ByName(o.Name).When&option.Empty == 0 {
			why = "is up"
		}
		p.stuck = true
		p.warn(o.Pos, "%s is %s and can't become %s while %s %s; `tapbond reload` makes the bond anew", o.Name, now.Settings[o.Name], o.Value, now.Name, why)
	}
	if down { // it has no slaves: nobody misses it
		p.do(Step{Op: LinkDown, Link: now.Name})
		now.Up = false
	}
	if len(change) > 0 {
		p.do(Step{Op: SetOptions, Bond: now.Name, Options: assigns(change), At: change[0].Pos})
	}
}

// anew plans to remove a running bond if the files want what only a new one can
// have, or what is left over from other files has to go. From then on the world is
// one without it.
func (p *planner) anew(b *Bond, now *BondNow, opts Options) bool {
	if _, stuck, _ := p.adjust(now, opts); !p.rules.Rebuild || len(stuck) == 0 {
		return false
	}
	p.remove(b.Name)
	return true
}

// remove plans the end of a bond.
func (p *planner) remove(name string) {
	for i, client := range []*DHCP{p.world.DHCP, p.world.DHCP6} {
		if client != nil && client.Runs(name) {
			p.do(Step{Op: StopDHCP, Bond: name, Command: client.Stop(name), V6: i == 1})
		}
	}
	p.do(Step{Op: Delete, Bond: name})
	p.world = p.world.without(name)
}

// leftovers plans to let go what a running bond has and the files don't: slaves, and
// addresses that somebody gave it for good.
func (p *planner) leftovers(b *Bond, now *BondNow, dev *Link, members []member) {
	for _, s := range now.Slaves {
		if !has(members, s.Name) {
			p.do(Step{Op: Release, Bond: b.Name, Link: s.Name})
		}
	}
	var gone []netip.Prefix
	for _, a := range dev.Addrs {
		wanted := slices.ContainsFunc(b.Addrs, func(w Address) bool { return w.Prefix == a })
		if wanted || slices.Contains(dev.Passing, a) || b.DHCP && a.Addr().Is4() || b.DHCP6 && a.Addr().Is6() {
			continue
		}
		gone = append(gone, a)
		p.do(Step{Op: DropAddress, Link: b.Name, Address: Address{Prefix: a}})
	}
	if gone == nil {
		return
	}
	// With an address the kernel takes others of its network, and routes.
	dev.Addrs = slices.DeleteFunc(slices.Clone(dev.Addrs), func(a netip.Prefix) bool {
		return slices.ContainsFunc(gone, func(g netip.Prefix) bool { return g.Masked() == a.Masked() })
	})
	w := *p.world
	w.Defaults = slices.DeleteFunc(slices.Clone(w.Defaults), func(r Route) bool { return r.Dev == b.Name })
	p.world = &w
}

// without is the world once a bond is removed: its slaves are free and down.
func (w *World) without(bond string) *World {
	out := *w
	now := w.bond(bond)
	out.Bonds = slices.DeleteFunc(slices.Clone(w.Bonds), func(b BondNow) bool { return b.Name == bond })
	out.Links = slices.DeleteFunc(slices.Clone(w.Links), func(l Link) bool { return l.Name == bond })
	out.Defaults = slices.DeleteFunc(slices.Clone(w.Defaults), func(r Route) bool { return r.Dev == bond })
	for i := range out.Links {
		l := &out.Links[i]
		if s := now.slave(l.Name); s != nil {
			l.Up, l.Addrs = false, []netip.Prefix(nil)
			if s.Perm != nil {
				l.MAC = s.Perm
			}
		}
	}
	return &out
}
