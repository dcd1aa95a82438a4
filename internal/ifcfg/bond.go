package ifcfg

import (
	"net"
	"net/netip"
	"strings"
)

// Bond is what the files say about one bond.
type Bond struct {
	Name string
	// File is the bond's own, empty where only modprobe's configuration knows it.
	File    string
	OnBoot  bool
	DHCP    bool // asks for an IPv4 address
	DHCP6   bool // asks for an IPv6 address
	Options Options
	MAC     net.HardwareAddr // nil: the slaves decide
	MTU     int              // 0: as it is
	Addrs   []Address
	Gateway Gateway // of IPv4
	Router  Gateway // of IPv6

	dhcpAt, dhcp6At Pos

	optsAt  Pos     // of BONDING_OPTS, or the file
	members []named // of SUSE's BONDING_SLAVE0 …
	remarks
}

type named struct {
	Name string
	Pos
}

// bond reads a file as a bond's. module are the options that modprobe's
// configuration has for it.
func (f *File) bond(name string, module []Opt) *Bond {
	b := &Bond{Name: name, File: f.Path, OnBoot: f.onBoot(), MAC: f.mac("MACADDR", "LLADDR"), MTU: f.mtu(), optsAt: Pos{File: f.Path}}
	if !validName(name) {
		f.wrong(f.deviceAt(), "DEVICE=%s: is no name for an interface", name)
	}
	list := module
	for _, key := range []string{"BONDING_MODULE_OPTS", "BONDING_OPTS"} {
		if s := f.Get(key); s.Value != "" {
			b.optsAt = s.Pos
			list = append(list[:len(list):len(list)], f.splitOpts(s)...)
		}
	}
	b.Options = f.judge(name, list)
	f.roleOfBond()
	f.addressing(b)
	for _, s := range f.last() {
		if family(s.Key) == "BONDING_SLAVE" && s.Value != "" {
			b.members = append(b.members, named{s.Value, s.Pos})
		}
	}
	f.keys(ofBond)
	b.remarks = f.remarks
	return b
}

// roleOfBond looks at words that belong elsewhere, or contradict each other.
func (f *File) roleOfBond() {
	if s := f.Get("MASTER"); s.Value != "" {
		if isYes(s.Value) {
			f.say(Minor, s.Pos, "MASTER=%s: tolerated; MASTER names the bond in a slave's file", s.Value)
		} else if !isNo(s.Value) {
			f.wrong(s.Pos, "MASTER=%s: a bond can't be a slave of another one", s.Value)
		}
	}
	if f.yes("SLAVE", false) {
		f.wrong(f.Get("SLAVE").Pos, "SLAVE=yes: this is a bond")
	}
	if s := f.Get("HWADDR"); s.Value != "" {
		f.note(s.Pos, "HWADDR: without effect on a bond; MACADDR sets its address")
	}
	if s := f.Get("BRIDGE"); s.Value != "" {
		f.note(s.Pos, "BRIDGE=%s: not done; `ip link set %s master %[1]s` does it", s.Value, f.device())
	}
	if s := f.Get("TYPE"); s.Value != "" && !strings.EqualFold(s.Value, "bond") && !strings.EqualFold(s.Value, "bonding") && !strings.EqualFold(s.Value, "ethernet") {
		f.wrong(s.Pos, "TYPE=%s: accepted for a bond is Bond", s.Value)
	}
}

// addressing reads how the bond gets its addresses.
func (f *File) addressing(b *Bond) {
	b.Addrs = append(f.addresses4(), f.addresses6()...)
	f.alone()
	proto := f.Get("BOOTPROTO")
	if f.yes("DHCPV6C", false) {
		b.DHCP6, b.dhcp6At = true, f.Get("DHCPV6C").Pos
	}
	switch strings.ToLower(proto.Value) {
	case "", "none", "static", "ibft":
	case "dhcp6":
		b.DHCP6, b.dhcp6At = true, proto.Pos
	case "dhcp", "bootp", "dhcp4", "dhcp4+auto6", "dhcp+autoip":
		b.DHCP, b.dhcpAt = true, proto.Pos
		b.Addrs = f.dropped4(b.Addrs)
		if s := f.Get("GATEWAY"); s.Value != "" {
			f.note(s.Pos, "GATEWAY: without effect with BOOTPROTO=%s", proto.Value)
		}
		b.Router = f.gateway6(b.Name, b.Addrs)
		return
	default:
		f.wrong(proto.Pos, "BOOTPROTO=%s: accepted are none, static and dhcp", proto.Value)
	}
	var four, six []Address
	for _, a := range b.Addrs {
		if a.Prefix.Addr().Is4() {
			four = append(four, a)
		} else {
			six = append(six, a)
		}
	}
	b.Gateway = f.gateway4(b.Name, four)
	b.Router = f.gateway6(b.Name, six)
	if s := f.Get("METRIC"); s.Value != "" {
		if b.Gateway.Metric = atoi(s.Value); b.Gateway.Metric < 0 {
			f.wrong(s.Pos, "METRIC=%s: is no number", s.Value)
		}
	}
}

// alone notes what belongs to an address that isn't there.
func (f *File) alone() {
	for _, s := range f.last() {
		k := family(s.Key)
		switch k {
		case "NETMASK", "PREFIX", "PREFIXLEN", "LABEL", "BROADCAST", "SCOPE", "REMOTE_IPADDR":
		default:
			continue
		}
		number := strings.TrimPrefix(s.Key, k)
		if s.Value != "" && !f.Has("IPADDR"+number) && !(number == "" && f.Has("IPADDR0")) {
			f.note(s.Pos, "%s: without effect, there is no IPADDR%s", s.Key, number)
		}
	}
}

// globalGateway takes the machine's gateway where it is within the bond's reach
// and meant for it, as the old scripts do. Anything else in that file is for
// others to judge.
func (b *Bond) globalGateway(global *File) {
	if b.Gateway.Addr.IsValid() || b.DHCP {
		return
	}
	s := global.Get("GATEWAY")
	if dev := global.Get("GATEWAYDEV").Value; dev != "" && dev != b.Name {
		return
	}
	b.gatewayAt(s.Value, s.Pos)
}

// gatewayAt makes an address the bond's gateway if the bond lacks one and reaches
// it.
func (b *Bond) gatewayAt(text string, at Pos) bool {
	a, err := netip.ParseAddr(text)
	if err != nil || b.DHCP || b.Gateway.Addr.IsValid() && a.Is4() || b.Router.Addr.IsValid() && a.Is6() {
		return false
	}
	for _, has := range b.Addrs {
		if !has.Prefix.Contains(a) || has.Prefix.Addr() == a {
			continue
		}
		if g := (Gateway{Addr: a, Pos: at}); a.Is4() {
			b.Gateway = g
		} else {
			b.Router = g
		}
		return true
	}
	return false
}

// dropped4 leaves out the IPv4 addresses, which DHCP brings.
func (f *File) dropped4(addrs []Address) []Address {
	var out []Address
	for _, a := range addrs {
		if a.Prefix.Addr().Is4() {
			f.note(a.Pos, "IPADDR: without effect with BOOTPROTO=%s", f.Get("BOOTPROTO").Value)
			continue
		}
		out = append(out, a)
	}
	return out
}

// onBoot is ONBOOT, or SUSE's STARTMODE.
func (f *File) onBoot() bool {
	boot := f.yes("ONBOOT", true)
	s := f.Get("STARTMODE")
	switch strings.ToLower(s.Value) {
	case "", "auto", "onboot", "on", "boot", "hotplug", "nfsroot", "ifplugd":
		return boot
	case "manual", "off":
		return false
	}
	f.wrong(s.Pos, "STARTMODE=%s: accepted are auto, onboot, hotplug, manual and off", s.Value)
	return boot
}

// device is the interface's name: DEVICE, or else what the file is called.
func (f *File) device() string {
	if s := f.Get("DEVICE"); s.Value != "" {
		return s.Value
	}
	return f.Name
}

// deviceAt is where the name stands.
func (f *File) deviceAt() Pos {
	if s := f.Get("DEVICE"); s.Value != "" {
		return s.Pos
	}
	return Pos{File: f.Path}
}

// validName is the kernel's rule for names of interfaces.
func validName(name string) bool {
	return name != "" && len(name) < 16 && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r%")
}

func isYes(v string) bool { return strings.EqualFold(v, "yes") || strings.EqualFold(v, "true") }
func isNo(v string) bool  { return strings.EqualFold(v, "no") || strings.EqualFold(v, "false") }
