package option

import (
	"net/netip"
	"strings"
	"testing"
)

func TestTargetText(t *testing.T) {
	for text, want := range map[string]Target{
		"10.1.0.1":        {Addr: netip.MustParseAddr("10.1.0.1")},
		"192.0.2.1[10]":   {Addr: netip.MustParseAddr("192.0.2.1"), VLANs: VLANs{10}},
		"fd00::1[1/4094]": {Addr: netip.MustParseAddr("fd00::1"), VLANs: VLANs{1, 4094}},
	} {
		var got Target
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"10.1.0.1[]", "10.1.0.1[0]", "10.1.0.1[4095]", "10.1.0.1[1/2/3]", "10.1.0.1[1", "10.1.0.1[a]", "10.1.0.1[1]2", "[1]"} {
		if err := new(Target).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%s is taken for a target", text)
		}
		if _, ok := parseIPv4(text); ok {
			t.Errorf("%s is taken for an ARP target", text)
		}
	}
}

func TestTargetsInVLANs(t *testing.T) {
	v := Defaults()
	env := Env{Bond: "bond0", AllowUnsupported: true}
	set := func(via Via, name, value, want string) {
		t.Helper()
		env.Via = via
		res, err := v.Set(env, name, value)
		if err != nil {
			if want != "refused" {
				t.Errorf("%s %s: %v", name, value, err)
			}
			return
		}
		v = res.Values
		if got := v.Word(ByName(name).ID, &Runtime{}); got != want {
			t.Errorf("%s %s: reads %q, want %q", name, value, got, want)
		}
	}
	set(ViaNetlink, "arp_ip_target", "10.1.0.1[10],10.2.0.1[10/20],10.3.0.1", "10.1.0.1[10],10.2.0.1[10/20],10.3.0.1")
	set(ViaSysfs, "arp_ip_target", "+10.4.0.1[7]", "10.1.0.1[10],10.2.0.1[10/20],10.3.0.1,10.4.0.1[7]")
	set(ViaSysfs, "arp_ip_target", "+10.4.0.1[8]", "refused") // an answer doesn't tell its VLAN
	set(ViaSysfs, "arp_ip_target", "-10.1.0.1[9]", "refused")
	set(ViaSysfs, "arp_ip_target", "-10.1.0.1[10]", "10.2.0.1[10/20],10.3.0.1,10.4.0.1[7]")
	set(ViaSysfs, "arp_ip_target", "-10.2.0.1", "10.3.0.1,10.4.0.1[7]")
	set(ViaNetlink, "ns_ip6_target", "fd00::1[4094],fd00::2", "fd00::1[4094],fd00::2")
	set(ViaNetlink, "ns_ip6_target", "fd00::1[4095]", "refused")
	if text, _ := v.ReadFile("arp_ip_target", &Runtime{}); strings.TrimSpace(text) != "10.3.0.1 10.4.0.1[7]" {
		t.Errorf("file reads %q", text)
	}
}
