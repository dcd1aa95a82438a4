package option

import (
	"strings"
	"testing"
)

// FuzzParse: no text makes an option hold what it doesn't allow, and every
// accepted number is read the same from its own digits.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"100", " 50 ", "0x10", "", "-1", "2147483648", "off", "default", "maxval x", "1 2", "active-backup\n", "18446744073709551616"} {
		f.Add("miimon", s)
		f.Add("mode", s)
		f.Add("num_grat_arp", s)
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		o := ByName(name)
		if o == nil {
			return
		}
		n, ok := o.Parse(text)
		if ok && !o.allows(n) {
			t.Fatalf("%s %q gives %d", name, text, n)
		}
	})
}

// FuzzText: the options that parse their own text, by both ways.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"arp_ip_target +10.0.0.1", "arp_ip_target 10.0.0.1,10.0.0.2", "ns_ip6_target fd00::1,fe80::1", "queue_id eth0:2",
		"queue_id 2", "primary eth0", "active_slave eth1", "slaves +eth0", "slaves -eth1", "ad_actor_system 02:00:00:00:00:01",
		"prio -5", "mode 4", "arp_ip_target ::ffff:10.0.0.1", "ns_ip6_target ::ffff:10.0.0.1",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, line string, sysfs bool) {
		name, value, _ := strings.Cut(line, " ")
		v := Defaults()
		v.Mode, v.Miimon = LACP, 100
		if sysfs {
			v.Mode = ActiveBackup
		}
		env := Env{Bond: "bond0", AllowUnsupported: true, Slaves: []Slave{{Name: "eth0", Ready: true}, {Name: "eth1"}}, Active: "eth0"}
		if sysfs {
			env.Via = ViaSysfs
		}
		before := v
		res, err := v.Apply(env, []Assign{{Option: name, Value: value, Slave: "eth0"}})
		if v != before || err != nil && res.Values != (Values{}) {
			t.Fatalf("%q changed something, or has a result although refused", line)
		}
		v = res.Values
		for _, l := range []*Targets{&v.ArpIPTarget, &v.NSIP6Target} {
			n := l.Len()
			for i, a := range l {
				if a.Addr.IsValid() != (i < n) || a.Addr.Zone() != "" || i < n && l.index(a.Addr) != i {
					t.Fatalf("%q leaves the targets %v", line, l)
				}
			}
		}
	})
}
