package policy_test

import (
	"errors"
	"fmt"
	"testing"

	. "github.com/tapbond/tapbond/policy"
)

func TestModeNames(t *testing.T) {
	for i, name := range []string{"balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"} {
		m := Mode(i)
		if m.String() != name {
			t.Errorf("mode %d: %s", i, m)
		}
		for _, s := range []string{name, fmt.Sprint(i)} {
			if got, err := ParseMode(s); got != m || err != nil {
				t.Errorf("%s: %v, %v", s, got, err)
			}
		}
	}
	if got := [...]Mode{BalanceRR, ActiveBackup, BalanceXOR, Broadcast, LACP, BalanceTLB, BalanceALB}; got != [7]Mode{0, 1, 2, 3, 4, 5, 6} {
		t.Error("numbers differ from the kernel's:", got)
	}
	for _, s := range []string{"", "7", "-1", "+1", "1 ", "256", "active_backup", "Broadcast", "0x1", "unknown(7)"} {
		_, err := ParseMode(s)
		if want := fmt.Sprintf("mode %q: invalid value", s); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
	if s := Mode(7).String(); s != "unknown(7)" {
		t.Error(s)
	}
}

func TestHashPolicyNames(t *testing.T) {
	for i, name := range []string{"layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"} {
		p := HashPolicy(i)
		if text, err := p.MarshalText(); p.String() != name || string(text) != name || err != nil {
			t.Errorf("policy %d: %s, %s, %v", i, p, text, err)
		}
		for _, s := range []string{name, fmt.Sprint(i)} {
			if got, err := ParseHashPolicy(s); got != p || err != nil {
				t.Errorf("%s: %v, %v", s, got, err)
			}
		}
	}
	if got := [...]HashPolicy{Layer2, Layer34, Layer23, Encap23, Encap34, VlanSrcMAC}; got != [6]HashPolicy{0, 1, 2, 3, 4, 5} {
		t.Error("numbers differ from the kernel's:", got)
	}
	_, err := ParseHashPolicy("layer4")
	var pe ParseError
	if !errors.As(err, &pe) || pe.Value != "layer4" || err.Error() != `xmit_hash_policy "layer4": invalid value` {
		t.Error(err)
	}
	b := ether(ipv4, tcp4)
	if hashOf(99, b) != hashOf(Layer2, b) {
		t.Error("a number without a policy does not hash as layer2")
	}
}

func TestReasonNames(t *testing.T) {
	seen := map[string]bool{}
	for r := range NumReasons {
		if s := r.String(); s == "" || s == "unknown" || seen[s] {
			t.Errorf("reason %d: %q", r, s)
		} else {
			seen[s] = true
		}
	}
	if s := NumReasons.String(); s != "unknown" {
		t.Errorf("beyond the last: %q", s)
	}
}

func TestNew(t *testing.T) {
	for _, c := range []struct {
		m              Mode
		serves, copies bool
	}{
		{BalanceRR, true, false}, {ActiveBackup, true, false}, {BalanceXOR, true, false}, {Broadcast, true, true},
		{LACP, true, false}, {BalanceTLB, true, false}, {BalanceALB, true, false}, {7, false, false},
	} {
		s, ok := New(c.m)
		if ok != c.serves || (s != nil) != c.serves {
			t.Errorf("%v: %v, %v", c.m, s, ok)
		}
		if _, copies := s.(Fanout); copies != c.copies {
			t.Errorf("%v sends copies: %v", c.m, copies)
		}
	}
}
