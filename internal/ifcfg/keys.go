package ifcfg

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tapbond/tapbond/bond/option"
)

// actedOn are the keys that mean something here, families by their first word.
var actedOn = []string{
	"DEVICE", "TYPE", "HWADDR", "MASTER", "SLAVE", "BONDING_MASTER", "BONDING_OPTS", "BONDING_MODULE_OPTS",
	"ONBOOT", "STARTMODE", "BOOTPROTO", "IPADDR", "NETMASK", "PREFIX", "PREFIXLEN", "GATEWAY", "GATEWAYDEV", "DEFROUTE",
	"MTU", "MACADDR", "IPV6INIT", "IPV6ADDR", "IPV6ADDR_SECONDARIES", "IPV6_DEFAULTGW", "ONPARENT",
	"MASTER_UUID", "DEVICETYPE", "VLAN", "BRIDGE",
}

// silent are keys that change nothing: they describe, or say what is so anyway.
var silent = []string{
	"NAME", "UUID", "NETWORK", "BROADCAST", "BROWSER_ONLY", "PROXY_METHOD", "HOTPLUG", "NETBOOT", "LASTUSER", "LAST_CONNECT",
	"DESCRIPTION", "LABEL", "NOZEROCONF", "ISALIAS", "PARENTDEV", "REALDEVICE", "CONNECTION_METERED",
	"ETHERDEVICE", "INTERFACETYPE", "REMOTE_IPADDR", "USERCONTROL", "SUBCHANNELS", "NETTYPE", "PORTNAME", "SCOPE",
}

// noted are keys of other people's business: what they ask for isn't done.
var noted = []string{
	"NM_CONTROLLED", "USERCTL", "USERS", "PEERDNS", "PEERNTP", "PEERROUTES", "DOMAIN", "SEARCH", "METRIC", "SRCADDR", "WINDOW",
	"ETHTOOL_OPTS", "ETHTOOL_OPTIONS", "LINKDELAY", "CHECK_LINK_DOWN", "PERSISTENT_DHCLIENT", "DHCP_HOSTNAME", "DHCP_CLIENT_ID",
	"DHCPRELEASE", "DHCLIENTARGS", "DHCP_FQDN", "DHCP_TIMEOUT", "ARPCHECK", "ARPUPDATE", "ARPING_WAIT", "ARP", "ZONE", "STP", "DELAY", "FIREWALL",
	"IPV4_FAILURE_FATAL", "IPV4_DAD_TIMEOUT", "IPV4_ROUTE_METRIC", "IPV6_AUTOCONF", "IPV6FORWARDING", "IPV6_ROUTER", "IPV6_FAILURE_FATAL", "IPV6_DEFROUTE",
	"IPV6_PEERDNS", "IPV6_PEERROUTES", "IPV6_PRIVACY", "IPV6_PRIVACY_PREFER_PUBLIC_IP", "IPV6_ADDR_GEN_MODE", "IPV6_MTU", "IPV6_ROUTE_METRIC",
	"IPV6_DEFAULTDEV", "IPV6TO4INIT", "DHCPV6C", "DHCPV6C_OPTIONS", "IPV6_DUID", "OPTIONS", "LLDP", "AUTOCONNECT_PRIORITY",
	"AUTOCONNECT_SLAVES", "AUTOCONNECT_RETRIES", "SEARCH_DOMAINS", "ETHTOOL_DELAY", "MACADDR_POLICY", "GENERATE_MAC_ADDRESS_MASK",
	"DNS", "VLAN_ID", "PHYSDEV", "REORDER_HDR", "VLAN_FLAGS", "RES_OPTIONS", "MULTI_CONNECT", "DCB", "FCOE", "KEY_MGMT", "SECONDARY_UUIDS",
}

// numbered are the keys that come with numbers behind them.
var numbered = regexp.MustCompile(`^(IPADDR|NETMASK|PREFIX|PREFIXLEN|GATEWAY|DNS|LABEL|BROADCAST|BONDING_SLAVE|SCOPE|REMOTE_IPADDR|SEARCH)(_?[0-9]+)$`)

// family is a key without the number behind it.
func family(key string) string {
	if m := numbered.FindStringSubmatch(key); m != nil {
		return m[1]
	}
	return key
}

// keys says what becomes of the keys that nothing is done for: those that could
// matter are told of, in one note.
func (f *File) keys() {
	var without []string
	var first Pos
	said := map[string]bool{}
	for _, s := range f.Settings {
		k := family(s.Key)
		if said[s.Key] {
			continue
		}
		said[s.Key] = true
		switch {
		case slices.Contains(actedOn, k) || k == "BONDING_SLAVE" || slices.Contains(silent, k):
		case slices.Contains(noted, k):
			if without == nil {
				first = s.Pos
			}
			without = append(without, s.Key)
		case option.ByName(s.Key) != nil && strings.ToLower(s.Key) == s.Key:
			f.wrong(s.Pos, `%s stands outside the quotes: it belongs into BONDING_OPTS="…"`, s.Key)
		default:
			if near := nearest(s.Key); near != "" {
				f.note(s.Pos, "unknown key %s, without effect; did you mean %s?", s.Key, near)
			} else {
				f.note(s.Pos, "unknown key %s, without effect", s.Key)
			}
		}
	}
	if without != nil {
		f.note(Pos{f.Path, first.Line}, "accepted, without effect here: %s", strings.Join(without, ", "))
	}
	f.overridden()
}

// overridden notes values that a later line replaces.
func (f *File) overridden() {
	last := map[string]Setting{}
	for _, s := range f.Settings {
		if was, twice := last[s.Key]; twice && was.Value != s.Value && !strings.HasPrefix(s.Value, was.Value) {
			f.note(was.Pos, "%s: line %d says otherwise, and counts", s.Key, s.Line)
		}
		last[s.Key] = s
	}
}

// nearest returns the key that is one slip away, "" if none is.
func nearest(key string) string {
	for _, k := range actedOn {
		if slip(strings.ToUpper(key), k) {
			return k
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
