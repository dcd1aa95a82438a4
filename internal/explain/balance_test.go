package explain

import (
	"slices"
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bond"
)

func TestChooseBalanced(t *testing.T) {
	flow, err := ParseFlow(strings.Fields("tcp 10.0.0.1:4000 10.0.0.2:80"))
	if err != nil {
		t.Fatal(err)
	}
	placed := slices.Repeat([]string{"eth0"}, 256)
	placed[10^2] = "eth1" // of 10.0.0.2
	for _, c := range []struct {
		mode   string
		placed []string
		slave  string
		why    string
	}{
		{"balance-alb", placed, "eth1", "bucket 8, which is on eth1"},
		{"balance-tlb", slices.Repeat([]string{"eth1"}, 256), "eth1", "which is on eth1"},
		{"balance-tlb", nil, "", "modulo 2 usable slaves"},
		{"balance-alb", nil, "", "modulo 2 usable slaves"},
	} {
		st := state(c.mode, "layer3+4")
		st.Balance = &bond.BalanceState{Placed: c.placed}
		got, err := Choose(st, flow)
		if err != nil || !strings.Contains(got.Why, c.why) || c.slave != "" && got.Slave != c.slave {
			t.Errorf("%s: %+v, %v", c.mode, got, err)
		}
		var text strings.Builder
		got.Write(&text)
		if lists := strings.Contains(text.String(), "with each policy"); lists != (c.placed == nil) {
			t.Errorf("%s: with buckets other policies say nothing:\n%s", c.mode, text.String())
		}
	}
}
