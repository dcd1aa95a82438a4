package ipshell

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// adInfo is what ip -d says of the active aggregator; nothing of none.
func adInfo(st *bond.State) []info {
	a := st.AD.ActiveAggregator()
	if a == nil {
		return nil
	}
	partner := a.Partner.MAC.String()
	words := []info{
		number("ad_aggregator", a.ID), number("ad_num_ports", a.NumPorts), number("ad_actor_key", a.ActorKey),
		number("ad_partner_key", a.PartnerKey), word("ad_partner_mac", partner),
	}
	members := object{}
	for i := range words {
		members = append(members, member{strings.TrimPrefix(words[i].key, "ad_"), words[i].json})
		words[i].key = "" // JSON has them in an object of their own
	}
	return append(words, info{key: "ad_info", json: members})
}

// portInfo is what ip -d says of a slave's port.
func portInfo(p *lacp.PortState) []info {
	out := []info{number("ad_aggregator_id", p.Aggregator)}
	out = append(out, stateInfo("ad_actor_oper_port_state", p.Actor.State)...)
	out = append(out, stateInfo("ad_partner_oper_port_state", p.Partner.State)...)
	// The names of the attributes that Linux 7.1 and 6.12.y have; ip 6.1 prints neither.
	out = append(out, info{key: "ad_churn_actor_state", json: p.ActorChurn}, info{key: "ad_churn_partner_state", json: p.PartnerChurn})
	if p.Actor.PortPriority != lacp.DefaultPortPriority { // a newer ip's, shown when somebody set it
		out = append(out, number("actor_port_prio", p.Actor.PortPriority))
	}
	return out
}

func stateInfo(key string, bits lacp.Bits) []info {
	names := []any{}
	for _, n := range bits.Names() {
		names = append(names, n)
	}
	return []info{
		{word: key, key: key, text: fmt.Sprint(uint8(bits)), json: json.Number(fmt.Sprint(uint8(bits)))},
		{word: key + "_str", key: key + "_str", text: "<" + bits.String() + ">", json: names},
	}
}
