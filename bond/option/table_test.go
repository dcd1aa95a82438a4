package option

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	names := map[string]ID{}
	attrs := map[[2]int]ID{}
	for _, o := range All() {
		t.Run(o.Name, func(t *testing.T) {
			if Get(o.ID) != o || ByName(o.Name) != o {
				t.Error("not found by its id and name")
			}
			for _, n := range append([]string{o.Name, o.IPName}, o.Aliases...) {
				if n == "" {
					continue
				}
				if other, taken := names[n]; taken && other != o.ID {
					t.Errorf("%s is also %s", n, Get(other).Name)
				}
				names[n] = o.ID
				dashed := strings.ReplaceAll(n, "_", "-")
				if ByName(n) != o || ByName(dashed) != o {
					t.Errorf("%s or %s names something else", n, dashed)
				}
			}
			if k := [2]int{int(o.Scope), int(o.Netlink)}; o.Netlink != 0 {
				if other, taken := attrs[k]; taken {
					t.Errorf("attribute %d is also %s's", o.Netlink, Get(other).Name)
				}
				attrs[k] = o.ID
			}
			if o.Help == "" || o.Modes == 0 {
				t.Error("help or modes missing")
			}
			if !o.Raw && !o.allows(o.Default) {
				t.Errorf("default %d isn't allowed", o.Default)
			}
			if o.Raw && (o.field != nil || setters[o.ID] == nil) {
				t.Error("a raw option needs a setter and no field")
			}
			if !o.Raw && o.field == nil && setters[o.ID] == nil {
				t.Error("neither field nor setter")
			}
			seen := map[string]bool{}
			for _, v := range o.Values {
				if seen[v.Name] {
					t.Errorf("value %s twice", v.Name)
				}
				seen[v.Name] = true
				if v.Default && v.N != o.Default {
					t.Errorf("%s is marked as the default, which is %d", v.Name, o.Default)
				}
				if o.Max != 0 && (v.N < o.Min || v.N > o.Max) {
					t.Errorf("%s = %d is outside %d - %d", v.Name, v.N, o.Min, o.Max)
				}
			}
			if o.Read == ReadNamed {
				if _, ok := o.nameOf(o.Default); !ok {
					t.Error("the default has no name to show")
				}
			}
		})
	}
	if len(table) != int(idCount)-1 {
		t.Errorf("%d options, %d ids", len(table), idCount-1)
	}
}

// TestDefaultsAreSupported: a new bond needs nothing that isn't there.
func TestDefaultsAreSupported(t *testing.T) {
	for _, o := range All() {
		n := o.Default
		if o.Raw {
			n = 0
		}
		if !o.Supported(n) {
			t.Errorf("%s: the default isn't supported", o.Name)
		}
	}
}

// TestOrder: the driver applies the attributes of a message in this order.
func TestOrder(t *testing.T) {
	order := strings.Fields(`mode active_slave miimon updelay downdelay peer_notif_delay use_carrier arp_interval
		arp_ip_target ns_ip6_target arp_validate arp_all_targets primary primary_reselect fail_over_mac
		xmit_hash_policy resend_igmp num_grat_arp all_slaves_active min_links lp_interval packets_per_slave
		lacp_active lacp_rate ad_select ad_actor_sys_prio ad_user_port_key ad_actor_system tlb_dynamic_lb
		arp_missed_max coupled_control broadcast_neighbor lacp_strict`)
	for i, name := range order {
		if table[i].Name != name {
			t.Errorf("place %d: %s, want %s", i, table[i].Name, name)
		}
	}
	slaves := strings.Fields("queue_id prio actor_port_prio")
	i := 0
	for _, o := range All() {
		if o.Scope == ScopeSlave && i < len(slaves) && o.Name == slaves[i] {
			i++
		}
	}
	if i != len(slaves) {
		t.Errorf("slave options not in the order %v", slaves)
	}
}
