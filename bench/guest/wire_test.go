package guest

import (
	"strings"
	"testing"

	"github.com/tapbond/tapbond/bench/benchtest"
	"github.com/tapbond/tapbond/bench/lab"
)

// TestWire has a NIC on an interface of a lab's host, in place of the host:
// frames get through, tagged and to link-local addresses too, until the link is
// cut; afterwards the interface is the host's again.
func TestWire(t *testing.T) {
	need(t)
	l := benchtest.Build(t, lab.Topology{Slaves: 1, Wire: true, Switch: lab.NoSwitch})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.A.QuietIPv6())
	must(l.A.Up("eth0"))
	must(l.A.Assign("eth0", lab.AddrA4))
	t.Run("wired", func(t *testing.T) {
		g := boot(t, Config{Host: l.B, NICs: []NIC{{Interface: "eth0"}}})
		run(t, g, "ip addr add "+lab.AddrB4.String()+" dev eth0; ip link set eth0 up; ip link add link eth0 name v5 type vlan id 5; ip link set v5 up", "")
		ping := "ping -c 1 -W 2 " + lab.AddrA4.Addr().String()
		run(t, g, await(ping), "")
		run(t, g, "ping -s 1472 -M do -c 3 -i 0.2 -W 2 "+lab.AddrA4.Addr().String(), "3 received")
		must(l.Link(0).Drop(lab.ToA))
		run(t, g, "! "+ping, "100% packet loss")
		must(l.Link(0).Heal(lab.Both))
		run(t, g, await(ping), "")
		must(g.Cable(0, false))
		run(t, g, await("grep -q 0 /sys/class/net/eth0/carrier"), "")
	})
	if _, err := l.B.Handle.LinkByName(tapName("eth0")); err == nil {
		t.Error("the TAP is left")
	}
	must(l.B.Assign("eth0", lab.AddrB4))
	out, err := l.A.Command(t.Context(), "sh", "-c", "ip neigh flush dev eth0; ping -c1 -W2 "+lab.AddrB4.Addr().String()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "1 received") {
		t.Errorf("the host itself: %v: %s", err, out)
	}
}
