package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// has waits until an interface's lists have an address, or have it no more.
func (b *booth) has(dev, mac string, want bool) {
	b.t.Helper()
	list := "bridge fdb show dev " + dev
	if strings.HasPrefix(mac, "01:") || strings.HasPrefix(mac, "33:33:") {
		list = "ip maddr show dev " + dev
	}
	b.eventually(fmt.Sprintf("%s is in the lists of %s", mac, dev), fmt.Sprint(want), func() string {
		return fmt.Sprint(strings.Contains(b.in(list), mac))
	})
}

// flags are the words about reception in what ip -d says of a link.
func (b *booth) flags(dev string) string {
	b.t.Helper()
	var out []string
	words := strings.Fields(b.sh("ip -n " + b.ns + " -d link show " + dev))
	for i, w := range words {
		if w == "promiscuity" || w == "allmulti" {
			out = append(out, words[i+1])
		}
	}
	return strings.Join(out, " ")
}

// TestAddressLists: what is received for the bond is received on its slaves, and
// no longer when they leave it, whichever of them is active then.
func TestAddressLists(t *testing.T) {
	waits(t)
	const guest, group = "02:00:00:00:00:77", "33:33:00:00:12:34"
	b := newBooth(t)
	b.bond("mode active-backup miimon 100")
	b.sh("ip -n " + b.ns + " link set bond0 promisc on allmulticast on")
	b.eventually("eth0 is promiscuous", "1 1", func() string { return b.flags("eth0") })
	b.sh("ip -n " + b.ns + " link set bond0 promisc off allmulticast off")
	b.eventually("eth0 isn't promiscuous", "0 0", func() string { return b.flags("eth0") })
	b.sh("ip -n " + b.ns + " link set bond0 promisc on")
	b.eventually("eth0 is promiscuous again", "1 0", func() string { return b.flags("eth0") })
	b.sh("ip -n " + b.ns + " link set bond0 promisc off")
	b.eventually("eth0 isn't promiscuous", "0 0", func() string { return b.flags("eth0") })
	// The hosts behind a bridge have addresses of their own.
	b.sh("ip -n " + b.ns + " link add br0 type bridge; ip -n " + b.ns + " link set bond0 master br0")
	b.eventually("eth0 hears what is for a bridge's other ports", "1 0", func() string { return b.flags("eth0") })
	b.sh("ip -n " + b.ns + " link set bond0 nomaster; ip -n " + b.ns + " link del br0")
	b.eventually("eth0 isn't promiscuous any more", "0 0", func() string { return b.flags("eth0") })

	b.sh("ip -n " + b.ns + " link add link bond0 name mv0 address " + guest + " type macvlan mode bridge")
	b.sh("ip -n " + b.ns + " link set mv0 up")
	b.sh("ip -n " + b.ns + " maddr add " + group + " dev bond0")
	for _, dev := range []string{"eth0", "eth1"} {
		b.has(dev, guest, true)
		b.has(dev, group, true)
	}
	b.sh("ip -n " + b.ns + " link set bond0 type bond active_slave eth1")
	b.sh("ip -n " + b.ns + " link set eth0 nomaster")
	b.has("eth0", guest, false)
	b.has("eth0", group, false)
	b.eventually("a freed slave isn't promiscuous", "0 0", func() string { return b.flags("eth0") })
	b.has("eth1", guest, true)
	b.sh("ip -n " + b.ns + " link set bond0 down")
	b.sh("ip -n " + b.ns + " link set eth1 nomaster")
	b.has("eth1", guest, false)
	b.has("eth1", group, false)
	b.sh("ip -n " + b.ns + " link set eth0 master bond0")
	b.has("eth0", guest, true)
	b.sh("ip -n " + b.ns + " link del bond0")
	b.has("eth0", guest, false)
	b.has("eth0", group, false)
}

// TestSlowProtocolsGroup: in 802.3ad a slave receives LACP's group while the bond
// is up.
func TestSlowProtocolsGroup(t *testing.T) {
	waits(t)
	const lacp = "01:80:c2:00:00:02"
	b := newBooth(t)
	b.bond("mode 802.3ad miimon 100")
	b.has("eth0", lacp, true)
	b.sh("ip -n " + b.ns + " link set eth0 nomaster")
	b.has("eth0", lacp, false)
	b.has("eth1", lacp, true)
	b.sh("ip -n " + b.ns + " link del bond0")
	b.has("eth1", lacp, false)
}

// TestSeveralBonds: two bonds side by side, one of them renamed and given
// another MTU and address while the other goes on.
func TestSeveralBonds(t *testing.T) {
	waits(t)
	b := newBooth(t)
	ip := func(line string) string { b.t.Helper(); return b.sh("ip -n " + b.ns + " " + line) }
	for i, mode := range []string{"active-backup", "balance-xor"} {
		ip(fmt.Sprintf("link add bond%d type bond mode %s miimon 100", i, mode))
		ip(fmt.Sprintf("link set eth%d down master bond%d", i, i))
		ip(fmt.Sprintf("addr add 10.1.0.%d/24 dev bond%d", 8+i, i))
		ip(fmt.Sprintf("link set bond%d up", i))
	}
	if _, err := b.try("ip -n " + b.ns + " link set eth0 master bond1"); err != nil {
		t.Errorf("a slave of bond0 can't go to bond1: %v", err)
	}
	ip("link set eth0 nomaster")
	ip("link set eth0 master bond0")
	if got := strings.Fields(ip("-br link show type bond")); len(got) != 8 || got[0] != "bond0" || got[4] != "bond1" {
		t.Errorf("bonds: %v", got)
	}
	ip("link set bond1 down")
	ip("link set bond1 name uplink")
	ip("link set uplink up")
	ip("link set uplink mtu 1400 address 02:00:00:00:00:99")
	if got := ip("link show eth1"); !strings.Contains(got, "mtu 1400") || !strings.Contains(got, "02:00:00:00:00:99") || !strings.Contains(got, "master uplink") {
		t.Errorf("a slave of the renamed bond: %s", got)
	}
	if got := ip("link show eth0"); !strings.Contains(got, "mtu 1500") || !strings.Contains(got, "master bond0") {
		t.Errorf("the other bond's: %s", got)
	}
	ip("link set uplink type bond xmit_hash_policy layer2+3")
	if got := b.in(binary + " file uplink xmit_hash_policy"); got != "layer2+3 2\n" {
		t.Errorf("an option of the renamed bond: %s", got)
	}
	if _, err := b.try("ip netns exec " + b.ns + " " + binary + " show bond1"); err == nil {
		t.Error("the old name is known still")
	}
	b.in("ping -q -c 2 -i 0.2 -w 5 -I bond0 10.1.0.1")
	ip("link del uplink")
	if got := ip("link show eth1"); !strings.Contains(got, "mtu 1500") || !strings.Contains(got, "02:00:00:00:00:01") {
		t.Errorf("a slave of a bond that is gone: %s", got)
	}
	b.in("ping -q -c 2 -i 0.2 -w 5 -I bond0 10.1.0.1")
}
