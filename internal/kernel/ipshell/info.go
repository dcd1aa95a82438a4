package ipshell

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/bond/option"
)

// info is one thing that ip -d tells of a bond or slave: a word of the text with its
// value, and a member of the JSON.
type info struct {
	word string // in the text; "" for JSON alone
	key  string // in the JSON; "" for the text alone
	text string
	json any
}

// bondEntries are the options in ip's order, by the driver's name.
var bondEntries = []struct {
	name, word, key string
	kind            byte // n number, s word, l list
	optional        bool // left out when unset
}{
	{"mode", "mode", "mode", 's', false},
	{"active_slave", "active_slave", "active_slave", 's', true},
	{"miimon", "miimon", "miimon", 'n', false},
	{"updelay", "updelay", "updelay", 'n', false},
	{"downdelay", "downdelay", "downdelay", 'n', false},
	{"peer_notif_delay", "peer_notify_delay", "peer_notify_delay", 'n', false},
	{"use_carrier", "use_carrier", "use_carrier", 'n', false},
	{"arp_interval", "arp_interval", "arp_interval", 'n', false},
	{"arp_missed_max", "arp_missed_max", "arp_missed_max", 'n', false},
	{"arp_ip_target", "arp_ip_target", "arp_ip_target", 'l', true},
	{"ns_ip6_target", "ns_ip6_target", "ns_ip6_target", 'l', true},
	{"arp_validate", "arp_validate", "arp_validate", 's', false},
	{"arp_all_targets", "arp_all_targets", "arp_all_targets", 's', false},
	{"primary", "primary", "primary", 's', true},
	{"primary_reselect", "primary_reselect", "primary_reselect", 's', false},
	{"fail_over_mac", "fail_over_mac", "fail_over_mac", 's', false},
	{"xmit_hash_policy", "xmit_hash_policy", "xmit_hash_policy", 's', false},
	{"resend_igmp", "resend_igmp", "resend_igmp", 'n', false},
	{"num_grat_arp", "num_grat_arp", "num_peer_notif", 'n', false},
	{"all_slaves_active", "all_slaves_active", "all_slaves_active", 'n', false},
	{"min_links", "min_links", "min_links", 'n', false},
	{"lp_interval", "lp_interval", "lp_interval", 'n', false},
	{"packets_per_slave", "packets_per_slave", "packets_per_slave", 'n', false},
	{"lacp_active", "lacp_active", "ad_lacp_active", 's', false},
	{"lacp_rate", "lacp_rate", "ad_lacp_rate", 's', false},
	{"coupled_control", "coupled_control", "coupled_control", 's', true},
	{"broadcast_neighbor", "broadcast_neighbor", "broadcast_neighbor", 's', true},
	{"lacp_strict", "lacp_strict", "lacp_strict", 's', true},
	{"ad_select", "ad_select", "ad_select", 's', false},
	{"ad_actor_sys_prio", "ad_actor_sys_prio", "ad_actor_sys_prio", 'n', true},
	{"ad_user_port_key", "ad_user_port_key", "ad_user_port_key", 'n', true},
	{"ad_actor_system", "ad_actor_system", "ad_actor_system", 's', true},
	{"tlb_dynamic_lb", "tlb_dynamic_lb", "tlb_dynamic_lb", 'n', false},
	{"max_links", "max_links", "max_links", 'n', true},
	{"lacp_fallback", "lacp_fallback", "lacp_fallback", 's', true},
	{"lacp_fallback_delay", "lacp_fallback_delay", "lacp_fallback_delay", 'n', true},
	{"ad_select_hold", "ad_select_hold", "ad_select_hold", 'n', true},
	{"alb_ipv6", "alb_ipv6", "alb_ipv6", 's', true},
	{"offload", "offload", "offload", 's', true},
	{"queues", "queues", "queues", 'n', true},
	{"express", "express", "express", 's', true},
	{"flap_hold", "flap_hold", "flap_hold", 'n', true},
	{"prio_tie", "prio_tie", "prio_tie", 's', true},
}

// adOnly: shown in that mode alone.
func adOnly(name string) bool {
	return name == "ad_actor_sys_prio" || name == "ad_user_port_key" || name == "ad_actor_system"
}

var defaults = option.Defaults()

// bondInfo is what ip -d says of a bond: what Linux 6.1 and ip 6.1 print, and
// of what is newer or ours only what is not at its default.
func bondInfo(st *bond.State) []info {
	var out []info
	slaves := map[string]bool{}
	for _, s := range st.Slaves {
		slaves[s.Name] = true
	}
	for _, e := range bondEntries {
		v := st.Settings[e.name]
		o := option.ByName(e.name)
		unset := v == "" || newer(o) && v == defaults.Word(o.ID, &option.Runtime{}) || e.name == "primary" && !slaves[v]
		if e.optional && unset || adOnly(e.name) && st.Mode != "802.3ad" {
			continue
		}
		i := info{word: e.word, key: e.key, text: v, json: v}
		switch {
		case e.kind == 'n':
			i.json = json.Number(v)
		case e.kind == 'l':
			list := []any{}
			for _, a := range strings.Split(v, ",") {
				list = append(list, a)
			}
			i.json = list
		case e.name == "arp_validate" && v == "none": // ip's own way
			i.json = nil
		}
		out = append(out, i)
		if e.name == "ad_select" && st.AD != nil {
			out = append(out, adInfo(st)...)
		}
	}
	return out
}

// slaveInfo is what ip -d says of a slave.
func slaveInfo(s *bond.SlaveState) []info {
	out := []info{
		word("state", s.State), word("mii_status", s.MIIStatus), number("link_failure_count", s.Failures),
		word("perm_hwaddr", s.PermMAC), number("queue_id", s.QueueID), number("prio", s.Prio),
	}
	if s.AD != nil {
		out = append(out, portInfo(&s.AD.PortState)...)
	}
	if s.AssumedMbps != 0 { // ours, shown when somebody set it
		out = append(out, number("speed", s.AssumedMbps))
	}
	return out
}

func number(word string, n any) info {
	return info{word: word, key: word, text: fmt.Sprint(n), json: json.Number(fmt.Sprint(n))}
}

func word(word, v string) info { return info{word, word, v, v} }

// text is the words of the details, each followed by a space.
func text(kind string, list []info) string {
	var b strings.Builder
	b.WriteString(kind + " ")
	for _, i := range list {
		if i.word != "" {
			b.WriteString(i.word + " " + i.text + " ")
		}
	}
	return b.String()
}

// tree is the JSON of the details.
func tree(list []info) object {
	o := object{}
	for _, i := range list {
		if i.key != "" {
			o = append(o, member{i.key, i.json})
		}
	}
	return o
}
