package ifcfg

import (
	"net"
	"strings"
)

// Slave is what the files say about one slave.
type Slave struct {
	Bond string
	// Device is its name, empty where HWAddr or Match tells which NIC it is.
	Device string
	// Match finds several NICs by their names, Pattern is how it was written.
	Match   func(name string) bool
	Pattern string
	HWAddr  net.HardwareAddr // nil where the name decides
	File    string
	OnBoot  bool

	mtu    Setting
	at     Pos // of the name
	hwAt   Pos
	bondAt Pos
	remarks
}

// slave reads a file as a slave's.
func (f *File) slave() *Slave {
	master := f.master()
	s := &Slave{
		Bond: master.Value, Device: f.device(), HWAddr: f.mac("HWADDR"), File: f.Path, OnBoot: f.onBoot(),
		mtu: f.Get("MTU"), at: f.deviceAt(), hwAt: f.Get("HWADDR").Pos, bondAt: master.Pos,
	}
	if !f.Has("DEVICE") && s.HWAddr != nil {
		s.Device = "" // the file may be called anything
	}
	switch said := f.Get("SLAVE"); {
	case master.Value == "":
		f.wrong(said.Pos, "SLAVE=%s: MASTER=… is missing: the name of the bond", said.Value)
	case !validName(master.Value):
		f.wrong(master.Pos, "MASTER=%s: is no name for a bond", master.Value)
	case said.Value == "":
		f.note(master.Pos, "SLAVE=yes is missing: taken for a slave of %s all the same", master.Value)
	case !f.yes("SLAVE", true):
		f.wrong(said.Pos, "SLAVE=%s contradicts MASTER=%s", said.Value, master.Value)
	}
	if s.Device != "" && !validName(s.Device) {
		f.wrong(s.at, "DEVICE=%s: is no name for an interface", s.Device)
	}
	f.useless(s.Bond)
	f.keys(ofSlave)
	s.remarks = f.remarks
	return s
}

// useless notes what a slave can't have: it is the bond's.
func (f *File) useless(bond string) {
	for _, set := range f.last() {
		switch family(set.Key) {
		case "IPADDR", "IPV6ADDR", "IPV6ADDR_SECONDARIES", "GATEWAY", "IPV6_DEFAULTGW", "NETMASK", "PREFIX", "PREFIXLEN", "BROADCAST", "NETWORK":
			if set.Value != "" {
				f.say(levelOf(set.Key), set.Pos, "%s: without effect on a slave; %s has the addresses", set.Key, bond)
			}
		case "BOOTPROTO":
			if v := strings.ToLower(set.Value); v != "" && v != "none" && v != "static" {
				f.note(set.Pos, "BOOTPROTO=%s: without effect on a slave; %s has the addresses", set.Value, bond)
			}
		case "MTU": // said once the bond's is known
		case "MACADDR", "LLADDR":
			f.note(set.Pos, "%s: without effect on a slave, whose address is the matter of %s", set.Key, bond)
		case "BONDING_OPTS", "BONDING_MODULE_OPTS":
			f.warn(set.Pos, "%s: without effect in a slave's file", set.Key)
		}
	}
}

// levelOf: an address was meant for something; what goes with it was not.
func levelOf(key string) Level {
	switch family(key) {
	case "NETMASK", "PREFIX", "PREFIXLEN", "BROADCAST", "NETWORK":
		return Minor
	}
	return Note
}

// mtus notes slaves' MTUs that are not their bond's.
func (s *Set) mtus() {
	for _, v := range s.Slaves {
		if b := s.Bond(v.Bond); v.mtu.Value != "" && (b == nil || b.MTU != atoi(v.mtu.Value)) {
			v.note(v.mtu.Pos, "MTU: without effect on a slave, which gets that of %s", v.Bond)
			s.mark(v.mtu.Pos, Noted)
		} else if v.mtu.Value != "" {
			s.mark(v.mtu.Pos, Implied)
		}
	}
}

func (s *Set) mark(at Pos, fate Fate) {
	for _, f := range s.files {
		for _, l := range f.lines {
			if l.Pos == at {
				l.Fate = fate
			}
		}
	}
}
