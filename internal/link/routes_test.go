package link_test

import (
	"net/netip"
	"os/exec"
	"slices"
	"testing"

	"github.com/tapbond/tapbond/internal/link"
)

// Routes in the tables of ip rules are found by the ways that the rules name; a device
// is no way to what no route has on it.
func TestWays(t *testing.T) {
	inHost(t, func(l *link.Linux, index int) {
		for _, line := range []string{
			"ip link set va up; ip link set vb up; ip addr add 10.0.0.9/24 dev va; ip addr add 10.4.0.9/32 dev va",
			"ip route add 10.2.0.0/24 dev va table 100; ip rule add oif va lookup 100; ip rule add oif vb lookup 101",
			"ip route add 10.3.0.0/24 dev va table 102; ip rule add fwmark 7 lookup 102",
			"ip route add 10.4.0.0/24 dev va table 103; ip rule add from 10.4.0.9 lookup 103; ip rule add from 10.8.0.0/24 lookup 104",
			"ip route add 10.5.0.0/24 via 10.0.0.1 table 100; ip rule add not fwmark 9 oif va lookup 105",
		} {
			if out, err := exec.Command("sh", "-ec", line).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", line, err, out)
			}
		}
		addr := netip.MustParseAddr
		i, err := l.LinkByIndex(index)
		must(t, err)
		ways, err := l.Ways([]link.Info{i}, []netip.Addr{addr("10.0.0.9"), addr("10.4.0.9"), addr("fe80::1")})
		must(t, err)
		want := []link.Way{{Out: index}, {Mark: 7}, {Src: addr("10.4.0.9")}}
		for _, w := range want {
			if !slices.Contains(ways, w) {
				t.Errorf("no way %+v in %+v", w, ways)
			}
		}
		if len(ways) != len(want) {
			t.Errorf("%+v, want %+v", ways, want)
		}
		for _, c := range []struct {
			to  string
			way link.Way
			src string // empty: no way there
		}{
			{"10.0.0.1", link.Way{}, "10.0.0.9"}, {"10.2.0.1", link.Way{}, ""}, {"10.2.0.1", want[0], "10.0.0.9"}, {"10.3.0.1", want[1], "10.0.0.9"},
			{"10.4.0.1", want[2], "10.4.0.9"}, {"10.5.0.1", want[0], ""}, {"10.9.0.1", want[0], ""},
		} {
			hop, err := l.OnLink(addr(c.to), c.way)
			if found := err == nil && hop.Index == index; found != (c.src != "") {
				t.Errorf("%s by %+v: %+v, %v", c.to, c.way, hop, err)
			} else if found && hop.Src != addr(c.src) {
				t.Errorf("%s by %+v: from %v, want %s", c.to, c.way, hop.Src, c.src)
			}
		}
	})
}
