package ifcfg

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// ofBond are the keys that are read in a bond's file, families by their first word.
var ofBond = []string{
	"DEVICE", "TYPE", "BONDING_MASTER", "BONDING_OPTS", "BONDING_MODULE_OPTS", "BONDING_SLAVE", "MASTER", "SLAVE", "HWADDR",
	"ONBOOT", "STARTMODE", "BOOTPROTO", "IPADDR", "NETMASK", "PREFIX", "PREFIXLEN", "GATEWAY", "GATEWAYDEV", "DEFROUTE",
	"MTU", "MACADDR", "LLADDR", "IPV6INIT", "IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW", "DHCPV6C",
	"BROADCAST", "SCOPE", "REMOTE_IPADDR", "LABEL", "BRIDGE", "NETWORK", "METRIC",
}

// ofSlave are those in a slave's file.
var ofSlave = []string{
	"DEVICE", "TYPE", "HWADDR", "MASTER", "MASTER_UUID", "SLAVE", "ONBOOT", "STARTMODE", "DEVICETYPE", "BOOTPROTO", "MTU",
}

// ofAlias are those in a file like ifcfg-bond0:1.
var ofAlias = []string{"DEVICE", "IPADDR", "NETMASK", "PREFIX", "PREFIXLEN", "ONPARENT", "BROADCAST", "SCOPE", "ONBOOT", "STARTMODE", "LABEL", "NETWORK"}

// silent are keys that change nothing: they describe, or say what is so anyway.
var silent = []string{
	"NAME", "UUID", "BROWSER_ONLY", "PROXY_METHOD", "HOTPLUG", "NETBOOT", "LASTUSER", "LAST_CONNECT",
	"DESCRIPTION", "NOZEROCONF", "ISALIAS", "PARENTDEV", "REALDEVICE", "CONNECTION_METERED", "DEVICETYPE",
	"ETHERDEVICE", "INTERFACETYPE", "USERCONTROL", "SUBCHANNELS", "NETTYPE", "PORTNAME", "ONPARENT",
}

// without are keys of other programs; what they ask for isn't done, and nobody
// has to act.
var without = []string{
	"NM_CONTROLLED", "USERCTL", "USERS", "PEERNTP", "PEERROUTES", "WINDOW",
	"LINKDELAY", "CHECK_LINK_DOWN", "PERSISTENT_DHCLIENT",
	"DHCPRELEASE", "ARPCHECK", "ARPUPDATE", "ARPING_WAIT", "ARP", "STP", "DELAY",
	"IPV4_FAILURE_FATAL", "IPV4_DAD_TIMEOUT", "IPV6_AUTOCONF", "IPV6FORWARDING", "IPV6_ROUTER", "IPV6_FAILURE_FATAL", "IPV6_DEFROUTE",
	"IPV6_PEERDNS", "IPV6_PEERROUTES", "IPV6_PRIVACY", "IPV6_PRIVACY_PREFER_PUBLIC_IP", "IPV6_ADDR_GEN_MODE",
	"IPV6_DEFAULTDEV", "IPV6TO4INIT", "DHCPV6C_OPTIONS", "IPV6_DUID", "OPTIONS", "LLDP", "AUTOCONNECT_PRIORITY",
	"AUTOCONNECT_SLAVES", "AUTOCONNECT_RETRIES", "ETHTOOL_DELAY", "MACADDR_POLICY", "GENERATE_MAC_ADDRESS_MASK",
	"VLAN_ID", "REORDER_HDR", "VLAN_FLAGS", "MULTI_CONNECT", "DCB", "FCOE", "KEY_MGMT", "SECONDARY_UUIDS", "VLAN", "PHYSDEV",
}

// undone are those of which somebody may miss something.
var undone = []string{
	"DNS", "DOMAIN", "SEARCH", "SEARCH_DOMAINS", "RES_OPTIONS", "PEERDNS", "ETHTOOL_OPTS", "ETHTOOL_OPTIONS", "ZONE", "FIREWALL", "SRCADDR",
	"DHCP_HOSTNAME", "DHCP_CLIENT_ID", "DHCLIENTARGS", "DHCP_FQDN", "DHCP_TIMEOUT", "IPV6_MTU",
	"DHCLIENT_SET_DEFAULT_ROUTE", "DHCLIENT6_MODE", "DHCLIENT_SET_HOSTNAME", "IPV4_ROUTE_METRIC", "IPV6_ROUTE_METRIC", "PRE_UP_SCRIPT", "POST_UP_SCRIPT", "PRE_DOWN_SCRIPT", "POST_DOWN_SCRIPT",
}

// numbered are the keys that come with numbers behind them.
var numbered = regexp.MustCompile(`^(IPADDR|NETMASK|PREFIX|PREFIXLEN|GATEWAY|DNS|LABEL|BROADCAST|BONDING_SLAVE|SCOPE|REMOTE_IPADDR|SEARCH)(_?[0-9]+)$`)

// unread reports whether a key is one that nothing is done for.
func unread(key string) bool {
	k := family(key)
	return slices.Contains(silent, k) || slices.Contains(without, k) || slices.Contains(undone, k)
}

// family is a key without the number behind it.
func family(key string) string {
	if m := numbered.FindStringSubmatch(key); m != nil {
		return m[1]
	}
	return key
}

// keys gives each setting of the file its fate, read being the keys that its role
// has a use for. Keys that nothing is done for are named in one note.
func (f *File) keys(read []string) {
	f.overridden()
	var lists [2][]string
	var first [2]Pos
	for i, s := range f.Settings {
		l := f.lines[i]
		k := family(s.Key)
		which := -1
		switch {
		case l.Fate != Open:
		case s.Value == "", slices.Contains(silent, k):
			l.Fate = Implied
		case slices.Contains(read, k):
			l.Fate = Applied
		case slices.Contains(without, k):
			which = 0
		case slices.Contains(undone, k):
			which = 1
		case option.ByName(s.Key) != nil && strings.ToLower(s.Key) == s.Key:
			f.wrong(s.Pos, `%s stands outside the quotes: it belongs into BONDING_OPTS="…"`, s.Key)
		case slices.Contains(ofBond, k) || slices.Contains(ofSlave, k) || slices.Contains(ofAlias, k):
			l.Text = s.Key // noted below, unless it is already
		default:
			f.unknown(s)
		}
		if which < 0 {
			continue
		}
		l.Fate = Noted
		if lists[which] == nil {
			first[which] = Pos{File: f.Path, Line: s.Line}
		}
		if !slices.Contains(lists[which], s.Key) {
			lists[which] = append(lists[which], s.Key)
		}
	}
	if lists[0] != nil {
		f.say(Minor, first[0], "accepted, without effect here: %s", strings.Join(lists[0], ", "))
	}
	if lists[1] != nil {
		f.note(first[1], "not done here: %s", strings.Join(lists[1], ", "))
	}
	f.settle(f.lines)
}

func (f *File) unknown(s Setting) {
	switch near := nearest(s.Key); {
	case strings.HasPrefix(near, "BONDING_"): // without it the bond would be another one
		f.wrong(s.Pos, "unknown key %s; did you mean %s?", s.Key, near)
	case near != "":
		f.warn(s.Pos, "unknown key %s, without effect; did you mean %s?", s.Key, near)
	case f.isOption(s):
		name := optionKey(s)
		word := name + "=" + s.Value
		if name == "mode" && !f.saysMode() { // without it the bond would be another one
			f.wrong(s.Pos, `unknown key %s; did you mean BONDING_OPTS="%s"?`, s.Key, word)
			return
		}
		f.warn(s.Pos, `unknown key %s, without effect; did you mean BONDING_OPTS="%s"?`, s.Key, word)
	default:
		f.note(s.Pos, "unknown key %s, without effect", s.Key)
	}
}

// isOption reports whether a key of a bond's file is an option of bonds, with a value
// that it takes: MODE=4.
func (f *File) isOption(s Setting) bool {
	if f.isSlave() {
		return false
	}
	o := option.ByName(optionKey(s))
	if o == nil {
		return false
	}
	_, ok := o.Parse(s.Value)
	return ok
}

// optionKey is the option that a key may mean: MODE, BONDING_MODE.
func optionKey(s Setting) string { return strings.ToLower(strings.TrimPrefix(s.Key, "BONDING_")) }

// saysMode reports whether the file has the mode where it belongs.
func (f *File) saysMode() bool {
	return strings.Contains(f.Get("BONDING_OPTS").Value, "mode=") || strings.Contains(f.Get("BONDING_MODULE_OPTS").Value, "mode=")
}

// overridden notes values that a later line replaces.
func (f *File) overridden() {
	last := map[string]int{}
	for i, s := range f.Settings {
		if n, twice := last[s.Key]; twice {
			was := f.Settings[n]
			f.lines[n].Fate = Implied
			if was.Value != s.Value && !strings.HasPrefix(s.Value, was.Value) {
				f.note(was.Pos, "%s: line %d says otherwise, and counts", s.Key, s.Line)
			}
		}
		last[s.Key] = i
	}
}

// nearest returns the key that is one slip away, "" if none is.
func nearest(key string) string {
	for _, list := range [][]string{ofBond, ofSlave} {
		for _, k := range list {
			if slip(strings.ToUpper(key), k) {
				return k
			}
		}
	}
	return ""
}

// slip reports whether a and b differ by one letter more, less, other or two
// swapped.
func slip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch len(b) - len(a) {
	case 0:
		return a == b || a[i+1:] == b[i+1:] ||
			i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
	case 1:
		return a[i:] == b[i+1:]
	}
	return false
}
