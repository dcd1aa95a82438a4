package ifcfg

// Other kinds of files make a Set with these; the planning is the same.

// NewSet returns a set of bonds and slaves that were read elsewhere. path names
// their files in messages; notAtBoot is what keeps a bond from being brought up at
// boot, makes what makes one.
func NewSet(path, notAtBoot, makes string, bonds []*Bond, slaves []*Slave) *Set {
	s := &Set{Dir: path, Bonds: bonds, Slaves: slaves, notAtBoot: notAtBoot, makes: makes}
	s.twice()
	return s
}

// NewBond returns a bond of which only the name is known, and where it stands.
func NewBond(name string, at Pos) *Bond {
	b := &Bond{Name: name, File: at.File, optsAt: at}
	if !validName(name) {
		b.wrong(at, "%q is no name for an interface", name)
	}
	return b
}

// Judge sets the bond's options by what was asked for, and finds what is wrong
// in it. Of an option that stands there twice the later one counts.
func (b *Bond) Judge(opts []Opt) { b.Options = b.judge(b.Name, opts) }

// SetDHCP says that the bond gets its address by DHCP, and where that is asked.
func (b *Bond) SetDHCP(at Pos) { b.DHCP, b.dhcpAt = true, at }

// Wrong adds a mistake: the bond can't be brought up.
func (b *Bond) Wrong(at Pos, text string) { b.wrong(at, "%s", text) }

// Note adds a remark that keeps nothing from being done.
func (b *Bond) Note(at Pos, text string) { b.note(at, "%s", text) }

// Warn adds a remark about something that was asked for and can't be had; with
// strict rules it is a mistake.
func (b *Bond) Warn(at Pos, text string) { b.warn(at, "%s", text) }

// Minor adds a remark on a line without effect that nobody misses.
func (b *Bond) Minor(at Pos, text string) { b.say(Minor, at, "%s", text) }

// SetDHCP6 says that the bond asks for an IPv6 address by DHCP.
func (b *Bond) SetDHCP6(at Pos) { b.DHCP6, b.dhcp6At = true, at }

// Wrong adds a mistake that stands in the way of every bond.
func (s *Set) Wrong(at Pos, text string) { s.wrong(at, "%s", text) }

// Warn adds a warning that is about no bond alone.
func (s *Set) Warn(at Pos, text string) { s.warn(at, "%s", text) }

// Note adds a note that is about no bond alone.
func (s *Set) Note(at Pos, text string) { s.note(at, "%s", text) }

// AddLines adds lines that were read elsewhere.
func (s *Set) AddLines(lines []*Line) { s.lines = append(s.lines, lines...) }

// NewSlaves returns slaves that are found by a pattern of names.
func NewSlaves(bond, pattern string, match func(string) bool, at Pos) *Slave {
	return &Slave{Bond: bond, Pattern: pattern, Match: match, OnBoot: true, at: at, bondAt: at}
}

// NewSlave returns a slave by its name.
func NewSlave(bond, device string, at Pos) *Slave {
	s := &Slave{Bond: bond, Device: device, OnBoot: true, at: at, bondAt: at}
	if !validName(device) {
		s.wrong(at, "%q is no name for an interface", device)
	}
	return s
}

// ModuleOpts are the options that modprobe's configuration has for a bond.
func ModuleOpts(m Modules, bond string) []Opt {
	var out []Opt
	for _, o := range m.Options(bond) {
		out = append(out, Opt{Name: o.Name, Value: o.Value, Module: true, Pos: Pos{File: o.File, Line: o.Line}})
	}
	return out
}
