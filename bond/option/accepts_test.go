package option

import "testing"

func TestAccepts(t *testing.T) {
	for name, want := range map[string]string{
		"mode":         "balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb",
		"updelay":      "0 to 2147483647 ms",
		"num_grat_arp": "0 to 255",
	} {
		if got := ByName(name).Accepts(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, o := range All() {
		if o.Accepts() == "" {
			t.Errorf("%s takes nothing", o.Name)
		}
	}
}
