package proc

import (
	"fmt"
	"strings"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/lacp"
)

// aggregation writes what 802.3ad adds to the bond: for readers without
// CAP_NET_ADMIN nothing from the system's priority on.
func aggregation(b *strings.Builder, st *bond.State, privileged bool) {
	opt := st.Settings
	fmt.Fprintf(b, "\n802.3ad info\nLACP active: %s\nLACP rate: %s\nMin links: %s\nAggregator selection policy (ad_select): %s\n",
		opt["lacp_active"], opt["lacp_rate"], opt["min_links"], opt["ad_select"])
	if !privileged {
		return
	}
	fmt.Fprintf(b, "System priority: %d\nSystem MAC address: %s\n", st.AD.System.Priority, st.AD.System.MAC)
	a := st.AD.ActiveAggregator()
	if a == nil {
		fmt.Fprintf(b, "bond %s has no active aggregator\n", st.Name)
		return
	}
	fmt.Fprintf(b, "Active Aggregator Info:\n\tAggregator ID: %d\n\tNumber of ports: %d\n\tActor Key: %d\n\tPartner Key: %d\n\tPartner Mac Address: %s\n",
		a.ID, a.NumPorts, a.ActorKey, a.PartnerKey, a.Partner.MAC)
}

// speedBits are those of a key that the driver clears while there is no link.
const speedBits = 0x3f

// port writes what 802.3ad adds to a slave.
func port(b *strings.Builder, p *lacp.PortState, privileged bool) {
	fmt.Fprintf(b, "Aggregator ID: %d\nActor Churn State: %s\nPartner Churn State: %s\nActor Churned Count: %d\nPartner Churned Count: %d\n",
		p.Aggregator, p.ActorChurn, p.PartnerChurn, p.Counters.ActorChurnCount, p.Counters.PartnerChurnCount)
	if !privileged {
		return
	}
	actor := p.Actor
	if !p.Link {
		actor.Key &^= speedBits
	}
	details(b, "actor", "port", &actor)
	details(b, "partner", "oper", &p.Partner)
}

func details(b *strings.Builder, who, key string, i *lacp.Info) {
	fmt.Fprintf(b, "details %s lacp pdu:\n    system priority: %d\n    system mac address: %s\n    %s key: %d\n    port priority: %d\n    port number: %d\n    port state: %d\n",
		who, i.SystemPriority, i.System, key, i.Key, i.PortPriority, i.Port, i.State)
}
