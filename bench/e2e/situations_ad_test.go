package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/lacp"
)

// lacpLines are events that the driver has no words for, and the carrier, which
// it tells of only when its link monitor happens to be the one to see.
var lacpLines = []string{
	"partner_found", "partner_expired", "partner_lost", "distributing", "not_distributing", "diagnosis", "fallback",
	"carrier_up", "carrier_down", "active_aggregator",
}

// What in 802.3ad is on purpose not as the driver has it; anything else fails.

// settled: the driver lets a minute pass before it says that a port in sync
// doesn't churn, 802.1AX doesn't.
func settled(slaves ...string) (out []portDiff) {
	for _, s := range slaves {
		out = append(out, portDiff{slave: s, actor: keep, partner: keep, churn: [2]string{"none", "none"}})
	}
	return out
}

// unplugged: the driver leaves a port's bits as they were when its link goes;
// here it is out of sync, and so is its partner.
func unplugged(rate lacp.Bits, slaves ...string) (out []portDiff) {
	for _, s := range slaves {
		out = append(out, portDiff{
			slave: s, actor: lacp.Activity | lacp.Aggregation | rate,
			partner: lacp.Activity | lacp.Aggregation | lacp.Collecting | lacp.Distributing | rate,
		})
	}
	return out
}

const switchAddress = " address 02:00:00:00:02:00"

// newLAG is a booth whose cables lead to bonds.
func newLAG(t *testing.T) *booth {
	t.Helper()
	b := newCables(t)
	b.silent = lacpLines
	return b
}

// partner makes a bond in the other namespace, over the other ends of cables.
func (b *booth) partner(name, options string, cables ...int) {
	b.t.Helper()
	b.mutePartner(name, options, cables...)
	b.sh("ip -n " + b.sw + " link set " + strings.Fields(name)[0] + " up")
}

// mutePartner does so, but the bond is down yet.
func (b *booth) mutePartner(name, options string, cables ...int) {
	b.t.Helper()
	b.sh("ip -n " + b.sw + " link add " + name + " type bond mode 802.3ad miimon 100 " + options)
	for _, i := range cables {
		b.sh(fmt.Sprintf("ip -n %s link set s%d down master %s", b.sw, i, strings.Fields(name)[0]))
	}
}

func adPair(name, options, partner string, rate lacp.Bits) func(*testing.T) {
	return func(t *testing.T) {
		waits(t)
		b := newLAG(t)
		b.partner("br0"+switchAddress, partner, 0, 1)
		b.bond("mode 802.3ad miimon 100 " + options)
		b.snap(name+"-up", settled("eth0", "eth1")...)
		b.plug(1, "down")
		b.snap(name+"-eth1-down", append(settled("eth0"), unplugged(rate, "eth1")...)...)
		b.plug(0, "down")
		b.snap(name+"-both-down", unplugged(rate, "eth0", "eth1")...)
		b.plug(0, "up")
		b.eventually("eth0 is up", "up", func() string {
			if strings.Contains(b.in(binary+" proc bond0"), "MII Status: up\nSpeed") {
				return "up"
			}
			return "down"
		})
		b.plug(1, "up")
		b.snap(name+"-recovered", settled("eth0", "eth1")...)
	}
}

func TestSituationsOfLACP(t *testing.T) {
	t.Parallel()
	t.Run("fast", adPair("ad-fast", "lacp_rate fast xmit_hash_policy encap3+4", "lacp_rate fast", lacp.ShortTimeout))
	t.Run("slow", adPair("ad-slow", "ad_select bandwidth ad_actor_sys_prio 100 ad_actor_system 02:aa:00:00:00:01 ad_user_port_key 33 min_links 2", "", 0))
	t.Run("passive", func(t *testing.T) {
		waits(t)
		b := newLAG(t)
		b.partner("br0"+switchAddress, "lacp_rate fast", 0, 1)
		b.bond("mode 802.3ad miimon 100 lacp_active off")
		b.snap("ad-passive-up", settled("eth0", "eth1")...)
	})
	t.Run("passive fast", func(t *testing.T) {
		waits(t)
		b := newLAG(t)
		b.partner("br0"+switchAddress, "lacp_rate fast", 0, 1)
		b.bond("mode 802.3ad miimon 100 lacp_rate fast lacp_active off")
		b.snap("pcap-lacp-passive", settled("eth0", "eth1")...)
	})
	t.Run("no partner", func(t *testing.T) {
		waits(t)
		b := newBooth(t)
		b.silent = lacpLines
		b.bond("mode 802.3ad miimon 100")
		// The driver says that the port it falls back on is in sync, with nobody.
		alone := lacp.Activity | lacp.Aggregation | lacp.Defaulted
		b.snap("ad-nopartner-early", portDiff{slave: "eth0", actor: alone}, portDiff{slave: "eth1", actor: alone})
	})
	t.Run("flap", func(t *testing.T) {
		t.Parallel()
		for _, rate := range []string{"fast", "slow"} {
			t.Run(rate, func(t *testing.T) {
				waits(t)
				b := newLAG(t)
				b.partner("br0"+switchAddress, "lacp_rate "+rate, 0, 1)
				b.bond("mode 802.3ad miimon 100 lacp_rate " + rate)
				b.converged()
				b.plug(1, "down")
				b.eventually("eth1 is down", "down\n", func() string { return b.in(binary + " file eth1 mii_status") })
				b.plug(1, "up")
				b.snap("pcap-lacp-"+rate, settled("eth0", "eth1")...)
			})
		}
	})
	// Both take a minute, in which nothing happens: they pass it together.
	t.Run("churn", func(t *testing.T) {
		t.Parallel()
		two, silent := twoPartners(t), silentPartner(t)
		two.patience = 70
		two.snap("pcap-lacp-churn")
		two.plug(0, "down")
		down := unplugged(lacp.ShortTimeout, "eth0")
		down[0].churn = [2]string{"monitoring", "monitoring"} // begins anew
		two.snap("pcap-lacp-churn-failover", append(settled("eth1"), down...)...)
		silent.patience = 70
		silent.eventually("eth1 churns", "2", func() string {
			return fmt.Sprint(strings.Count(silent.in(binary+" proc bond0"), "Churn State: churned"))
		})
		silent.sh("ip netns exec " + silent.sw + " tc filter del dev s1 egress pref 1")
		silent.snap("pcap-lacp-timeout-back", settled("eth1")...)
	})
}

// twoPartners is a bond whose slaves lead to one partner each: one is idle.
func twoPartners(t *testing.T) *booth {
	b := newLAG(t)
	b.partner("br0", "lacp_rate fast", 0)
	b.mutePartner("br1", "lacp_rate fast", 1)
	b.bond("mode 802.3ad miimon 100 lacp_rate fast")
	b.distributes("eth0") // who is first stays the active one
	b.sh("ip -n " + b.sw + " link set br1 up")
	early := append(settled("eth0"), portDiff{slave: "eth1", actor: keep, partner: keep, churn: [2]string{"", "none"}})
	b.snap("pcap-lacp-churn-early", early...)
	return b
}

// silentPartner is a bond whose partner fell silent on one cable.
func silentPartner(t *testing.T) *booth {
	b := newLAG(t)
	b.partner("br0"+switchAddress, "lacp_rate fast", 0, 1)
	b.bond("mode 802.3ad miimon 100 lacp_rate fast")
	b.converged()
	b.sh("ip netns exec " + b.sw + " tc filter add dev s1 egress pref 1 protocol all bpf bytecode '1,6 0 0 2,' direct-action")
	b.snap("pcap-lacp-timeout-2", settled("eth0")...)
	b.snap("pcap-lacp-timeout-9")
	return b
}

// converged waits until both slaves carry traffic.
func (b *booth) converged() {
	b.t.Helper()
	b.distributes("eth0")
	b.distributes("eth1")
}

func (b *booth) distributes(slave string) {
	b.t.Helper()
	b.eventually(slave+" distributes", "true", func() string {
		_, text, _ := strings.Cut(b.sh("ip -n "+b.ns+" -d link show "+slave), "ad_actor_oper_port_state_str")
		text, _, _ = strings.Cut(text, "ad_partner")
		return fmt.Sprint(strings.Contains(text, "distributing"))
	})
}
