package option

import (
	"net/netip"
	"strings"
	"syscall"
)

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// targetKind is what the lists of IPv4 and IPv6 targets differ in.
type targetKind struct {
	id    ID
	label string // in messages: "ARP target"
	short string // in the warning: "arp target"
	list  func(*Values) *Targets
	parse func(string) (Target, bool)
	ok    func(netip.Addr) bool
}

var arpTargets = targetKind{
	id: ArpIPTarget, label: "ARP target", short: "arp target",
	list:  func(v *Values) *Targets { return &v.ArpIPTarget },
	parse: parseIPv4,
	ok:    func(a netip.Addr) bool { return !a.IsUnspecified() && a != limitedBroadcast },
}

var nsTargets = targetKind{
	id: NSIP6Target, label: "NS target", short: "ns target",
	list:  func(v *Values) *Targets { return &v.NSIP6Target },
	parse: parseIPv6,
	ok:    func(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() },
}

// setArpIPTarget takes "+10.1.0.1" or "-10.1.0.1" from sysfs and a whole list
// from elsewhere.
func setArpIPTarget(t *txn, c *change) *failure {
	if t.env.Via == ViaNetlink {
		return arpTargets.replace(t, c)
	}
	if c.text == "" {
		return refuse(syscall.EPERM, "invalid ARP target specified")
	}
	x, ok := parseIPv4(c.text[1:])
	switch {
	case !ok:
		return refuse(syscall.EPERM, "invalid ARP target specified")
	case c.text[0] == '+':
		i, f := arpTargets.add(t, x)
		if f != nil {
			return f
		}
		t.effect(TargetAdded{Index: i, Addr: x.Addr})
		return nil
	case c.text[0] == '-':
		return removeArpTarget(t, x)
	}
	return refuse(syscall.EPERM, "no command found in arp_ip_targets file - use +<addr> or -<addr>")
}

// removeArpTarget takes a target away; its VLANs need not be said again.
func removeArpTarget(t *txn, x Target) *failure {
	if !arpTargets.ok(x.Addr) {
		return refuse(syscall.EINVAL, "invalid ARP target "+x.String()+" specified for removal")
	}
	list := &t.v.ArpIPTarget
	i := list.index(x.Addr)
	if i < 0 || x.VLANs != (VLANs{}) && x.VLANs != list[i].VLANs {
		return refuse(syscall.EINVAL, "unable to remove nonexistent ARP target "+x.String())
	}
	list.remove(i)
	arpTargets.warnEmpty(t)
	t.effect(TargetRemoved{Index: i})
	return nil
}

func setNSIP6Target(t *txn, c *change) *failure { return nsTargets.replace(t, c) }

// replace makes the comma list of c the whole list; empty text clears it.
func (k *targetKind) replace(t *txn, c *change) *failure {
	*k.list(&t.v) = Targets{}
	if text := strings.Trim(c.text, spaces); text != "" {
		for s := range strings.SplitSeq(text, ",") {
			x, ok := k.parse(strings.Trim(s, spaces))
			if !ok {
				return &failure{errno: syscall.EINVAL, own: []string{"invalid " + k.label + " specified"}, value: s}
			}
			if _, f := k.add(t, x); f != nil {
				f.value = s
				return f
			}
		}
	}
	k.warnEmpty(t)
	t.effect(TargetsReplaced{k.id})
	return nil
}

func (k *targetKind) add(t *txn, x Target) (int, *failure) {
	list := k.list(&t.v)
	n := list.Len()
	switch {
	case !k.ok(x.Addr):
		return 0, refuse(syscall.EINVAL, "invalid "+k.label+" "+x.String()+" specified for addition")
	case list.index(x.Addr) >= 0:
		return 0, refuse(syscall.EINVAL, k.label+" "+x.String()+" is already present")
	case n == MaxTargets:
		return 0, refuse(syscall.EINVAL, k.label+" table is full!")
	}
	list[n] = x
	return n, nil
}

// warnEmpty tells of an ARP monitor that has nobody left to ask.
func (k *targetKind) warnEmpty(t *txn) {
	if k.list(&t.v).Len() == 0 && t.v.ArpInterval != 0 {
		t.log(LevelWarn, "Removing last "+k.short+" with arp_interval on")
	}
}
