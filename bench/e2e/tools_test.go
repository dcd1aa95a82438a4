package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// ethtool is what the installed ethtool shows of bond0's link. A TAP has a
// message level beside it.
func (b *booth) ethtool() string {
	b.t.Helper()
	return messageLevel.ReplaceAllString(b.in("ethtool bond0"), "")
}

var messageLevel = regexp.MustCompile(`(?m)^ +Current message level: .*\n *\n`)

// ifconfig is what ifconfig shows of a link.
type ifconfig struct {
	flags     string
	mtu, qlen int
	text      string
}

func (b *booth) ifconfig(link string) ifconfig {
	b.t.Helper()
	i := ifconfig{text: b.in("ifconfig " + link)}
	m := regexp.MustCompile(`flags=\d+<(.*)> +mtu (\d+)\n(?s:.*)txqueuelen (\d+)`).FindStringSubmatch(i.text)
	if m == nil {
		b.t.Fatalf("ifconfig %s: %s", link, i.text)
	}
	i.flags = m[1]
	i.mtu, _ = strconv.Atoi(m[2])
	i.qlen, _ = strconv.Atoi(m[3])
	return i
}

// count is a number behind words in a line of it, "RX packets" or "TX errors".
func (i ifconfig) count(t *testing.T, way, what string) int {
	t.Helper()
	for line := range strings.Lines(i.text) {
		if !strings.HasPrefix(strings.TrimSpace(line), way+" ") {
			continue
		}
		if m := regexp.MustCompile(`\b` + what + ` (\d+)`).FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			return n
		}
	}
	t.Fatalf("no %s %s in %s", way, what, i.text)
	return 0
}

// The tools that administrators have in their fingers read and set a bond.
func TestToolsOnABond(t *testing.T) {
	t.Parallel()
	b := newBooth(t)
	b.sh("ip -n " + b.ns + " link add bond0 type bond mode balance-rr miimon 100")
	for i := range 2 {
		b.sh(fmt.Sprintf("ip -n %s link set eth%d down master bond0", b.ns, i))
	}

	// Up and addressed by ifconfig, as the old recipes have it.
	b.in("ifconfig bond0 10.1.0.9 netmask 255.255.255.0 broadcast 10.1.0.255 up")
	b.eventually("bond0 has carrier", "1", func() string { return strings.TrimSpace(b.in("cat /sys/class/net/bond0/carrier")) })
	was := map[string]ifconfig{}
	for _, l := range []string{"bond0", "eth0", "eth1"} {
		was[l] = b.ifconfig(l)
		if i := was[l]; i.flags != "UP,BROADCAST,RUNNING,MULTICAST" || i.mtu != 1500 || i.qlen != 1000 {
			t.Errorf("%s: %s", l, i.text)
		}
	}
	for _, want := range []string{"inet 10.1.0.9  netmask 255.255.255.0  broadcast 10.1.0.255", "ether 02:00:00:00:00:00  txqueuelen 1000  (Ethernet)"} {
		if !strings.Contains(was["bond0"].text, want) {
			t.Errorf("no %q in %s", want, was["bond0"].text)
		}
	}

	// What is counted, where: the bond's own, and each slave's part.
	const pings = 20
	b.in(fmt.Sprintf("ping -q -c %d -i 0.01 -w 10 10.1.0.1", pings))
	grown := func(link, way, what string) int {
		return b.ifconfig(link).count(t, way, what) - was[link].count(t, way, what)
	}
	if rx, tx := grown("bond0", "RX", "packets"), grown("bond0", "TX", "packets"); rx < pings || tx < pings {
		t.Errorf("bond0 counted %d packets in, %d out, of %d pings", rx, tx, pings)
	}
	if octets := grown("bond0", "TX", "bytes"); octets < pings*98 {
		t.Errorf("bond0 counted %d octets out", octets)
	}
	for _, l := range []string{"eth0", "eth1"} {
		if n := grown(l, "TX", "packets"); n < pings/2 {
			t.Errorf("%s sent %d of %d pings", l, n, pings)
		}
		for _, bad := range []string{"errors", "overruns", "dropped"} {
			if n := grown(l, "RX", bad); n != 0 {
				t.Errorf("%s: RX %s %d", l, bad, n)
			}
		}
	}
	for _, way := range []string{"RX", "TX"} {
		for _, bad := range []string{"errors", "dropped", "overruns"} {
			if n := b.ifconfig("bond0").count(t, way, bad); n != 0 {
				t.Errorf("bond0: %s %s %d", way, bad, n)
			}
		}
	}
	if line := regexp.MustCompile(`(?m)^bond0 +1500 .* BMRU$`).FindString(b.in("netstat -i")); line == "" {
		t.Errorf("netstat: %s", b.in("netstat -i"))
	}

	// The link, as sysfs and ethtool have it.
	link := func() string {
		return strings.Join(strings.Fields(b.in("cat /sys/class/net/bond0/speed /sys/class/net/bond0/duplex /sys/class/net/bond0/carrier /sys/class/net/bond0/operstate")), " ")
	}
	b.eventually("bond0 of two", "20000 full 1 up", link)
	b.plug(1, "down")
	b.eventually("bond0 of one", "10000 full 1 up", link)
	b.plug(0, "down")
	b.eventually("bond0 of none", "-1 unknown 0 down", link)
	if text := b.in("ethtool bond0"); !strings.Contains(text, "Speed: Unknown!") || !strings.Contains(text, "Link detected: no") {
		t.Errorf("ethtool: %s", text)
	}
	if i := b.ifconfig("bond0"); i.flags != "UP,BROADCAST,MULTICAST" {
		t.Errorf("a bond without a link: %s", i.text)
	}
	b.plug(0, "up")
	b.plug(1, "up")
	b.eventually("bond0 of two again", "20000 full 1 up", link)

	// What ifconfig sets on the bond its slaves get.
	b.in("ifconfig bond0 mtu 1400")
	b.in("ifconfig bond0 hw ether 02:00:00:00:00:77")
	b.in("ifconfig bond0 promisc")
	for _, l := range []string{"eth0", "eth1"} {
		b.eventually(l+" follows", "1400 02:00:00:00:00:77 promiscuous", func() string {
			mode := "not promiscuous"
			if !strings.Contains(b.sh("ip -n "+b.ns+" -d link show "+l), "promiscuity 0") {
				mode = "promiscuous"
			}
			return strings.Join(strings.Fields(b.in("cat /sys/class/net/"+l+"/mtu /sys/class/net/"+l+"/address")), " ") + " " + mode
		})
	}
	b.in("ifconfig bond0 -promisc down")
	b.eventually("bond0 is down", "DOWN: administratively down", func() string {
		_, verdict, _ := strings.Cut(strings.SplitN(b.in(binary+" show bond0"), "\n", 2)[0], "balance-rr, ")
		return verdict
	})
	b.sh("ip -n " + b.ns + " link del bond0")
}
