package nic_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/internal/labtest"
	"github.com/tapbond/tapbond/internal/nic"
)

// Rules that the bond's frames go around are found; ours and harmless ones aren't.
func TestBypassedRules(t *testing.T) {
	withBed(t, func(d *bed) {
		index := d.a.Attrs().Index
		hook, err := nic.Isolate(index)
		must(t, err)
		redirected := false
		rules := func() string {
			t.Helper()
			list, err := nic.BypassedRules(index, "va", redirected)
			must(t, err)
			slices.Sort(list)
			return strings.Join(list, ", ")
		}
		do := func(line string) {
			t.Helper()
			if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", line, err, out)
			}
		}
		is := func(about, want string) {
			t.Helper()
			if got := rules(); got != want {
				t.Errorf("%s: %q, want %q", about, got, want)
			}
		}
		is("with our filter", "")
		do("tc filter add dev va ingress pref 50 protocol all bpf da bytecode '1,6 0 0 0'")
		is("with a filter of others", "tc ingress filter (bpf, pref 50)")
		do("tc filter del dev va ingress pref 50")
		is("without it", "")
		if _, err := exec.LookPath("nft"); err != nil {
			labtest.Lack(t, "nft")
		}
		do("nft add table netdev t; nft 'add chain netdev t empty { type filter hook ingress device va priority 0; }'")
		is("with an empty chain", "")
		do("nft 'add chain netdev t in { type filter hook ingress device va priority 0; }'; nft add rule netdev t in counter drop")
		do("nft 'add chain netdev t other { type filter hook ingress device vb priority 0; }'; nft add rule netdev t other counter drop")
		do("nft add table inet i; nft 'add chain inet i in { type filter hook ingress device va priority 0; }'; nft add rule inet i in counter drop")
		do("nft 'add chain inet i host { type filter hook input priority 0; }'; nft add rule inet i host counter drop")
		do("nft 'add chain netdev t two { type filter hook ingress devices = { va, vb } priority 0; }'; nft add rule netdev t two counter")
		is("with chains", "nftables ingress chain (inet i in), nftables ingress chain (netdev t in), nftables ingress chain (netdev t two)")
		do("nft flush ruleset; nft add table netdev t; nft 'add chain netdev t out { type filter hook egress device va priority 0; }'; nft add rule netdev t out counter drop")
		is("with an egress chain that is served", "")
		redirected = true
		is("with one that isn't", "nftables egress chain (netdev t out)")
		must(t, hook.Remove())
	})
}
