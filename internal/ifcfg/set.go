package ifcfg

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/internal/modconf"
)

// Modules is what modprobe's configuration says about bonding; modconf.Config
// is one.
type Modules interface {
	// Aliases are the bonds by whose names the module is asked for.
	Aliases() []string
	// Options are the parameters for a bond.
	Options(bond string) []modconf.Option
}

// Set is a folder's files taken together.
type Set struct {
	Dir    string
	Bonds  []*Bond
	Slaves []*Slave

	global  *File   // /etc/sysconfig/network
	others  []*File // plain interfaces, which are not ours
	strays  []*File // that couldn't be read far enough to know
	modules Modules
	files   []*File
	lines   []*Line
	// In the files' own words: what keeps a bond from being brought up at boot, and
	// what makes one.
	notAtBoot, makes string
	remarks
}

// Read reads the files of a folder, dir being its name in messages. global is
// the text of /etc/sysconfig/network, where old machines have their GATEWAY.
// Mistakes in the files are kept for whoever wants the bond that they belong to;
// an error is a folder or a file that can't be read.
func Read(fsys fs.FS, dir string, global []byte, modules Modules) (*Set, error) {
	files, err := readDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	if len(global) > maxFile {
		global = nil
	}
	s := &Set{
		Dir: dir, modules: modules, global: parseFile(path.Join(path.Dir(dir), "network"), "network", global),
		notAtBoot: "ONBOOT=no", makes: "TYPE=Bond or BONDING_OPTS in ifcfg-bond0, or MASTER=bond0 and SLAVE=yes in ifcfg-eth0",
	}
	s.files = files
	byUUID(files)
	masters := map[string]bool{}
	for _, name := range modules.Aliases() {
		masters[name] = true
	}
	for _, f := range files {
		if m := f.master().Value; validName(m) && !isYes(m) && !isNo(m) {
			masters[m] = true
		}
	}
	var extra []*File
	for _, f := range files {
		name := f.device()
		switch {
		case strings.Contains(name, ":"):
			extra = append(extra, f)
		case f.isBond(masters):
			b := f.bond(name, s.moduleOpts(name))
			if f.yes("DEFROUTE", true) {
				b.globalGateway(s.global)
			}
			s.Bonds = append(s.Bonds, b)
		case f.isSlave():
			s.Slaves = append(s.Slaves, f.slave())
		case len(f.mistakes) > 0:
			s.strays = append(s.strays, f)
		default:
			s.others = append(s.others, f)
		}
	}
	for _, f := range extra {
		s.alias(f)
	}
	s.members()
	s.onlyModule(masters)
	s.routes(fsys)
	s.onTop()
	s.mtus()
	s.foreign()
	s.twice()
	return s, nil
}

func (s *Set) moduleOpts(bond string) []Opt { return ModuleOpts(s.modules, bond) }

// isBond: it says so, or others say so of it.
func (f *File) isBond(masters map[string]bool) bool {
	t := f.Get("TYPE").Value
	switch {
	case strings.EqualFold(t, "bond"), strings.EqualFold(t, "bonding"),
		isYes(f.Get("BONDING_MASTER").Value),
		isYes(f.Get("MASTER").Value),
		masters[f.device()]:
		return true
	case f.isSlave():
		return false
	}
	return f.Has("BONDING_OPTS") || f.Has("BONDING_MODULE_OPTS")
}

func (f *File) isSlave() bool {
	m := f.master().Value
	return m != "" && !isNo(m) && !isYes(m) || isYes(f.Get("SLAVE").Value)
}

// byUUID puts the bond's name where a slave names the connection, as
// NetworkManager writes it.
func byUUID(files []*File) {
	names := map[string]string{}
	for _, f := range files {
		if !f.Has("MASTER") || isYes(f.Get("MASTER").Value) {
			for _, key := range []string{"NAME", "UUID"} {
				if id := f.Get(key).Value; id != "" && id != f.device() {
					names[id] = f.device()
				}
			}
		}
	}
	devices := map[string]bool{}
	for _, f := range files {
		devices[f.device()] = true
	}
	for _, f := range files {
		m := f.Get("MASTER")
		if m.Value == "" {
			m = f.Get("MASTER_UUID")
		}
		if name := names[m.Value]; m.Value != "" && name != "" && !devices[m.Value] {
			m.Value = name
			f.by = m
		}
	}
}

// master is whose slave the file makes its interface, by name.
func (f *File) master() Setting {
	if f.by.Value != "" {
		return f.by
	}
	return f.Get("MASTER")
}

// alias gives a bond the further address of a file like ifcfg-bond0:1.
func (s *Set) alias(f *File) {
	parent, _, _ := strings.Cut(f.device(), ":")
	b := s.Bond(parent)
	if b == nil {
		s.others = append(s.others, f)
		return
	}
	addrs := f.addresses4()
	for i := range addrs {
		addrs[i].Label = f.device()
	}
	if len(f.device()) > 15 {
		f.wrong(f.deviceAt(), "DEVICE=%s: is no name for an interface", f.device())
	}
	f.keys(ofAlias)
	b.take(f.remarks)
	if f.yes("ONPARENT", true) {
		b.Addrs = append(b.Addrs, addrs...)
		return
	}
	b.note(Pos{File: f.Path}, "%s: not brought up: ONPARENT=no", f.device())
	for _, l := range f.lines {
		l.Fate = Noted
	}
}

// routes notes the files of routes and rules, which nobody reads here.
func (s *Set) routes(fsys fs.FS) {
	for _, b := range s.Bonds {
		for _, kind := range []string{"route-", "route6-", "rule-", "rule6-"} {
			if _, err := fs.Stat(fsys, kind+b.Name); err == nil {
				b.note(Pos{File: s.file(kind + b.Name)}, "is not acted on; `ip route` and `ip rule` set what it says")
			}
		}
	}
	for _, name := range append([]string{"routes"}, s.ifroutes()...) {
		if data, err := readFile(fsys, name); err == nil {
			s.suseRoutes(name, data)
		}
	}
}

// ifroutes are SUSE's files of one bond's routes.
func (s *Set) ifroutes() []string {
	var out []string
	for _, b := range s.Bonds {
		out = append(out, "ifroute-"+b.Name)
	}
	return out
}

// members are the slaves that a bond's own file names, in SUSE's way.
func (s *Set) members() {
	for _, b := range s.Bonds {
		for _, m := range b.members {
			i := slices.IndexFunc(s.Slaves, func(v *Slave) bool { return v.Device == m.Name })
			switch {
			case !validName(m.Name):
				b.wrong(m.Pos, "%q is no name for an interface", m.Name)
			case i < 0:
				v := &Slave{Bond: b.Name, Device: m.Name, OnBoot: true, at: m.Pos, bondAt: m.Pos}
				s.ownFile(v)
				s.Slaves = append(s.Slaves, v)
			case s.Slaves[i].Bond != b.Name:
				b.wrong(m.Pos, "%s is a slave of %s, says %s", m.Name, s.Slaves[i].Bond, s.Slaves[i].bondAt)
			}
		}
	}
}

// ownFile reads the file that a slave named by its bond has of its own.
func (s *Set) ownFile(v *Slave) {
	i := slices.IndexFunc(s.others, func(f *File) bool { return f.device() == v.Device })
	if i < 0 {
		return
	}
	f := s.others[i]
	s.others = slices.Delete(s.others, i, i+1)
	f.useless(v.Bond)
	v.mtu = f.Get("MTU")
	f.keys(ofSlave)
	v.remarks = f.remarks
}

// onlyModule makes bonds that have no file of their own, but slaves and a place
// in modprobe's configuration.
func (s *Set) onlyModule(masters map[string]bool) {
	for _, v := range s.Slaves {
		if !masters[v.Bond] || s.Bond(v.Bond) != nil {
			continue
		}
		opts := s.moduleOpts(v.Bond)
		if len(opts) == 0 && !slices.Contains(s.modules.Aliases(), v.Bond) {
			continue
		}
		b := &Bond{Name: v.Bond, OnBoot: true, optsAt: v.bondAt}
		b.Options = b.judge(v.Bond, opts)
		s.Bonds = append(s.Bonds, b)
	}
}

// twice finds two files for one device.
func (s *Set) twice() {
	first := map[string]Pos{}
	for _, b := range s.Bonds {
		if b.File == "" {
			continue
		}
		if at, again := first[b.Name]; again {
			s.wrong(Pos{File: b.File}, "%s has another file, %s", b.Name, at.File)
		}
		first[b.Name] = Pos{File: b.File}
	}
	for _, v := range s.Slaves {
		if v.Device == "" || v.File == "" {
			continue
		}
		if at, again := first[v.Device]; again {
			s.wrong(v.at, "%s has another file, %s", v.Device, at.File)
		}
		first[v.Device] = Pos{File: v.File}
	}
}

// Bond returns the bond of that name, nil if no file makes one.
func (s *Set) Bond(name string) *Bond {
	for _, b := range s.Bonds {
		if b.Name == name {
			return b
		}
	}
	return nil
}

// Slave returns the slave whose device or file has that name, nil if there is
// none.
func (s *Set) Slave(name string) *Slave {
	for _, v := range s.Slaves {
		if v.Device == name || v.File != "" && strings.HasSuffix(v.File, "/"+filePrefix+name) {
			return v
		}
	}
	return nil
}

// Stray reports whether there is a file for that name which couldn't be read far
// enough to know what it is.
func (s *Set) Stray(name string) bool {
	return slices.ContainsFunc(s.strays, func(f *File) bool { return f.device() == name || f.Name == name })
}

// Other returns the path of that interface's file which makes neither a bond nor
// a slave, "" if there is none.
func (s *Set) Other(name string) string {
	for _, f := range s.others {
		if f.device() == name || f.Name == name {
			return f.Path
		}
	}
	return ""
}

// slavesOf are a bond's, in the order of their files.
func (s *Set) slavesOf(bond string) []*Slave {
	var out []*Slave
	for _, v := range s.Slaves {
		if v.Bond == bond {
			out = append(out, v)
		}
	}
	return out
}
