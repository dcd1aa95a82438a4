package option

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseWords(t *testing.T) {
	tests := []struct {
		words string
		want  []Assign
		rest  []string
		err   string
	}{
		{words: ""},
		{words: "mode 1 miimon 100", want: []Assign{{Option: "mode", Value: "1"}, {Option: "miimon", Value: "100"}}},
		{words: "xmit-hash-policy layer3+4", want: []Assign{{Option: "xmit_hash_policy", Value: "layer3+4"}}},
		{words: "peer_notify_delay 200", want: []Assign{{Option: "peer_notif_delay", Value: "200"}}},
		{words: "num_unsol_na 3", want: []Assign{{Option: "num_unsol_na", Value: "3"}}},
		{words: "clear_active_slave miimon 5", want: []Assign{{Option: "active_slave"}, {Option: "miimon", Value: "5"}}},
		{words: "miimon 0 arp_ip_target", want: []Assign{{Option: "miimon", Value: "0"}, {Option: "arp_ip_target"}}},
		{words: "mode 0 slaves eth0 eth1", want: []Assign{{Option: "mode", Value: "0"}}, rest: []string{"slaves", "eth0", "eth1"}},
		{words: "mimon 100", err: "option mimon: unknown option, did you mean miimon?"},
		{words: "arp-ip-targets 10.0.0.1", err: "option arp-ip-targets: unknown option, did you mean arp_ip_target?"},
		{words: "colour red", err: "option colour: unknown option"},
		{words: "miimon", err: "option miimon: value missing"},
		{words: "prio 5", err: "option prio: belongs to a slave, not to the bond"},
	}
	for _, tt := range tests {
		a, rest, err := ParseWords(strings.Fields(tt.words))
		if err != nil && err.Error() != tt.err || err == nil && tt.err != "" {
			t.Errorf("%q: error %v, want %s", tt.words, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, a); diff != "" {
			t.Errorf("%q (-want +got)\n%s", tt.words, diff)
		}
		if diff := cmp.Diff(tt.rest, rest); diff != "" {
			t.Errorf("%q: rest (-want +got)\n%s", tt.words, diff)
		}
	}
	if _, err := ParseSlaveWords("eth0", []string{"miimon", "100"}); err == nil {
		t.Error("a slave took miimon")
	}
}
