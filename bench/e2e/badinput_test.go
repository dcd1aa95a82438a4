package e2e

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tapbond/tapbond/bench/lab"
)

// Bad input gets one line and ip's exit status, and changes nothing.
func TestBadInput(t *testing.T) {
	waits(t)
	b := newBooth(t)
	ns := "ip netns exec " + b.ns + " "
	for _, line := range []string{
		"ip link add bond0 type bond mode active-backup miimon 100", "ip link set eth0 master bond0", "ip link set bond0 up",
		"ip link add bond1 type bond mode balance-xor", "ip link add br9 type bridge", "ip link set eth1 up",
	} {
		b.sh(ns + line)
	}
	seen := func() string {
		// Details without counters and ages.
		return b.sh(ns+"ip -d link show") + b.sh(ns+binary+" proc bond0") + b.sh(ns+binary+" proc bond1")
	}
	b.eventually(ns+"cat /sys/class/net/eth1/operstate", "up\n", func() string { return b.sh(ns + "cat /sys/class/net/eth1/operstate") })
	before := seen()
	tap := "tapbond: "
	for _, c := range []struct {
		line   string
		status int
		says   string
	}{
		{"ip link add b2 type bond mode bogus", 255, `Error: argument "bogus" is wrong: invalid mode`},
		{"ip link set bond0 type bond nonsense 1", 1, `bond: unknown command "nonsense"?`},
		{"ip link set bond1 type bond primary eth0", 2, "Error: option not supported in mode."},
		{"ip link set bond0 type bond mode 2", 2, "Error: unable to set option because the bond device has slaves."},
		{"ip link set lo master bond0", 2, "Error: Device type is different from other slaves."},
		{"ip link set bond0 master bond0", 2, "Error: Cannot enslave bond to itself."},
		{"ip link set eth1 master bond0", 2, "Error: Device can not be enslaved while up."},
		{"ip link set nix master bond0", 1, `Cannot find device "nix"`},
		{"ip link set br9 type bond miimon 100", 2, "RTNETLINK answers: Operation not supported"},
		{"ip link add bond0 type bond", 2, "RTNETLINK answers: File exists"},
		{"ip link add br9 type bond", 2, "RTNETLINK answers: File exists"},
		{"ip link del bond7", 1, `Cannot find device "bond7"`},
		{"ip link show bond7", 1, `Device "bond7" does not exist.`},
		{binary + " daemon", 1, tap + "another tapbond serves this network namespace"},
		{binary + " run bond9", 1, tap + "another tapbond serves this network namespace; make the bond there: tapbond ip link add bond9 type bond"},
		{binary + " cleanup", 1, tap + "a daemon serves this network namespace; `tapbond delete BOND` undoes a bond of it"},
		{binary + " set bond0 miimon abc", 1, tap + "bond0: option miimon: invalid value (abc); it takes 0 to 2147483647 ms (tapbond options miimon)"},
		{binary + " set bond0 miimon -1", 1, tap + "bond0: option miimon: invalid value (-1); it takes 0 to 2147483647 ms (tapbond options miimon)"},
		{binary + " set bond0 mode=4", 1, tap + "set: option mode=4: name and value are two words: mode 4; for example: tapbond set bond0 mode 4"},
		{binary + " file eth7 state", 1, tap + "eth7 is neither a bond nor a slave; there is bond0 (eth0), bond1"},
		{binary + " file eth0 nosuch", 1, tap + "eth0: bonding_slave/nosuch: no such file or directory; eth0 has ad_actor_oper_port_state, ad_aggregator_id, ad_partner_oper_port_state, link_failure_count, mii_status, perm_hwaddr, queue_id, state"},
		{binary + " explain flow tcp 10.0.0.1:1 10.0.0.2:2", 1, tap + "there are several bonds; name one: --bond bond0 (there is bond0 (eth0), bond1)"},
		{binary + " ip nosuch", 1, `Object "nosuch" is unknown, try "ip help".`},
		{binary + " rmmod nosuch", 1, "rmmod: ERROR: Module nosuch is not currently loaded"},
		{binary + " set bond0 mimon 100", 1, tap + "set: option mimon: unknown option, did you mean miimon? tapbond options lists all; for example: tapbond set bond0 active_slave eth1"},
		{binary + " set bond0 miimon 50 primary_reselect often", 1, tap + "bond0: option primary_reselect: invalid value (often); it takes always, better, failure (tapbond options primary_reselect)"},
		{binary + " enslave bond0 eth0", 1, tap + "bond0: (slave eth0): Device is in use and cannot be enslaved"},
		{binary + " enslave bond0 nix", 1, tap + "bond0: (slave nix): interface does not exist"},
		{binary + " release bond0 eth1", 1, tap + "bond0: (slave eth1): interface not a slave of this bond"},
		{binary + " show bond7", 1, tap + "bond bond7 does not exist; there is bond0, bond1"},
		{binary + " explain slave eth1", 1, tap + "eth1 is no slave of a bond of this network namespace; there is bond0 (eth0), bond1"},
		{"setpriv --reuid=65534 --regid=65534 --clear-groups ip link add b2 type bond", 2, "RTNETLINK answers: Operation not permitted"},
		{"setpriv --reuid=65534 --regid=65534 --clear-groups " + binary + " daemon", 1, tap + "nobody may not make bonds: root is needed (CAP_NET_ADMIN and CAP_NET_RAW)"},
	} {
		out, err := b.try(ns + c.line)
		var exit *exec.ExitError
		status := 0
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		first, _, _ := strings.Cut(out, "\n")
		if status != c.status || first != c.says {
			t.Errorf("%s: %d %q, want %d %q", strings.TrimPrefix(c.line, filepath.Dir(binary)+"/"), status, first, c.status, c.says)
		}
		if !strings.HasPrefix(c.says, "bond: unknown") && strings.Count(out, "\n") != 1 {
			t.Errorf("%s: more than a line: %q", c.line, out)
		}
	}
	if after := seen(); after != before {
		t.Errorf("something has changed:\n%s\n%s", before, after)
	}
}

// No TUN device, as in a container that isn't given it.
func TestWithoutDevNetTun(t *testing.T) {
	waits(t)
	b := newBooth(t)
	out, err := b.try("ip netns exec " + b.ns + " unshare -m sh -c 'mount -t tmpfs none /dev/net && ip link add bond0 type bond'")
	if err == nil || !strings.Contains(out, "/dev/net/tun: no such file or directory") || strings.Count(out, "\n") != 1 {
		t.Errorf("%v: %q", err, out)
	}
}

// Clients that ask for events and never read them, or connect and say nothing.
func TestClientsThatDoNotRead(t *testing.T) {
	s := serve(t, lab.Topology{Slaves: 2})
	s.bond("mode active-backup miimon 100")
	for i := range 40 {
		conn, err := net.Dial("unix", filepath.Join(s.client.Dir(), "control.sock"))
		s.must(err)
		defer conn.Close()
		if i%2 == 0 {
			_, err = fmt.Fprint(conn, "GET /v1/events?since=0 HTTP/1.1\r\nHost: x\r\n\r\n")
			s.must(err)
		}
	}
	slowest := time.Duration(0)
	for i := range 200 {
		began := time.Now()
		s.do("set", "bond0", "active_slave", fmt.Sprintf("eth%d", i%2))
		slowest = max(slowest, time.Since(began))
	}
	if slowest > pick(2*time.Second, 200*time.Millisecond) {
		t.Errorf("a request took %v beside 40 clients that don't read", slowest)
	}
	s.must(s.pingOnce(t.Context()))
	s.down()
	s.clean()
}
