package ipshell

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tapbond/tapbond/bond"
	"github.com/tapbond/tapbond/internal/kernel/sample"
	"github.com/tapbond/tapbond/lacp"
)

// What ip printed of bonds and slaves in every recorded situation, read into a
// bond's state, is printed as it was.
func TestSamples(t *testing.T) {
	sample.Each(t, false, func(t *testing.T, s *sample.Sample) {
		wantText, err := s.Text("ip.txt")
		if err != nil {
			t.Fatal(err)
		}
		wantTree, err := s.Text("ip.json")
		if err != nil {
			t.Fatal(err)
		}
		st := &s.State
		if got := text("bond", bondInfo(st)); !strings.Contains(wantText, "\n    "+got+"addrgenmode") {
			t.Errorf("%s is not in\n%s", got, wantText)
		}
		for i := range st.Slaves {
			if got := text("bond_slave", slaveInfo(&st.Slaves[i])); !strings.Contains(wantText, "\n    "+got+"addrgenmode") {
				t.Errorf("%s is not in\n%s", got, wantText)
			}
		}
		got := map[string]string{"bond0": printed(object{{"info_kind", "bond"}, {"info_data", tree(bondInfo(st))}})}
		for i := range st.Slaves {
			sl := &st.Slaves[i]
			got[sl.Name] = printed(object{{"info_kind", "veth"}, {"info_slave_kind", "bond"}, {"info_slave_data", tree(slaveInfo(sl))}})
		}
		for line := range strings.Lines(wantTree) {
			link, err := parseTree([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprint(link.(object).get("ifname"))
			if diff := cmp.Diff(printed(link.(object).get("linkinfo")), churnMembers.ReplaceAllString(got[name], "")); diff != "" && (name == "bond0" || len(st.Slaves) > 0) {
				t.Errorf("%s: %s", name, diff)
			}
		}
	})
}

// churnMembers are of a newer kernel than the recordings'.
var churnMembers = regexp.MustCompile(`,"ad_churn_actor_state":"(none|monitoring|churned)","ad_churn_partner_state":"(none|monitoring|churned)"`)

// JSON tells of churn on a port of LACP, and on no other slave.
func TestChurn(t *testing.T) {
	s := &bond.SlaveState{Name: "eth0", State: "ACTIVE", MIIStatus: "UP"}
	if got := printed(tree(slaveInfo(s))); strings.Contains(got, "churn") {
		t.Errorf("without LACP: %s", got)
	}
	s.AD = &bond.ADPort{PortState: lacp.PortState{ActorChurn: "churned", PartnerChurn: "monitoring"}}
	if got := printed(tree(slaveInfo(s))); !strings.Contains(got, `"ad_churn_actor_state":"churned","ad_churn_partner_state":"monitoring"`) {
		t.Errorf("with LACP: %s", got)
	}
}

func printed(v any) string {
	p := &printer{}
	p.value(v)
	return p.String()
}
